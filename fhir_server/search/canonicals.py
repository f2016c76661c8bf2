"""Canonical urls: by which names a resource is referred to, and which references may use them.

Rule: a resource is named by its url alone and by its url with its version; a reference has one such name, its url with
the version that it gives, which may be empty. So a reference leads to a resource where both have one name, compared as
it is written. See https://hl7.org/fhir/R4/references.html#canonical.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fhir_server.document import entry
from resources import expressions
from resources.parameters import BASE, SearchParameter
from resources.registry import RESOURCE_TYPES


def _has_url(type_: str) -> bool:
    parameter = BASE.get(type_, "url")
    return parameter is not None and any(leaf.path == ("url",) for leaf in expressions.leaves(type_, parameter))


NAMED = frozenset(filter(_has_url, RESOURCE_TYPES))
"""The types whose resources have a canonical url."""


def entries(resource: dict[str, Any]) -> Iterator[str]:
    """The entries of the names of a valid resource."""
    type_ = resource["resourceType"]
    if type_ in NAMED and (url := resource.get("url")):
        key = entry.canonical_key(type_)
        yield entry.exact(key, entry.canonical(url, ""))
        if version := resource.get("version"):
            yield entry.exact(key, entry.canonical(url, version))


def named(type_: str, parameter: SearchParameter, targets: Iterable[str]) -> frozenset[str]:
    """Those of the types that a reference parameter leads to whose resources it may name by their url."""
    holds_urls = any(leaf.element_type in ("canonical", "uri") for leaf in expressions.leaves(type_, parameter))
    return NAMED.intersection(targets) if holds_urls else frozenset()
