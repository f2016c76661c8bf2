"""General FHIRPath on the dict of a resource; the only importer of the FHIRPath library.

Rule: expressions are HL7's or an administrator's, never a request's, for the language can be made to run for hours
(`places` takes those of patches). See https://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/fhirpath.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

import fhirpathpy
from fhirpathpy.models import models

Json = dict[str, Any]


class PathError(ValueError):
    """The expression cannot be read, or not be evaluated on this resource."""


def evaluate(expression: str, resource: Json, variables: Mapping[str, Any] | None = None) -> list[Any]:
    """The values that `expression` gives for `resource`, in order; empty for what is not there.

    `variables` are its `%name`s beside the standard ones. Raises PathError. A compiled expression is kept: only the
    first call takes milliseconds.
    """
    try:
        result = _compiled(expression)(deepcopy(resource), {"resource": resource, **(variables or {})})
    except Exception as error:  # the library raises bare Exceptions
        raise PathError(f"{expression}: {error}") from error
    return list(result)


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Callable[[Any, dict[str, Any]], list[Any]]:
    try:
        return fhirpathpy.compile(expression, models["r4"])
    except Exception as error:  # the library raises bare Exceptions
        raise PathError(f"{expression}: {error}") from error
