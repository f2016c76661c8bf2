"""Bundle: https://hl7.org/fhir/R4/bundle.html#invs, of which a server has to hold those that say what a Bundle means.

Rule: bdl-1 to bdl-12 as far as the type of the Bundle decides what its entries may and must have.
"""

from __future__ import annotations

from collections.abc import Iterator

from resources.rules.problem import Json, Problem, quoted

_REQUESTS = frozenset({"batch", "transaction", "history"})
_RESPONSES = frozenset({"batch-response", "transaction-response", "history"})
_TOTALS = frozenset({"searchset", "history"})


def entries_fit_type(bundle: Json) -> Iterator[Problem]:
    """bdl-1 (total), bdl-2 (search), bdl-3 (request), bdl-4 (response)."""
    type_ = bundle.get("type")
    if type_ is None:
        return
    if "total" in bundle and type_ not in _TOTALS:
        yield Problem(f"total is only for a searchset or a history, not for a {type_} (bdl-1)", at=".total")
    for place, entry in enumerate(bundle.get("entry", ())):
        at = f".entry[{place}]"
        if "search" in entry and type_ != "searchset":
            yield Problem(f"search is only for a searchset, not for a {type_} (bdl-2)", at=at + ".search")
        yield from _presence(entry, "request", type_, _REQUESTS, "bdl-3", at)
        yield from _presence(entry, "response", type_, _RESPONSES, "bdl-4", at)


def full_urls_are_unique(bundle: Json) -> Iterator[Problem]:
    """bdl-7: one fullUrl, one resource, but for its versions (in a history, or told apart by meta.versionId)."""
    if bundle.get("type") == "history":
        return
    seen: set[tuple[str, str | None]] = set()
    for place, entry in enumerate(bundle.get("entry", ())):
        url = entry.get("fullUrl")
        if url is None:
            continue
        key = (url, entry.get("resource", {}).get("meta", {}).get("versionId"))
        if key in seen:
            yield Problem(f"another entry already has the fullUrl {quoted(url)} (bdl-7)", at=f".entry[{place}].fullUrl")
        seen.add(key)


def document_begins_with_composition(bundle: Json) -> Iterator[Problem]:
    """bdl-9, bdl-10, bdl-11 and bdl-12."""
    type_ = bundle.get("type")
    if type_ not in ("document", "message"):
        return
    entries = bundle.get("entry", ())
    first = entries[0].get("resource", {}).get("resourceType") if entries else None
    expected, rule = ("Composition", "bdl-11") if type_ == "document" else ("MessageHeader", "bdl-12")
    if first != expected:
        yield Problem(f"the first resource of a {type_} is a {expected} ({rule})", at=".entry[0].resource")
    if type_ == "document":
        identifier = bundle.get("identifier", {})
        if "system" not in identifier or "value" not in identifier:
            yield Problem("a document has an identifier with system and value (bdl-9)", at=".identifier")
        if "timestamp" not in bundle:
            yield Problem("a document has a timestamp (bdl-10)", at=".timestamp")


def entry_has_content(entry: Json) -> Iterator[Problem]:
    """bdl-5 and bdl-8."""
    if "resource" not in entry and "request" not in entry and "response" not in entry:
        yield Problem("an entry has a resource, a request or a response (bdl-5)")
    if "/_history/" in entry.get("fullUrl", ""):
        yield Problem("fullUrl names the resource, not a version of it (bdl-8)", at=".fullUrl")


def _presence(entry: Json, member: str, type_: str, types: frozenset[str], rule: str, at: str) -> Iterator[Problem]:
    if type_ in types and member not in entry:
        yield Problem(f"each entry of a {type_} has a {member} ({rule})", "required", f"{at}.{member}")
    elif type_ not in types and member in entry:
        yield Problem(f"{member} is not for a {type_} ({rule})", at=f"{at}.{member}")
