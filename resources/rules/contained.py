"""Contained resources: they have an id of their own, contain nothing, and no life outside of their container.

Rule: dom-2, dom-4 and dom-5 of https://hl7.org/fhir/R4/domainresource.html#invs, and unique ids.
(dom-3, that each is referred to, is left to clients: real data often breaks it, and nothing is lost by keeping it.)
"""

from __future__ import annotations

from collections.abc import Iterator

from resources.rules.problem import Json, Problem, quoted


def problems(resource: Json) -> Iterator[Problem]:
    """The problems of the contained resources of `resource`."""
    seen: set[str] = set()
    for place, inner in enumerate(resource.get("contained", ())):
        at = f".contained[{place}]"
        id_ = inner.get("id")
        if id_ is None:
            yield Problem(
                "a contained resource needs an id, so that it can be referred to as #id", "required", at + ".id"
            )
        elif id_ in seen:
            yield Problem(f"another contained resource already has the id {quoted(id_)}", "duplicate", at + ".id")
        else:
            seen.add(id_)
        if "contained" in inner:
            yield Problem("a contained resource must not contain others (dom-2)", at=at + ".contained")
        meta = inner.get("meta", {})
        for member in ("versionId", "lastUpdated"):
            if member in meta:
                yield Problem(
                    f"a contained resource has no version of its own: leave {member} out (dom-4)",
                    at=at + ".meta." + member,
                )
        if "security" in meta:
            yield Problem("a contained resource has no security label of its own (dom-5)", at=at + ".meta.security")


def types_by_id(resource: Json) -> dict[str, str]:
    """The type of each contained resource by its id, of any JSON; the container itself has the empty id, as in `#`."""
    found = {"": resource["resourceType"]}
    contained = resource.get("contained")
    for inner in contained if isinstance(contained, list) else ():
        if isinstance(inner, dict) and isinstance(inner.get("id"), str):
            found[inner["id"]] = str(inner.get("resourceType"))
    return found
