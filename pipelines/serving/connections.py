"""Connections of clients: ones that send no request are closed, and those that only listen are answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipelines.serving.problems import Refused, describe

_HEADER_SECONDS: Final = 30.0  # that a client may take for the headers of a request
_LATE: Final = Refused(
    408,
    f"The headers of a request must arrive within {_HEADER_SECONDS:g} s. Received: a part of them; send all.",
)


class Connection(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with a limit for headers, and answers for connections closed by half.

    Args:
        settings: As of uvicorn's own class.
    """

    def __init__(self, *settings: Any, **named: Any) -> None:
        super().__init__(*settings, **named)
        self._late: asyncio.TimerHandle | None = None
        self._has_part = False
        self._only_listens = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers.

        Args:
            transport: The connection.
        """
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, and wait for the rest of its headers if they are not whole.

        Args:
            data: What was received.
        """
        self._has_part = True
        super().data_received(data)
        self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Say whether to keep the connection of a client that sends no more, as it waits for an answer."""
        self._only_listens = self._is_busy and not self.cycle.more_body
        return self._only_listens

    def on_response_complete(self) -> None:
        """Go on with the next request; close the connection where none can come."""
        super().on_response_complete()
        if self._only_listens and not self._is_busy:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting.

        Args:
            exc: Why the connection was lost; None if it was closed.
        """
        self._unwatch()
        super().connection_lost(exc)

    @property
    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self._is_busy or self.transport.is_closing():
            self._unwatch()
        elif self._late is None:
            self._late = self.loop.call_later(_HEADER_SECONDS, self._refuse)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late, self._has_part = None, False

    def _refuse(self) -> None:
        """Close a connection without a request, with words if there is a part of one."""
        has_part = self._has_part
        self._unwatch()
        if self.transport.is_closing() or self._is_busy:
            return
        if has_part and self.conn.our_state is h11.IDLE:
            body = json.dumps(describe(_LATE)).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            for event in (
                h11.Response(status_code=_LATE.status, headers=headers, reason=b"Request Timeout"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
