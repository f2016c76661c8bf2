"""How terminology asks for the resources that it needs.

Rule: what is evaluated is a generator that yields a `Wanted` and is sent what was found, None where nothing is; it
knows neither where resources come from nor whether one has to wait for them. With a source at hand:

    run(expansion.expand("http://hl7.org/fhir/ValueSet/administrative-gender", most=100), shipped.find)

and with one that has to be awaited:

    steps = expansion.expand(url, most=100)
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(await find(wanted))
    except StopIteration as done:
        codes = done.value
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from resources.terminology.problems import NotExpandable
from resources.terminology.shapes import ValueSet
from resources.terminology.systems import System

Code = tuple[str, str]
"""A system and a code of it."""

MOST_LOOKUPS: Final = 200
"""So many resources may one evaluation ask for."""
MOST_CONSIDERED: Final = 500_000
"""So many codes may one evaluation look at, a code once for each rule that it is compared with."""
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource by its canonical url; `version` None is the latest."""

    type: Literal["ValueSet", "CodeSystem"]
    url: str
    version: str | None = None

    def __str__(self) -> str:
        canonical = f"{self.url}|{self.version}" if self.version else self.url
        return f"{self.type} {canonical[:_SHOWN]}"


T = TypeVar("T")
Found = ValueSet | System | None
Steps = Generator[Wanted, Found, T]


def run(steps: Steps[T], find: Callable[[Wanted], Found]) -> T:
    """The result of an evaluation whose resources are all at hand. Raises NotExpandable."""
    try:
        wanted = next(steps)
        while True:
            wanted = steps.send(find(wanted))
    except StopIteration as done:
        result: T = done.value
        return result


class Effort:
    """What one evaluation has cost so far. Its methods raise NotExpandable (too-costly)."""

    __slots__ = ("_considered", "_lookups")

    def __init__(self) -> None:
        self._considered = 0
        self._lookups = 0

    def consider(self, codes: int) -> None:
        """So many codes are about to be looked at."""
        self._considered += codes
        if self._considered > MOST_CONSIDERED:
            raise NotExpandable(f"more than {MOST_CONSIDERED:,} codes would have to be looked at", "too-costly")

    def look_up(self) -> None:
        """One more resource is about to be asked for."""
        self._lookups += 1
        if self._lookups > MOST_LOOKUPS:
            raise NotExpandable(f"more than {MOST_LOOKUPS} ValueSets and CodeSystems would be needed", "too-costly")


def value_set(canonical: str, effort: Effort) -> Steps[ValueSet]:
    """The ValueSet of `url` or `url|version`. Raises NotExpandable."""
    found = yield from _resource("ValueSet", canonical, effort)
    if not isinstance(found, ValueSet):
        raise NotExpandable(f"{found}{_implicit(canonical)}", "not-found")
    return found


def code_system(canonical: str, effort: Effort) -> Steps[System]:
    """The CodeSystem of `url` or `url|version`. Raises NotExpandable."""
    found = yield from _resource("CodeSystem", canonical, effort)
    if not isinstance(found, System):
        raise NotExpandable(f"{found}; store it with its concepts", "not-found")
    return found


def _resource(
    type_: Literal["ValueSet", "CodeSystem"], canonical: str, effort: Effort
) -> Steps[ValueSet | System | str]:
    """The resource, or why there is none."""
    url, _, version = canonical.partition("|")
    effort.look_up()
    wanted = Wanted(type_, url, version or None)
    found = yield wanted
    if found is not None:
        return found
    other = (yield Wanted(type_, url)) if version else None
    here = f"; version {other.version or '(none)'} is" if other is not None else ""
    return f"{wanted} is neither stored on this server nor one of HL7's{here}"


def _implicit(url: str) -> str:
    """Why a ValueSet that its url describes is not made here."""
    if url.startswith("http://snomed.info/"):
        return "; value sets that a url describes need SNOMED CT itself, which this server does not have"
    if url.startswith("http://loinc.org/vs"):
        return "; answer lists and groups of LOINC need LOINC itself: store the ValueSet under this url"
    return ""
