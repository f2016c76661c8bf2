"""The front door: one ASGI application for everything below `/fhir`.

Rule: whatever happens, the client gets one answer, in FHIR's words and with the request's id, and a log never holds
what was in the request. The way of a request: `parse` → `dispatch` → `render`.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Mapping
from typing import Any

from fhir_server.http import headers as reading
from fhir_server.http import parse, render
from fhir_server.http.limits import Receive
from fhir_server.http.negotiate import DEFAULT, Representation
from fhir_server.http.render import Rendered, Send
from fhir_server.interactions.dispatch import dispatch, failure
from fhir_server.interactions.server import Server
from fhir_server.model import FhirRequest, FhirResponse, Interaction
from fhir_server.room import Room, Share
from fhir_server.settings import Settings
from fhir_server.threads import Threads
from resources.outcome import FhirError, InternalError, Unavailable

logger = logging.getLogger(__name__)

LARGE_BODIES = 2
"""Of the largest size, so many are held in memory at a time: decoded, one takes ten times its size."""
DECODED_BYTES = 512 * 1024 * 1024
"""Bodies together as they are decoded, by estimate: one that is small to send may be large in memory."""
ANSWERS_BYTES = 256 * 1024 * 1024
"""Large answers together that are being sent: what clients do not take is held here."""
ROOM_SECONDS = 1.0
"""A large answer waits so long for room."""
PLAIN = Representation(DEFAULT)
_BOUNDED = frozenset(
    {
        Interaction.SEARCH_TYPE,
        Interaction.SEARCH_SYSTEM,
        Interaction.HISTORY_INSTANCE,
        Interaction.HISTORY_TYPE,
        Interaction.HISTORY_SYSTEM,
    }
)
"""Given up after a while. A read is short by itself; a write is never cut: nobody could say whether it happened."""


class Door:
    """Answers FHIR requests by a `Server`, from `open` to `close`; before and after, 503."""

    def __init__(self, settings: Settings, threads: Threads) -> None:
        self.settings = settings
        self.threads = threads
        self.bodies = Room(LARGE_BODIES * settings.max_bundle_bytes)
        self.decoded = Room(DECODED_BYTES)
        self.answers = Room(ANSWERS_BYTES)
        self.server: Server | None = None

    def open(self, server: Server) -> None:
        """Begin to answer."""
        self.server = server

    def close(self) -> None:
        """Answer no more."""
        self.server = None

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI for scopes of type `http` whose path begins with `/fhir`."""
        headers = reading.collect(scope["headers"])
        request_id = reading.request_id(headers)
        held = Share(self.answers)
        try:
            await self._respond(scope, headers, receive, send, request_id, held)
        finally:
            held.release()

    async def refuse(self, scope: Mapping[str, Any], receive: Receive, send: Send, error: FhirError) -> None:
        """ASGI for a request, below `/fhir` or beside it, that is not looked at any further."""
        headers = reading.collect(scope["headers"])
        rendered = await self._refused(scope, headers, error, reading.request_id(headers))
        await render.send(send, receive, rendered, head=scope["method"] == "HEAD")

    async def _respond(
        self,
        scope: Mapping[str, Any],
        headers: reading.Headers,
        receive: Receive,
        send: Send,
        request_id: str,
        held: Share,
    ) -> None:
        try:
            rendered = await self._answer(scope, headers, receive, request_id, held)
        except FhirError as error:
            rendered = await self._refused(scope, headers, error, request_id)
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, the client gets an answer
            _log("request failed", error, request_id)
            wrong = InternalError(f"The server failed. It was logged under the request id {request_id}.")
            rendered = await render.render(failure(wrong), PLAIN, request_id, self.threads)
        try:
            await render.send(send, receive, rendered, head=scope["method"] == "HEAD")
        except Exception as error:  # noqa: BLE001 - too late for another answer; the ASGI server breaks the connection off
            _log("answer broken off", error, request_id)

    async def _refused(
        self, scope: Mapping[str, Any], headers: reading.Headers, error: FhirError, request_id: str
    ) -> Rendered:
        return await render.render(failure(error), parse.for_error(scope, headers), request_id, self.threads)

    async def _answer(
        self, scope: Mapping[str, Any], headers: reading.Headers, receive: Receive, request_id: str, held: Share
    ) -> Rendered:
        if self.server is None:
            raise Unavailable("The server is waiting for its database.")
        share, decoded = Share(self.bodies), Share(self.decoded)
        try:
            means = parse.Means(self.threads, share, decoded)
            request, representation = await parse.parse(scope, headers, receive, self.settings, request_id, means)
            response = await self._dispatched(self.server, request)
            size = len(response.text or b"")
            is_read = request.method == "GET" or request.interaction in _BOUNDED
            if held.fits(size):
                await held.grow(size, ROOM_SECONDS)
            elif is_read:
                del response  # what waits for room is not held meanwhile, but made again
                await held.grow(size, ROOM_SECONDS)
                response = await self._dispatched(self.server, request)
            rendered = await render.render(response, representation, request_id, self.threads)
            # As XML or indented it has grown. What was written is told, room or not.
            if is_read or held.fits(len(rendered.body)):
                await held.grow(len(rendered.body), ROOM_SECONDS)
            return rendered
        finally:
            decoded.release()
            share.release()

    async def _dispatched(self, server: Server, request: FhirRequest) -> FhirResponse:
        if request.interaction in _BOUNDED:
            return await self._in_time(server, request)
        return await dispatch(server, request)

    async def _in_time(self, server: Server, request: FhirRequest) -> FhirResponse:
        """Raises Unavailable when the answer takes longer than the setting."""
        try:
            async with asyncio.timeout(self.settings.request_timeout_seconds):
                return await dispatch(server, request)
        except TimeoutError:
            raise Unavailable(
                f"No answer within {self.settings.request_timeout_seconds:g} seconds. Ask for less at a time."
            ) from None


def _log(event: str, error: Exception, request_id: str) -> None:
    """Which error and where, but not its message: that may hold what a patient's record says."""
    place = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    logger.error(event, extra={"request_id": request_id, "error": type(error).__name__, "place": place})
