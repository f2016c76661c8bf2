"""Query pairs → `Query`: what is asked for, and how the answer is to look; strict and lenient handling.

Rule: nothing is dropped in silence: what is not understood is refused (400), or, where the client did not ask for
strict handling, is named in a warning and left out of `applied`. What FHIR defines and this server cannot answer yet
is always refused, since without it the answer would be too wide.
See https://hl7.org/fhir/R4/search.html.
"""

from __future__ import annotations

from fhir_server.document import entry
from fhir_server.model import Pairs
from fhir_server.search import contained, criteria, filters, results, rewrite
from fhir_server.search.criteria import Asking, UnknownParameterError, UnreadyParameterError, shown
from fhir_server.search.query import Query
from fhir_server.search.reading import Reading
from fhir_server.search.tree import Equals, Expr, InCompartment, StartsWith, all_of, conjuncts
from fhir_server.search.upgrade import check_current
from resources.outcome import BadRequest, FhirError, Issue, Unavailable
from resources.parameters import WITHOUT_ENTRIES, WORDS, ParameterSet
from resources.registry import RESOURCE_TYPES

LONGEST_VALUE = 4000
"""Characters of one parameter's value."""
MOST_PARAMETERS = 200
"""Parameters of one search."""

OF_CLIENTS = frozenset({"_", "_totalMethod"})
"""What clients send by habit: fhirpy to ask for `total`, others against caches. They filter nothing, so without them no
search finds too much."""
_COMMON = frozenset({*WITHOUT_ENTRIES, *WORDS, "_list", "_profile", "_security", "_source", "_tag"})
"""Those of every type, which a search over all types takes."""


def parse(
    type_: str | None,
    pairs: Pairs,
    *,
    parameters: ParameterSet,
    base_url: str,
    strict: bool | None,
    default_count: int,
    max_count: int,
    now_ms: int,
    compartment: str | None = None,
) -> Query:
    """The search that `pairs` ask for, over `type_`, or over all types where it is None; within the `compartment` of
    `Patient/1` where one is given.

    `strict` is `Prefer: handling=strict`; None is lenient. `now_ms` (milliseconds since the epoch) is what the prefix
    `ap` measures from. Repeated pairs must all hold; of values joined by commas one. Raises BadRequest with an issue
    for each pair that is wrong.
    """
    if len(pairs) > MOST_PARAMETERS:
        raise BadRequest(
            f"A search has at most {MOST_PARAMETERS} parameters; these are {len(pairs)}.", code="too-costly"
        )
    asking = Asking(parameters, base_url, now_ms)
    reading = Reading(type_, asking, bool(strict), max_count, min(default_count, max_count))
    if compartment is not None:
        reading.tests.append(InCompartment(compartment))
    # _type comes first: it says which parameters there are.
    for name, text in sorted(pairs, key=lambda pair: pair[0] != "_type"):
        try:
            _read(reading, name, text)
        except Unavailable:
            raise
        except FhirError as error:
            reading.errors.extend(error.issues)
    if reading.errors:
        raise BadRequest(issues=reading.errors)
    check_current(parameters, (type_,) if type_ else reading.types or RESOURCE_TYPES)
    query = Query(
        type=type_,
        tree=rewrite.join_ranges(all_of(*reading.tests), asking.single_ranges),
        types=reading.types,
        sort=reading.sort,
        count=0 if reading.only_count else reading.count,
        cursor=reading.cursor,
        issues=tuple(reading.warnings),
        applied=tuple(reading.applied),
        total=reading.total,
        explain=reading.explain,
        compartment=compartment,
        subset=reading.subset,
        includes=tuple(reading.includes),
        contained=reading.contained,
        contained_type=reading.contained_type,
    )
    if query.contained != "false":
        contained.check(query)
    return query


def condition_key(type_: str, tree: Expr) -> str:
    """The same text for the same criteria, in whatever order and form they were written."""
    return f"{type_}?{'&'.join(sorted(map(repr, conjuncts(tree))))}"


def identifiers(type_: str, tree: Expr) -> tuple[str, ...]:
    """The values of business identifiers that all of what satisfies `tree` has, each without its system, which one
    client names and another does not."""
    key = f"{type_}.identifier{entry.SEPARATOR}"
    texts = [
        part.entry if isinstance(part, Equals) else part.prefix
        for part in conjuncts(tree)
        if isinstance(part, Equals | StartsWith)
    ]
    return tuple(key + text.removeprefix(key).partition(entry.SEPARATOR)[0] for text in texts if text.startswith(key))


def _read(reading: Reading, name: str, text: str) -> None:
    if len(text) > LONGEST_VALUE:
        raise BadRequest(
            f"Parameter {shown(name)}: a value has at most {LONGEST_VALUE} characters, this one {len(text)}"
        )
    if not text:
        reading.leave_out(f"Parameter {shown(name)} has no value")
    elif name in results.RESULT_PARAMETERS:
        results.RESULT_PARAMETERS[name](reading, text)
    elif name in OF_CLIENTS:
        reading.warnings.append(Issue("warning", "not-supported", f"Parameter {name} changes nothing and was left out"))
    elif forms := results.forms(name):
        allowed = " and ".join(forms)
        raise BadRequest(f"Parameter {shown(name)}: it does not take this modifier; there are {allowed}")
    elif name.partition(":")[0] == "_query":
        raise BadRequest(f"Search parameter {shown(name)}: this server has no named queries", code="not-supported")
    elif name.partition(":")[0] == "_filter":
        _filter(reading, name, text)
    else:
        _criterion(reading, name, text)


def _criterion(reading: Reading, name: str, text: str) -> None:
    try:
        reading.tests.append(criteria.criterion(reading.asking, _types(reading, name), name, text))
    except (UnknownParameterError, UnreadyParameterError) as error:
        reading.leave_out(error.issues[0].diagnostics, error.issues[0].code)
    else:
        reading.applied.append((shown(name), text))


def _filter(reading: Reading, name: str, text: str) -> None:
    types = (reading.type,) if reading.type else reading.types
    if name != "_filter":
        raise BadRequest(f"Search parameter {shown(name)}: _filter takes no modifier")
    if not types:
        raise BadRequest("Search parameter _filter: over all types, say with _type which ones are meant")
    reading.tests.append(filters.tree(reading.asking, types, text))
    reading.applied.append((name, text))


def _types(reading: Reading, name: str) -> tuple[str, ...]:
    """The types that a criterion is read for. Raises UnknownParameterError over all types for one that not all have."""
    if reading.type is not None:
        return (reading.type,)
    if reading.types:
        return reading.types
    code = name.partition(":")[0]
    if code in WORDS:  # not all types have a narrative
        return tuple(type_ for type_ in sorted(RESOURCE_TYPES) if reading.asking.parameters.get(type_, code))
    if code not in _COMMON and code != "_has":
        raise UnknownParameterError(
            f"{shown(name)} is not a search parameter over all types; {', '.join(sorted(_COMMON))} and _type are",
            code="not-supported",
        )
    return tuple(sorted(RESOURCE_TYPES))
