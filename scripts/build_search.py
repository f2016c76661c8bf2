"""Regenerate `docs/search.md`: python -m scripts.build_search.

Rule: the words are in `search_page.txt`; the tables are made from the searches that a test runs, and the numbers are
the code's own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from fhir_server.document import entry
from fhir_server.search import criteria, declarations, filters, grammar, results, sorting
from fhir_server.search.types import near, words
from fhir_server.search.types.asked import PREFIXES
from fhir_server.search.types.faces import FACES
from fhir_server.settings import MIB, Settings
from fhir_server.store import current, following, includes, links, lookups, rows, totals
from resources import subsets
from resources.compartments import COMPARTMENTS
from resources.parameters import BASE, WITHOUT_ENTRIES, WORDS
from resources.registry import RESOURCE_TYPES
from tests.api.search_cases import CASES, OF_TYPE, PLAIN, Case
from tests.api.search_refusals import REFUSED

OUTPUT = Path(__file__).parent.parent / "docs" / "search.md"
TEMPLATE = Path(__file__).parent / "search_page.txt"
PREFIXED = ("date", "number", "quantity")
"""Parameter types whose values take prefixes."""


def main() -> None:
    """Write the page."""
    OUTPUT.write_text(page())


def page() -> str:
    """The whole page."""
    text = TEMPLATE.read_text()
    tables = {kind: table(case for case in CASES if case.kind == kind) for kind in {case.kind for case in CASES}}
    return text.format(
        **{name: found for name, found in tables.items() if name != "compartments"},
        compartments_table=tables["compartments"],
        compartments=", ".join(sorted(COMPARTMENTS - {"Patient"})),
        contents=contents(text),
        overview=overview(),
        parameters=len(BASE.all),
        types=len(RESOURCE_TYPES),
        refused="\n".join(["| | search | answer |", "|---|---|---|", *refusals()]),
        answered_types=", ".join(sorted(declarations.ANSWERED_TYPES)),
        settings=Settings.model_fields,
        page_mib=rows.PAGE_BYTES // MIB,
        search_seconds=rows.SEARCH_MILLISECONDS // 1000,
        count_seconds=totals.COUNT_MILLISECONDS // 1000,
        results_module=results,
        links_module=links,
        criteria=criteria, current=current, entry=entry, filters=filters, following=following, grammar=grammar,
        includes=includes, lookups=lookups, near=near, sorting=sorting, subsets=subsets, totals=totals, words=words,
    )  # fmt: skip


def contents(text: str) -> str:
    """The table of contents: an entry for each heading of the second level."""
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    return "\n".join(f"- [{heading}](#{anchor(heading)})" for heading in headings)


def anchor(heading: str) -> str:
    """The fragment by which GitHub links to a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def table(cases: Iterable[Case]) -> str:
    """The rows of a kind."""
    return "\n".join([
        "| form | search | finds | | test |",
        "|---|---|---|---|---|",
        *(
            f"| {code(case.how) if case.how else 'plain'} | {code(case.search.removesuffix('?'))} "
            f"| {', '.join(case.finds.split()) or 'nothing'} | {escaped(case.words)} | {code(case.id)} |"
            for case in cases
        ),
    ])  # fmt: skip


def refusals() -> Iterator[str]:
    """The rows of what is refused."""
    for refusal in REFUSED:
        yield f"| {refusal.id} | {code(refusal.search)} | {code(refusal.says)} |"


def overview() -> str:
    """Which modifiers and prefixes there are for each parameter type."""
    lines = ["| type | HL7's parameters | modifiers | prefixes |", "|---|---|---|---|"]
    for kind, forms in declared().items():
        modifiers = " ".join(code(form) for form in sorted(forms) if form.startswith(":"))
        prefixes = " ".join(form for form in PREFIXES if form in forms)
        number = sum(parameter.type == kind for parameter in BASE.all)
        lines.append(f"| {kind} | {number} | {modifiers} | {prefixes} |")
    return "\n".join(lines)


def declared() -> dict[str, set[str]]:
    """Parameter type → the forms that its values take: plain, modifiers with their colon, prefixes."""
    found: dict[str, set[str]] = defaultdict(set)
    for kind in FACES:
        found[kind] |= {PLAIN, ":missing", *(PREFIXES if kind in PREFIXED else ())}
    for type_ in sorted(RESOURCE_TYPES):
        for parameter in BASE.searchable(type_):
            if parameter.code not in WITHOUT_ENTRIES | WORDS:
                modifiers = FACES[parameter.type].modifiers(type_, parameter)
                found[parameter.type] |= {OF_TYPE if name in RESOURCE_TYPES else f":{name}" for name in modifiers}
    return dict(found)


def code(text: str) -> str:
    """Text as code within a table."""
    return f"`{escaped(text)}`"


def escaped(text: str) -> str:
    """Text within a table."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
