"""The narrative of a resource (`text`): a heading and a table of two columns, in XHTML.

Rule: everything is escaped. See https://hl7.org/fhir/R4/narrative.html.
"""

from __future__ import annotations

from html import escape

from hospital.demo.values import Json

XHTML = "http://www.w3.org/1999/xhtml"


def narrative(heading: str, rows: list[tuple[str, str]]) -> Json:
    """A generated Narrative; rows without a value are left out."""
    body = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows if value)
    return {
        "status": "generated",
        "div": f'<div xmlns="{XHTML}"><p><b>{_text(heading)}</b></p><table><tbody>{body}</tbody></table></div>',
    }


def _text(value: str) -> str:
    return escape(value, quote=False)
