"""The MLflow UI as a child process on the loopback interface, which never outlives its parent's call."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from pipelines.errors import BusyError, ConfigError
from pipelines.redaction import redacted
from pipelines.tracking.store import TrackingStore, prepare

HOST = "127.0.0.1"
# MLflow's UI opens as a tool for language models unless the address asks for the view of trained models.
_PAGE = "#/experiments?workflowType=machine_learning"
_ADDRESS = "MLFLOW_BACKEND_STORE_URI"
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # The server's job runners are processes of their own that nothing here needs.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def ui_command(store: TrackingStore, port: int = 5000) -> list[str]:
    """Command that serves the MLflow UI of a store on the loopback interface.

    Args:
        store: A store in a directory or in PostgreSQL, whose address the environment has to hold.
        port: TCP port.

    Returns:
        The command, with the running Python.

    Raises:
        ConfigError: The store is a server already.

    Example:
        >>> ui_command(TrackingStore.parse("/data/runs"), 5001)[1:6]
        ['-m', 'mlflow', 'server', '--backend-store-uri', 'sqlite:////data/runs/mlflow.db']
    """
    if store.database is None and not store.in_postgres:
        raise ConfigError(
            f"The UI is served for a directory or a database. {redacted(store.uri)} is a server: open it in "
            "a browser."
        )
    # Everybody on this machine can read the command; a database's address may hold a password.
    address = {} if store.in_postgres else {"--backend-store-uri": store.uri}
    options = address | {
        "--default-artifact-root": store.artifact_root or Path("artifacts").absolute().as_uri(),
        "--host": HOST,
        "--port": str(port),
        "--workers": "1",
    }
    arguments = (part for option in options.items() for part in option)
    return [sys.executable, "-m", "mlflow", "server", *arguments]


def open_ui(store: str | Path, port: int = 5000, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve the MLflow UI until the caller is interrupted, and stop it with everything that it started.

    Args:
        store: The directory (or ``sqlite:///FILE``, or PostgreSQL database) of a `Tracker`; an empty store
            is made where there is none.
        port: TCP port on 127.0.0.1; a free one is taken where it is in use.
        on_ready: Called with the address of the experiments' page once the UI answers.

    Raises:
        ConfigError: The store cannot be served.
        BusyError: The server did not start, or ended by itself.
        KeyboardInterrupt: On Ctrl-C, after the server has stopped.
        SystemExit: On SIGTERM or SIGHUP, after the server has stopped; with 128 + the number of the signal.

    Example:
        >>> open_ui("output", on_ready=print)  # doctest: +SKIP
        http://127.0.0.1:5000/#/experiments
    """
    with _signals_raise(), serve_ui(store, port) as (address, process):
        if on_ready is not None:
            on_ready(f"{address}/{_PAGE}")
        code = process.wait()
        raise BusyError(f"The MLflow UI must run until it is stopped. It ended by itself with status {code}.")


@contextmanager
def serve_ui(store: str | Path, port: int = 5000) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve the MLflow UI inside the block.

    Args:
        store: As in `open_ui`.
        port: As in `open_ui`.

    Yields:
        The address and the process, once the UI answers.

    Raises:
        ConfigError: The store cannot be served.
        BusyError: The server does not start.
    """
    target = TrackingStore.parse(store)
    port = free_port(port)
    command = ui_command(target, port)
    prepare(target)
    address = f"http://{HOST}:{port}"
    with tempfile.TemporaryFile() as log:
        # In a session of its own: Ctrl-C then reaches the caller alone, who stops the whole group in order.
        process = subprocess.Popen(
            command,
            cwd=target.directory,
            env=child_environment(os.environ) | ({_ADDRESS: target.uri} if target.in_postgres else {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(address, process, log)
            yield address, process
        finally:
            _stop(process)


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment of the server: the caller's, without MLflow settings that would overrule the command.

    Args:
        environment: The caller's environment.

    Returns:
        A new environment, telemetry off.

    Example:
        >>> child_environment({"PATH": "/bin", "MLFLOW_WORKERS": "8"})["PATH"]
        '/bin'
        >>> "MLFLOW_WORKERS" in child_environment({"MLFLOW_WORKERS": "8"})
        False
    """
    prefixes = ("MLFLOW_", "_MLFLOW_")
    return {
        name: value for name, value in environment.items() if not name.startswith(prefixes)
    } | _ENVIRONMENT


def free_port(wanted: int) -> int:
    """Choose a TCP port of the loopback interface.

    Args:
        wanted: The port to prefer, 0 for any.

    Returns:
        The wanted port, or any free one where it is in use.

    Example:
        >>> free_port(0) > 0
        True
    """
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise BusyError(f"A TCP port of {HOST} must be free. None is; try again later.")


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    # Proxies of the environment are not for this machine itself.
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            browser.open(f"{address}/health", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    log.seek(0)
    tail = "\n".join(log.read().decode(errors="replace").splitlines()[-15:])
    raise BusyError(f"The MLflow UI must answer within {_START_SECONDS:.0f} s. It did not:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with _interrupts_ignored():  # a second Ctrl-C must not leave processes behind
        end = time.monotonic() + _STOP_SECONDS
        _signal_group(process.pid, signal.SIGTERM)
        while _signal_group(process.pid, 0) and time.monotonic() < end:
            process.poll()  # collects the leader, which would otherwise count as alive
            time.sleep(0.05)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _signals_raise() -> Iterator[None]:
    # The default of these signals ends the process at once, which would leave the server running.
    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    with _handlers({signal.SIGTERM: leave, signal.SIGHUP: leave}):
        yield


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    with _handlers(dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN)):
        yield


@contextmanager
def _handlers(
    handlers: Mapping[signal.Signals, Callable[[int, FrameType | None], object] | signal.Handlers],
) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python delivers signals to the main thread alone
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
