"""Requests that outlast the time that the server has left: answered all the same, with words."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from pipelines.serving.problems import Refused, describe

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LATE: Final = Refused(
    503,
    "A request must be answered before the server ends. Received: one that takes longer than the server "
    "waits; send it again once a server runs, or fewer rows at a time.",
)


class Ending:
    """ASGI middleware that answers with status 503 where the server gives a request up.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, also when its task is cancelled before it has an answer.

        Args:
            scope: What is asked.
            receive: Where its body comes from.
            send: Where its answer goes to.
        """
        has_begun = False

        async def sent(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except asyncio.CancelledError:
            # Nobody waits for this task: the server cancels it when it ends, and that alone.
            if not has_begun:
                for message in _answer():
                    await send(message)


def _answer() -> list[dict[str, Any]]:
    body = json.dumps(describe(_LATE)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    return [
        {"type": "http.response.start", "status": _LATE.status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
