"""Pages that must say what the code does."""

import re
import subprocess
from pathlib import Path

from fhir_server.operations.catalogue import OPERATIONS
from scripts.build_settings import page

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def test_each_operation_has_its_heading() -> None:
    headings = re.findall(r"^## \$(\S+)$", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(OPERATIONS)


def test_the_page_of_settings_is_that_of_the_code() -> None:
    assert (DOCS / "settings.md").read_text() == page()


def test_links_between_pages_lead_somewhere() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for page_path in (ROOT / line for line in listed.splitlines()):
        text = re.sub(r"```.*?```", "", page_path.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" not in target and not target.startswith("#"):
                assert (page_path.parent / target.partition("#")[0]).exists(), f"{page_path.name}: {target}"
