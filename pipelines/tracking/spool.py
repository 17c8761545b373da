"""Runs that wait in a folder until the server that they belong to is there again.

Each process that cannot reach its server keeps a store of its own there, which it holds a lock on while it
writes. Whoever starts next for the same server sends what waits, and removes it once it has arrived whole.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

from filelock import FileLock, Timeout

from pipelines.errors import BusyError, ForecastingError
from pipelines.redaction import redacted
from pipelines.tracking.quiet import quiet
from pipelines.tracking.sending import send_runs
from pipelines.tracking.store import TrackingStore, connect, experiment_id

if TYPE_CHECKING:
    from mlflow import MlflowClient

UNSENT = "unsent"
"""Name of the folder in a folder of results."""
_DESTINATION, _LOCK = "destination.json", ".lock"


class Waiting:
    """A store of one process in the folder of what waits; runs of one experiment go into it.

    Args:
        spool: The folder of what waits.
        destination: Where the runs belong.
        experiment: Name of their experiment.

    Raises:
        ConfigError: The folder cannot be written to.
    """

    def __init__(self, spool: Path, destination: TrackingStore, experiment: str) -> None:
        self.folder = spool.absolute() / f"{time.time_ns()}-{uuid4().hex[:8]}"  # sorted by time
        store = TrackingStore.parse(self.folder)
        self.client = connect(store)
        self.experiment_id = experiment_id(self.client, store, experiment)
        facts = {
            "uri": without_secrets(destination.uri),
            "artifacts": destination.artifacts,
            "experiment": experiment,
        }
        (self.folder / _DESTINATION).write_text(json.dumps(facts), encoding="utf-8")
        self._lock = FileLock(self.folder / _LOCK)
        self._open: set[str] = set()

    def hold(self, run_id: str) -> bool:
        """Keep others from sending while a run is written.

        Args:
            run_id: The run.

        Returns:
            False if all has been sent already, and the folder is gone.
        """
        if not self._open and not _held(self._lock, self.folder, timeout=-1):
            return False
        self._open.add(run_id)
        return True

    def let_go(self, run_id: str) -> None:
        """Let others send, once no run is written any more.

        Args:
            run_id: A run that has ended.
        """
        self._open.discard(run_id)
        if not self._open:
            self._lock.release()


def send_waiting(spool: Path, destination: TrackingStore, client: MlflowClient) -> int:
    """Send the runs that wait for a store, and remove them here.

    What other processes still write, or send just now, is left alone.

    Args:
        spool: The folder of what waits; there may be none.
        destination: The store.
        client: Client of it.

    Returns:
        How many runs were sent.

    Raises:
        ConfigError: The store cannot be used.
        BusyError: The store fails; what has not arrived whole stays.
    """
    own = without_secrets(destination.uri)
    return sum(_send(waits, lambda: (destination, client)) for waits in _all(spool) if waits.uri == own)


def send_all(spool: str | Path, to: str | None = None) -> int:
    """Send all runs that wait in a folder, each to its own store.

    Args:
        spool: The folder of what waits.
        to: Address of a store to send them to instead; with user and password, where it needs them.

    Returns:
        How many runs were sent.

    Raises:
        ConfigError: A store cannot be used.
        BusyError: A store does not answer, or fails; what has not arrived whole stays.

    Example:
        >>> send_all("/no/such/folder")
        0
    """
    return sum(_send(waits, partial(_connected, waits, to)) for waits in _all(Path(spool)))


def without_secrets(uri: str) -> str:
    """Address of a store without what lets one in, which comes from the environment instead.

    Args:
        uri: Any address.

    Returns:
        The address without password; of a server without user, too.

    Example:
        >>> without_secrets("postgresql+psycopg://ann:secret@db/runs"), without_secrets("http://ann:secret@host")
        ('postgresql+psycopg://ann@db/runs', 'http://host')
    """
    parts = urlsplit(uri)
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0] if uri.startswith("postgresql") else ""
    options = {key: text for key, text in parse_qsl(parts.query) if key != "password"}
    return parts._replace(netloc=f"{name}@{host}" if name else host, query=urlencode(options)).geturl()


class _Waits(NamedTuple):
    """What waits in a folder, and where it belongs."""

    folder: Path
    uri: str
    artifacts: str | None
    experiment: str


def _all(spool: Path) -> list[_Waits]:
    """All that waits, oldest first."""
    found = []
    for path in sorted(spool.glob(f"*/{_DESTINATION}")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        found.append(_Waits(path.parent, facts["uri"], facts["artifacts"], facts["experiment"]))
    return found


def _connected(waits: _Waits, to: str | None) -> tuple[TrackingStore, MlflowClient]:
    store = TrackingStore.parse(to or waits.uri)
    if store.in_postgres:
        store = TrackingStore(store.uri, None, waits.artifacts)
    return store, connect(store)


def _held(lock: FileLock, folder: Path, timeout: float) -> bool:
    """Take the lock of a folder that waits; False if another process has it, or has sent all of it."""
    with suppress(Timeout, OSError):
        if (folder / _DESTINATION).exists():
            lock.acquire(timeout=timeout)
            if (folder / _DESTINATION).exists():
                return True
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)  # the lock may have made it again
    return False


def _send(waits: _Waits, target: Callable[[], tuple[TrackingStore, MlflowClient]]) -> int:
    """Send what waits in a folder and remove it; nothing if somebody writes or sends it now."""
    lock = FileLock(waits.folder / _LOCK)
    if not _held(lock, waits.folder, timeout=0):
        return 0
    try:
        destination, client = target()
        local = TrackingStore.parse(waits.folder)
        source = connect(local)
        with quiet():
            here = experiment_id(source, local, waits.experiment)
            count = send_runs(source, here, client, experiment_id(client, destination, waits.experiment))
        shutil.rmtree(waits.folder)
    except ForecastingError:
        raise
    except Exception as error:
        reason = redacted(f"{type(error).__name__}: {error}")
        raise BusyError(
            f"Runs that wait must arrive whole. Received: {reason}. They stay in {str(waits.folder)!r}; try "
            "again later."
        ) from error
    finally:
        lock.release()
    with suppress(OSError):
        waits.folder.parent.rmdir()  # if nothing else waits
    return count
