"""A Ray cluster as workers."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from types import FrameType
from typing import Any, Final, NoReturn

from pipelines.errors import ConfigError, WorkerError
from pipelines.workers.call import Outcome, answer, outcome_of
from pipelines.workers.process import Died

# Ray reports nothing to anybody, nor says on standard output that a worker died.
_QUIET: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
# What Ray asks, when it is first imported, to know whether clusters of several machines exist on its system;
# without them it listens on loopback.
_LOOPBACK: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_HOST: Final = "127.0.0.1"
# Calls of a worker before another takes its place: TensorFlow keeps all that XLA has compiled.
_CALLS: Final = 12
# Seconds that a cluster may take to answer, and canceled calls to end.
_PATIENCE: Final = 10.0


class RayCluster:
    """Workers of a Ray cluster.

    They use as many threads as this process would, whatever their machine has: how many threads share a sum
    decides how it is rounded.

    Args:
        n: Workers of a cluster that is started here.
        address: Of the cluster; None to start one.
    """

    def __init__(self, n: int, address: str | None) -> None:
        if find_spec("ray") is None:
            raise ConfigError(
                "Workers of kind 'ray' need Ray, which is not installed; pip install 'tcn-forecasting[ray]', "
                "or use kind='processes'."
            )
        self._ended = False
        self._making: set[int] = set()  # threads that are making a call
        self._under_way: set[Any] = set()
        with ExitStack() as opened:
            self._ray = _start(n, opened) if address is None else _connect(address, opened)
            # Tries are counted here, as for processes.
            options = {"num_cpus": 1, "max_retries": 0, "max_calls": _CALLS}
            self._remote = self._ray.remote(**options)(answer)
            self._opened = opened.pop_all()

    def prepare(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
        """Pickle a call, once for all tries; functions of the program itself by what they do."""
        try:
            call: bytes = self._ray.cloudpickle.dumps((function, arguments))
        except Exception as error:
            raise TypeError(
                f"A call must be made of what can be pickled. Received: {function!r}: {error}."
            ) from error
        return call

    def make(self, call: bytes) -> Outcome:
        """Let the cluster make a call."""
        reference = None
        self._making.add(threading.get_ident())
        try:
            if self._ended:
                raise Died("the workers were ended")
            reference = self._remote.remote(call)
            self._under_way.add(reference)
            return outcome_of(self._ray.get(reference))
        except self._ray.exceptions.RayTaskError as error:
            raise WorkerError(
                "This package must be installed on each machine of a Ray cluster. Received: a call that "
                f"could not begin: {error}"
            ) from None
        except self._ray.exceptions.RayError as error:
            raise Died(f"{type(error).__name__}: {error}") from None
        finally:
            self._under_way.discard(reference)
            self._making.discard(threading.get_ident())

    def end(self) -> None:
        """Kill the workers of calls that are being made, and leave or end the cluster."""
        self._ended = True
        end = time.monotonic() + _PATIENCE
        canceled: set[Any] = set()
        # Ray ends the whole process where a thread still asks it for something.
        while self._making and time.monotonic() < end:
            for reference in self._under_way - canceled:
                self._ray.cancel(reference, force=True)
                canceled.add(reference)
            time.sleep(0.01)
        self._opened.close()


def _start(n: int, opened: ExitStack) -> Any:
    """Start a cluster on this machine; its files are removed when ``opened`` closes."""
    folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="tcn-ray-", ignore_cleanup_errors=True))
    # What this process can import, its workers can.
    variables = _variables() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with _environment(_QUIET | _LOOPBACK), _own_sigterm(opened):
        import ray

        ray.init(
            address="local",  # whatever RAY_ADDRESS says
            num_cpus=n,
            include_dashboard=False,
            runtime_env={"env_vars": variables},
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=folder,
            _node_ip_address=_HOST,
        )
    opened.callback(ray.shutdown)
    hosts = {node["NodeManagerAddress"] for node in ray.nodes()}
    if hosts != {_HOST}:
        raise ConfigError(
            f"A Ray cluster that is started here must listen on {_HOST} only. Received: one on "
            f"{', '.join(sorted(hosts))}, as Ray was imported before; open workers before importing ray."
        )
    return ray


def _connect(address: str, opened: ExitStack) -> Any:
    """Connect to a cluster, until ``opened`` closes."""
    _check_answers(address)
    is_here = address.startswith((_HOST, "localhost"))
    with _environment(_QUIET | (_LOOPBACK if is_here else {})), _own_sigterm(opened):
        import ray

        try:
            ray.init(
                address=address,
                runtime_env={"env_vars": _variables()},
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except ConnectionError as error:
            raise _no_answer(address, error) from error
    opened.callback(ray.shutdown)
    return ray


def _check_answers(address: str) -> None:
    """See that something answers at host:port; Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
        except OSError as error:
            raise _no_answer(address, error) from error


def _no_answer(address: str, error: Exception) -> WorkerError:
    return WorkerError(f"A Ray cluster must answer at its address. Received: {address!r}: {error}.")


def _variables() -> dict[str, str]:
    """Environment of workers: the threads that TensorFlow shares a sum among in this process."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {name: os.environ.get(name) or str(here) for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")}


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _own_sigterm(opened: ExitStack) -> Iterator[None]:
    """Keep what SIGTERM does here, which Ray would replace; where it just kills, end in order instead.

    The cluster's files would be left. It kills again when ``opened`` has closed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, _leave if before is signal.SIG_DFL else before)
        opened.callback(signal.signal, signal.SIGTERM, before)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
