"""MLflow's own server in a thread of this process, which stops and starts in a moment."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from quick_stores import template

from pipelines.tracking.quiet import quiet
from pipelines.tracking.ui import free_port


class HttpServer:
    """A server on the loopback interface with a store in a folder; off at first.

    Args:
        folder: For its database and artifacts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port(0)
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
        }
        with quiet():
            from mlflow.server import app
        self._app = app

    def start(self) -> None:
        """Answer from now on."""
        from werkzeug.serving import make_server

        self._server = make_server("127.0.0.1", self.port, self._app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def http_server() -> Iterator[HttpServer]:
    """Give the server of this process, whose settings are in the environment for the time of the block."""
    before = dict(os.environ)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = _only_server()
    os.environ |= server.environment
    try:
        yield server
    finally:
        os.environ.clear()
        os.environ.update(before)


@cache
def _only_server() -> HttpServer:
    """MLflow keeps the store that it has opened first, as long as the process lives."""
    folder = Path(mkdtemp(prefix="tcn-server-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copy(template(), folder / "mlflow.db")
    return HttpServer(folder)
