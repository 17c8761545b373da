"""MLflow's own server in a thread of this process, which stops and starts in a moment."""

from __future__ import annotations

import os
import threading
from pathlib import Path

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
        os.environ |= {
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
