"""Pages that must say what the code does."""

import re
from pathlib import Path

from fhir_server.operations.catalogue import OPERATIONS
from scripts.build_settings import page

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_each_operation_has_its_heading() -> None:
    headings = re.findall(r"^## \$(\S+)$", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(OPERATIONS)


def test_the_page_of_settings_is_that_of_the_code() -> None:
    assert (DOCS / "settings.md").read_text() == page()
