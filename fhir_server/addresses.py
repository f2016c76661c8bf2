"""Addresses of servers: which are this machine's, and which can be a service base URL.

Rule: a host counts as this machine's only if all its addresses do.
"""

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import urlsplit

_PLAIN: Final = re.compile(r"[!-~]+")
"""ASCII without spaces and control characters."""


def is_loopback(host: str) -> bool:
    """Whether all addresses of the host, a name or a number, belong to the loopback interface."""
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)


def origin(host: str, port: int) -> str:
    """Where a server answers on this machine, such as http://127.0.0.1:8000."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def service_base(url: str) -> str:
    """The URL without slashes at its end, so that paths can be put behind it; it goes into headers as it is.

    Raises ValueError with what is wrong for one that cannot be a base URL: https://hl7.org/fhir/R4/http.html#root.
    """
    if not _PLAIN.fullmatch(url):
        raise ValueError("must be ASCII without spaces: write other host names in Punycode, other characters as %XX")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be like https://ehr.example/fhir")
    if parts.username is not None:
        raise ValueError("must not hold a user name or password")
    if "?" in url or "#" in url:
        raise ValueError("must have neither query (?) nor fragment (#)")
    _ = parts.port  # raises ValueError where it is no number
    return url.rstrip("/")
