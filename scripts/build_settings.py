"""Regenerate `docs/settings.md` from `fhir_server.settings`: python scripts/build_settings.py."""

from __future__ import annotations

from pathlib import Path

from pydantic.fields import FieldInfo

from fhir_server.settings import Settings

OUTPUT = Path(__file__).parent.parent / "docs" / "settings.md"
HEAD = """# Settings

Each can be given in the environment; `fhir-server run` has options for the commonest. This page is generated from
`fhir_server/settings.py` by `python scripts/build_settings.py`, and a test holds the two together.

| variable | default | what it does |
|---|---|---|
"""


def main() -> None:
    """Write the page."""
    OUTPUT.write_text(page())


def page() -> str:
    """The whole page."""
    return HEAD + "".join(row(name, field) for name, field in Settings.model_fields.items())


def row(name: str, field: FieldInfo) -> str:
    """A setting's line of the table."""
    variable = "MONGODB_URI" if name == "mongodb_uri" else f"FHIR_{name.upper()}"
    default = "" if field.default is None else f"`{field.default}`"
    return f"| `{variable}` | {default} | {field.description} |\n"


if __name__ == "__main__":
    main()
