"""One connection, before there is a request: how long and how large the head of a request may be, and how many wait.

Rule: what does not yet belong to a request is bounded here, since nothing behind this can see it. The ASGI server's own
protocol keeps the head until it is whole, however long that takes and however long it is.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fhir_server.http import headers, parse
from resources import json_codec
from resources.outcome import Issue, operation_outcome

HEAD_BYTES: Final = headers.MAX_BYTES + parse.MAX_TARGET
"""Of a request line and headers that are not yet whole; what is whole is judged by `parse.check_size`."""
HEAD_SECONDS: Final = 30.0
"""From a connection's first moment, or a head's first byte, until the head is whole."""
PIPELINED: Final = 100
"""Requests sent before the answer to the first; each waits for its turn here."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, bounded. A chunk of data that brings neither the end of a head nor a part of a body is head
    that waits here (or trailers, which are kept in the same way)."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._advanced = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone. NOTE: uvicorn tells the last request only, and calls the others unfinished."""
        self._stop_timer()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        self._advanced = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._advanced:
            self._head_bytes = 0
            if self._head_timer is not None:
                self._stop_timer()
        else:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, "too-long", f"The head of the request is over {HEAD_BYTES:,} bytes.")
            elif self._head_timer is None:
                self._await_head()
        if len(self.pipeline) > PIPELINED:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._advanced = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        self._advanced = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._advanced = True
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """NOTE: the next of several requests is not worked on while the client leaves the answer before unread."""
        self._running = cycle
        super()._start_asgi_task(cycle, self._when_read(cycle, app) if self.flow.write_paused else app)

    def _when_read(self, cycle: RequestResponseCycle, app: ASGI3Application) -> ASGI3Application:
        async def later(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            await self.flow.drain()
            if not cycle.disconnected:
                await app(scope, receive, send)

        return later

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        if self._is_answering():
            self._await_head()
        else:
            self._refuse(408, "timeout", f"The head of a request did not arrive within {HEAD_SECONDS:g} seconds.")

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: int, code: str, words: str) -> None:
        """Answer, where no other answer is under way, and end the connection."""
        self._stop_timer()
        if not self._is_answering():
            body = json_codec.encode(operation_outcome([Issue("error", code, words)]))
            self.transport.write(_REFUSAL % (status, _PHRASES[status], len(body)) + body)
        self.transport.close()


_PHRASES: Final = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}
_REFUSAL: Final = (
    b"HTTP/1.1 %d %s\r\ncontent-type: application/fhir+json; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n"
)
