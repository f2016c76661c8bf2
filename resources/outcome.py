"""Issues, OperationOutcome, and every error that the server can answer with.

Rule: an error is raised as a `FhirError` where it is found and turned into words in one place (`dispatch`).

    FhirError
    ├── BadRequest 400            ├── PreconditionFailed 412      ├── TooManyRequests 429
    ├── Unauthorized 401          ├── PayloadTooLarge 413         ├── InternalError 500
    ├── Forbidden 403             ├── UriTooLong 414              ├── Unavailable 503
    ├── NotFound 404              ├── UnsupportedMediaType 415    └── InsufficientStorage 507
    ├── MethodNotAllowed 405      ├── Unprocessable 422
    ├── NotAcceptable 406         ├── RequestTimeout 408
    ├── Conflict 409              └── Gone 410

See https://hl7.org/fhir/R4/operationoutcome.html and https://hl7.org/fhir/R4/http.html#Status-Codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem: `severity` (fatal, error, warning, information), `code` (IssueType), `diagnostics` in words that a
    person can act on, `expression` the FHIRPath of the element concerned.

    See https://hl7.org/fhir/R4/valueset-issue-type.html.
    """

    severity: str
    code: str
    diagnostics: str
    expression: str | None = None

    def to_json(self) -> dict[str, Any]:
        """OperationOutcome.issue."""
        issue: dict[str, Any] = {"severity": self.severity, "code": self.code, "diagnostics": self.diagnostics}
        if self.expression:
            issue["expression"] = [self.expression]
        return issue


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """An OperationOutcome resource; `issues` must not be empty."""
    return {"resourceType": "OperationOutcome", "issue": [issue.to_json() for issue in issues]}


class FhirError(Exception):
    """An answer that is not a success: `status` (HTTP), `issues`, and `headers` to send along (name, value)."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"

    def __init__(
        self,
        diagnostics: str = "",
        *,
        code: str | None = None,
        expression: str | None = None,
        issues: Sequence[Issue] = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues) or (Issue("error", code or self.code, diagnostics, expression),)
        self.headers = tuple(headers)
        super().__init__("; ".join(issue.diagnostics for issue in self.issues))


class BadRequest(FhirError):
    """The request cannot be understood: syntax, parameters, structure."""

    status, code = 400, "invalid"


class Unauthorized(FhirError):
    """Nobody is signed in."""

    status, code = 401, "login"


class Forbidden(FhirError):
    """The caller may not do this at all (a resource that must not be seen is a NotFound)."""

    status, code = 403, "forbidden"


class NotFound(FhirError):
    """No such resource, version, type or endpoint that this caller may know of."""

    status, code = 404, "not-found"


class MethodNotAllowed(FhirError):
    """The HTTP method means nothing here; `Allow` should be among the headers (RFC 9110 §15.5.6)."""

    status, code = 405, "not-supported"


class NotAcceptable(FhirError):
    """No representation that the client accepts."""

    status, code = 406, "not-supported"


class RequestTimeout(FhirError):
    """The body did not arrive in time."""

    status, code = 408, "timeout"


class Conflict(FhirError):
    """Against the state of the server: references that would break, a version that changed meanwhile."""

    status, code = 409, "conflict"


class Gone(FhirError):
    """The resource was deleted."""

    status, code = 410, "deleted"


class PreconditionFailed(FhirError):
    """If-Match, If-None-Match or a conditional interaction's criteria did not hold."""

    status, code = 412, "conflict"


class PayloadTooLarge(FhirError):
    """The body is over the limit."""

    status, code = 413, "too-long"


class UriTooLong(FhirError):
    """The request's target is over the limit."""

    status, code = 414, "too-long"


class UnsupportedMediaType(FhirError):
    """The body's Content-Type is not one that this interaction takes."""

    status, code = 415, "not-supported"


class Misdirected(FhirError):
    """The request is for a host that this server is not."""

    status, code = 421, "security"


class Unprocessable(FhirError):
    """Well-formed, but against FHIR's rules or the server's."""

    status, code = 422, "processing"


class TooManyRequests(FhirError):
    """Over a rate limit; `Retry-After` should be among the headers."""

    status, code = 429, "throttled"


class InternalError(FhirError):
    """A fault of ours; says nothing of its inside."""

    status, code = 500, "exception"


class Unavailable(FhirError):
    """The database is away or busy; answered with `Retry-After` (seconds)."""

    status, code = 503, "transient"

    def __init__(self, diagnostics: str, *, retry_after: int = 2) -> None:
        super().__init__(diagnostics, headers=(("Retry-After", str(retry_after)),))


class InsufficientStorage(FhirError):
    """The disk is full; nothing was written."""

    status, code = 507, "no-store"
