"""Bundles that answer: searchset and history pages, joined from the stored texts without decoding them.

See https://hl7.org/fhir/R4/bundle.html and https://hl7.org/fhir/R4/http.html#paging.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from urllib.parse import quote

from fhir_server.interactions import subsetting
from fhir_server.interactions.server import Server
from fhir_server.model import Json, Pairs, Version
from fhir_server.search.query import Query
from fhir_server.store import includes
from fhir_server.threads import HEAVY_BYTES
from resources import json_codec, subsets
from resources.instants import instant_text
from resources.outcome import Issue, operation_outcome
from resources.subsets import Subset

SMALL = 100
"""Rows of a page that is made at once, however many others are; larger ones share `Server.pages`."""


def room(server: Server, rows: int) -> AbstractAsyncContextManager[None]:
    """Where a page of so many rows may be made: a crowd of large ones would keep all others waiting."""
    if rows <= SMALL:
        return nullcontext()
    return server.pages.of(rows, server.settings.request_timeout_seconds)


def brought(query: Query) -> int:
    """Rows for what includes bring, where they are taken together with those of the page: a large one may not wait for
    more while it holds some."""
    return includes.MOST if query.includes and query.count > SMALL else 0


def costly(server: Server, query: Query) -> AbstractAsyncContextManager[None]:
    """Where a search may sort by values that are computed from all that it finds: it takes long, and they would have
    all the room for pages."""
    if all(key.stored is not None for key in query.sort):
        return nullcontext()
    return server.sorting.of(1, server.settings.request_timeout_seconds)


def links(address: str, applied: Pairs, cursor: str | None, following: str | None) -> list[dict[str, str]]:
    """`self`: what was applied, and the page that this is; `next`, where there is one, is a GET also after a POST."""
    query = "&".join(map(_pair, applied))
    found = [_link("self", address, query, cursor)]
    if following is not None:
        found.append(_link("next", address, query, following))
    return found


def _link(relation: str, address: str, query: str, cursor: str | None) -> dict[str, str]:
    parts = [part for part in (query, cursor and _pair(("_cursor", cursor))) if part]
    return {"relation": relation, "url": f"{address}?{'&'.join(parts)}" if parts else address}


def _pair(pair: tuple[str, str]) -> str:
    name, value = pair
    return f"{quote(name, safe=':')}={quote(value, safe=':,/$')}"


def bundle(type_: str, links: Sequence[dict[str, str]], entries: Iterable[bytes], total: int | None = None) -> bytes:
    """The text of a Bundle of this type around entries that are texts already."""
    head: dict[str, object] = {"resourceType": "Bundle", "type": type_}
    if total is not None:
        head["total"] = total
    head["link"] = list(links)
    text = json_codec.encode(head)
    joined = b",".join(entries)
    return b"".join((text[:-1], b',"entry":[', joined, b"]}")) if joined else text


async def entries(server: Server, versions: Sequence[Version], entry: Callable[[Version], bytes]) -> tuple[bytes, ...]:
    """The entries of a page: what large resources take is done in a thread, so that others need not wait."""
    if sum(len(version.text or b"") for version in versions) < HEAVY_BYTES:
        return tuple(map(entry, versions))
    return await server.threads.rendering(lambda: tuple(map(entry, versions)))


def match_entry(base: bytes, version: Version, mode: bytes = b"match", subset: Subset | None = None) -> bytes:
    """One resource found by a search, or the part of it that is wanted; `base` is the service base url."""
    return b"".join(
        (
            *(b'{"fullUrl":"', base, b"/", version.key.encode(), b'","resource":', shown(version, subset)),
            *(b',"search":{"mode":"', mode, b'"}}'),
        )
    )


def contained_entry(base: bytes, container: Version, resource: Json, subset: Subset | None = None) -> bytes:
    """A contained resource found by a search, or the part of it that is wanted."""
    part = resource if subset is None else subsets.apply(subset, resource)
    url = f"{base.decode()}/{container.key}#{resource['id']}"
    return json_codec.encode({"fullUrl": url, "resource": part, "search": {"mode": "match"}})


def shown(version: Version, subset: Subset | None = None) -> bytes:
    """The text of a version as it stands in a Bundle, or of the part that is wanted; empty for a deletion. A Binary
    whose large content is kept apart comes without it, and says so:
    https://hl7.org/fhir/R4/valueset-common-tags.html."""
    if subset is not None and subset.covers(version.type):
        return subsetting.texts(subset, version)
    if version.blob is None or version.text is None:
        return version.text or b""
    return json_codec.encode(subsets.tagged(json_codec.decode_own(version.text)))


def outcome_entry(issues: Sequence[Issue]) -> bytes:
    """What a search has to say beside its matches."""
    return json_codec.encode({"resource": operation_outcome(issues), "search": {"mode": "outcome"}})


def history_entry(base: bytes, revived: Container[tuple[str, int]], version: Version, subset: Subset | None) -> bytes:
    """One version, with the request that made it; a deletion has no resource. `revived` are key and number of those
    that came after a deletion."""
    key = version.key.encode()
    url = version.type.encode() if version.method == "POST" and version.version == 1 else key
    is_new = version.version == 1 or (version.key, version.version) in revived
    status = b"204" if version.deleted else b"201" if is_new else b"200"
    return b"".join(
        (
            *(b'{"fullUrl":"', base, b"/", key, b'"', b',"resource":' if version.text else b"", shown(version, subset)),
            *(b',"request":{"method":"', version.method.encode(), b'","url":"', url, b'"}'),
            *(b',"response":{"status":"', status, b'","etag":"W/\\"', str(version.version).encode()),
            *(b'\\"","lastModified":"', instant_text(version.updated).encode(), b'"}}'),
        )
    )
