"""One value that is asked for, as the faces of the parameter types get it, and its escapes.

Rule: every refusal names the parameter and says what is allowed. See https://hl7.org/fhir/R4/search.html#escaping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resources.outcome import BadRequest
from resources.parameters import SearchParameter

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
"""Those of dates, numbers and quantities; without one it is the first."""
_SEPARATORS = {separator: re.compile(rf"(?<!\\)((?:\\\\)*){re.escape(separator)}") for separator in ",|$"}
_ESCAPED = re.compile(r"\\([\\,|$])")


@dataclass(frozen=True, slots=True)
class Asked:
    """A value of a parameter, one of those joined by commas, its escapes still in it. `named` is the parameter that the
    client named, where `parameter` is a part of it."""

    type: str
    parameter: SearchParameter
    modifier: str | None
    text: str
    base_url: str
    now_ms: int
    named: SearchParameter | None = None

    @property
    def key(self) -> str:
        """The key of the parameter's entries."""
        return f"{self.type}.{self.parameter.code}"

    def refusal(self, reason: str) -> BadRequest:
        """To be raised: the value cannot be searched for."""
        code = (self.named or self.parameter).code
        name = f"{code}:{self.modifier}" if self.modifier else code
        shown = self.text if len(self.text) <= 80 else self.text[:80] + "…"
        return BadRequest(f"Search parameter {name}={shown}: {reason}")


def split(text: str, separator: str) -> list[str]:
    """The parts of `text` between separators that no backslash escapes; the parts keep their escapes."""
    if "\\" not in text:
        return text.split(separator)
    marked = _SEPARATORS[separator].sub(lambda match: match[1] + "\0", text)
    return marked.split("\0")


def unescape(text: str) -> str:
    """`text` without the backslashes of FHIR's escapes; a backslash before anything else stands for itself."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
