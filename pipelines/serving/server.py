"""A server on this machine alone, until it is told to stop."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from pipelines.bundle import MANIFEST, checksum
from pipelines.errors import BusyError, ConfigError
from pipelines.saving import read_fitted, runtime_of
from pipelines.serving.app import MAX_BODY, About, create_app
from pipelines.serving.forecasts import Forecasts
from pipelines.serving.registry import fetched

if TYPE_CHECKING:
    import uvicorn

HOST: Final = "127.0.0.1"
STOP_SECONDS: Final = 30
"""Time that requests may take when the server is told to stop."""
_IDLE_SECONDS: Final = 60  # that a client may keep its connection without a request


def load_app(model: str, tracking: str | Path, max_body: int = MAX_BODY) -> Any:
    """Load what is to be served.

    Args:
        model: Folder of a bundle, or ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        tracking: Store of registered models; it is not opened for a folder.
        max_body: Bytes of the largest body.

    Returns:
        An ASGI application.

    Raises:
        BundleError: If the bundle is missing, damaged, or not the one that was registered.
        ConfigError, BusyError: If the store cannot be used.
    """
    if not model.startswith("models:/"):
        return _app(Path(model), str(Path(model).absolute()), None, max_body)
    with fetched(model, tracking) as (bundle, found):
        return _app(bundle, f"models:/{found.name}", found.version, max_body)


def serve(
    app: Any,
    port: int = 8000,
    on_ready: Callable[[str], None] | None = None,
    access_log: bool = True,
    stop_seconds: int = STOP_SECONDS,
) -> None:
    """Serve an application on the loopback interface, until Ctrl-C or SIGTERM.

    Requests that have begun are answered first, with status 503 where they take longer than they may.

    Args:
        app: What ``load_app`` returns.
        port: TCP port; 0 for any that is free.
        on_ready: Called with the address once the server listens.
        access_log: Whether to write a line for each request to standard error.
        stop_seconds: Time that requests may take when the server is told to stop.

    Raises:
        BusyError: If the port is in use.
        ConfigError: If it may not be used.
        KeyboardInterrupt: On Ctrl-C, after the server has stopped.
    """
    with _listen(port) as listener:
        server = _server(app, access_log, stop_seconds)
        if on_ready is not None:
            on_ready(_address(listener))
        server.run(sockets=[listener])


@contextmanager
def served(app: Any, port: int = 0) -> Iterator[str]:
    """Serve an application on the loopback interface for the time of a block, as in a notebook.

    Args:
        app: What ``load_app`` returns.
        port: TCP port; 0 for any that is free.

    Yields:
        The address.

    Raises:
        BusyError: If the port is in use.
        ConfigError: If it may not be used.
    """
    with _listen(port) as listener:
        server = _server(app, access_log=False)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="tcn-serve", daemon=True)
        thread.start()
        try:
            yield _address(listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(app: Any, access_log: bool, stop_seconds: int = STOP_SECONDS) -> uvicorn.Server:
    import uvicorn

    from pipelines.serving.connections import Connection

    config = uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        access_log=access_log,
        server_header=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=stop_seconds,
        lifespan="off",
    )
    _log_lines(access_log)
    return uvicorn.Server(config)


def _address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _app(bundle: Path, source: str, version: str | None, max_body: int) -> Any:
    # Requests are computed side by side: threads for each of them would wait for one another.
    _, fitted = read_fitted(bundle, runtime_of(bundle), threads=1)
    about = About(
        source,
        version,
        checksum(bundle / MANIFEST),
        {name: value.to_dict() if hasattr(value, "to_dict") else value for name, value in fitted.settings},
        fitted.plan.to_dict(),
    )
    return create_app(Forecasts.of(fitted), about, max_body)


def _listen(port: int) -> socket.socket:
    # Where the protocol is not named, asyncio lets small packets wait, 40 ms for each answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise BusyError(
                f"A port must be free. Received: {port}, which another program uses; name another one, or 0 "
                "for any that is free."
            ) from None
        raise ConfigError(f"A port must be one that may be used. Received: {port} ({error}).") from None
    return listener


def _log_lines(access_log: bool) -> None:
    """Write what the server logs as plain lines to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name in ("uvicorn.access", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if access_log and name == "uvicorn.access" else logging.ERROR)
