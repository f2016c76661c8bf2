"""Under which names a server without sign-in answers, and to the pages of which sites.

Rule: what listens on loopback only is still within reach of every page that a browser on this machine shows: by a name
of the page's own that resolves to 127.0.0.1 (DNS rebinding), or by a form. So the names are known beforehand.
See RFC 9110 §7.4 and https://fetch.spec.whatwg.org/#origin-header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fhir_server.interactions.address import shown
from fhir_server.settings import Settings
from resources.outcome import FhirError, Forbidden, Misdirected

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def known(settings: Settings) -> frozenset[bytes]:
    """The hosts, in lower case as they stand in a Host header without port: this machine's, and the base url's."""
    names = (*_LOOPBACK, settings.host, urlsplit(settings.base_url).hostname or "")
    return frozenset((f"[{name}]" if ":" in name else name).lower().encode() for name in names)


def refusal(scope: Mapping[str, Any], hosts: frozenset[bytes]) -> FhirError | None:
    """Why the request in an ASGI scope is not for a server of these hosts: Misdirected by its Host, Forbidden for one
    that is more than reading and comes from a page elsewhere. A program need not send either header."""
    for name, value in scope["headers"]:
        if name == b"host" and _host(value) not in hosts:
            return Misdirected(
                "This server works without sign-in, so it answers only to names of this machine (localhost, 127.0.0.1) "
                f"and to that of its base url, not to '{shown(value.decode('latin-1'))}'. If that is a name of its "
                "own, start it with --base-url, or set FHIR_BASE_URL, to the url that clients use."
            )
        if name == b"origin" and scope["method"] not in _READING and _host(value.rpartition(b"://")[2]) not in hosts:
            return Forbidden(
                "This server works without sign-in, so it takes no writes from pages of other sites, and the Origin is "
                f"'{shown(value.decode('latin-1'))}'. If that is where the server is, start it with --base-url, or set "
                "FHIR_BASE_URL, to the url that clients use."
            )
    return None


def _host(authority: bytes) -> bytes:
    """`[::1]` of `[::1]:8000`."""
    authority = authority.lower()
    return authority if authority.endswith(b"]") or b":" not in authority else authority.rpartition(b":")[0]
