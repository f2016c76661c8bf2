"""Pages that must say what the code does."""

import re
import subprocess
from pathlib import Path

from fhir_server.operations.catalogue import OPERATIONS
from fhir_server.search.filters import OPERATORS
from fhir_server.search.results import RESULT_PARAMETERS
from scripts import build_search, build_settings
from tests.api.search_cases import CASES

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def test_each_operation_has_its_heading() -> None:
    headings = re.findall(r"^## \$(\S+)$", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(OPERATIONS)


def test_the_page_of_settings_is_that_of_the_code() -> None:
    assert (DOCS / "settings.md").read_text() == build_settings.page()


def test_the_page_of_searches_is_that_of_the_code_and_its_tests() -> None:
    assert (DOCS / "search.md").read_text() == build_search.page()


def test_each_modifier_and_prefix_of_each_type_has_a_search_that_shows_it() -> None:
    declared = {(kind, form) for kind, forms in build_search.declared().items() for form in forms}
    shown = {(case.kind, case.how) for case in CASES if case.kind in build_search.declared()}
    assert shown == declared


def test_each_operator_of_filters_has_a_search_that_shows_it() -> None:
    shown = {case.how for case in CASES if case.kind == "_filter"}
    assert shown >= OPERATORS - {"ew"}, "ew is refused: no entry says how a text ends"


def test_each_result_parameter_is_on_the_page() -> None:
    text = (DOCS / "search.md").read_text()
    for name in RESULT_PARAMETERS:
        assert f"`{name.partition(':')[0]}`" in text


def test_links_between_pages_lead_somewhere() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for page_path in (ROOT / line for line in listed.splitlines()):
        text = re.sub(r"```.*?```", "", page_path.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" not in target and not target.startswith("#"):
                assert (page_path.parent / target.partition("#")[0]).exists(), f"{page_path.name}: {target}"
