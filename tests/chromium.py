"""A headless Chromium for tests, driven through its debugging pipe: no driver and no package needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """Path of a Chromium on this machine, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Chromium:
    """One browser with one page; keeps what the page logged and what it asked of the network."""

    def __init__(self, executable: str) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The browser reads from descriptor 3 and writes to 4, which a shell arranges.
        script = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        profile = f"--user-data-dir={self._profile.name}"
        command = ["bash", "-c", script, executable, *FLAGS, profile, "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._count = 0
        self._session: str | None = None
        self.messages: list[str] = []
        self.requests: list[str] = []
        page = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        self.send("Browser.close")
        self._process.wait(timeout=20)
        os.close(self._write)
        os.close(self._read)
        self._profile.cleanup()

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and return its result."""
        self._count += 1
        command: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._write, json.dumps(command).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], PATIENCE)
            if not ready:
                raise TimeoutError(f"Chromium said nothing for {PATIENCE} seconds.")
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise RuntimeError("Chromium ended unexpectedly.")
            self._buffer += chunk
        text, self._buffer = self._buffer.split(b"\0", 1)
        event: dict[str, Any] = json.loads(text)
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.messages.append(
                    str([one.get("value", one.get("description")) for one in params["args"]])
                )
            case "Runtime.exceptionThrown":
                self.messages.append(
                    params["exceptionDetails"].get("exception", {}).get("description", "exception")
                )
            case "Log.entryAdded":
                self.messages.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
        return event

    def show(self, page: Path, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Open a file at a size and color scheme, and wait until it says that it is ready."""
        self.open(page.resolve().as_uri(), width, height, dark)
        self.wait_for("document.body && document.body.dataset.ready === 'yes'")

    def open(self, address: str, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Begin to open an address at a size and color scheme."""
        self.messages.clear()
        self.requests.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.set_dark(dark)
        self.send("Page.navigate", url=address)

    def set_dark(self, dark: bool) -> None:
        """Say that the reader prefers a dark or a light page."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def wait_for(self, condition: str, seconds: float = 30) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(f"{condition} stayed false; the page said {self.messages}")
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression, which may be a promise."""
        # The debugger is outside the page's security policy, so a strict page can be asked too.
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def run_in_frame(self, script: str, seconds: float = 30) -> Any:
        """Value of an expression in a sandboxed frame of the page, once it is true there."""
        page, end = self._session, time.monotonic() + seconds
        while time.monotonic() < end:
            self._session = None
            frames = [one for one in self.send("Target.getTargets")["targetInfos"] if one["type"] == "iframe"]
            for frame in frames:
                self._session = None
                target = self.send("Target.attachToTarget", targetId=frame["targetId"], flatten=True)
                self._session = target["sessionId"]
                found = self.run(script)
                if found:
                    self._session = page
                    return found
            self._session = page
            time.sleep(0.1)
        raise TimeoutError(f"{script} stayed false in every frame")

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """Save a picture of the page."""
        answer = self.send("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(answer["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def print_pdf(self) -> bytes:
        """The page as it would be printed."""
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])
