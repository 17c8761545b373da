"""Requests to an ASGI application, in the process of the test."""

import asyncio
import json
from dataclasses import dataclass


@dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    def json(self):
        """Strictly: NaN is no JSON."""
        return json.loads(self.body, parse_constant=lambda text: 1 / 0)


class Client:
    """Asks an application; ``chunk`` is the size of the parts that bodies are sent in."""

    def __init__(self, app, chunk=2**16):
        self.app, self.chunk = app, chunk

    def get(self, path, **headers):
        return self.request("GET", path, b"", headers)

    def post(self, path, content, kind="application/json", stops=None, **headers):
        """Post a body; a client that stops "waits" before its last part, or "leaves"."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.request("POST", path, body, {"content-type": kind, **headers}, stops)

    def request(self, method, path, body=b"", headers=(), stops=None):
        return asyncio.run(self._request(method, path, body, dict(headers), stops))

    async def _request(self, method, path, body, headers, stops):
        path, _, query = path.partition("?")
        headers = {"host": "127.0.0.1:8000", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), str(value).encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        parts = [body[i : i + self.chunk] for i in range(0, len(body), self.chunk)] or [b""]
        sent = []

        async def receive():
            if stops == "waits":
                await asyncio.sleep(60)
            if stops == "leaves" or not parts:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        start = sent[0]
        names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], names, b"".join(each.get("body", b"") for each in sent[1:]))
