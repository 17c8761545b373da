"""Where runs are kept: a directory with an SQLite file, a PostgreSQL database, or an MLflow server."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from pipelines.errors import BusyError, ConfigError
from pipelines.redaction import redacted
from pipelines.tracking.postgres import SCHEMES, creation_lock, sqlalchemy_uri
from pipelines.tracking.quiet import only_errors, quiet
from pipelines.tracking.sqlite_file import check_writable, follow_move, store_error

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE = "mlflow.db"
_SQLITE = "sqlite:///"
_LOCK_SECONDS = 120.0  # creating the tables takes about a second; a queue of processes waits for one of them
_PING_SECONDS = 5.0
_NO_ROOM = ("disk is full", "disk I/O error")  # what SQLite says of a disk, or a quota, without room


@dataclass(frozen=True)
class TrackingStore:
    """Address of an MLflow store; making one touches no disk and no network.

    Args:
        uri: Absolute tracking URI as MLflow takes it.
        database: The SQLite file, or None where the store is a server or in PostgreSQL.
        artifacts: Absolute address of the artifacts of experiments that are created in PostgreSQL.

    Example:
        >>> store = TrackingStore.parse("/data/runs")
        >>> store.uri, store.artifact_root
        ('sqlite:////data/runs/mlflow.db', 'file:///data/runs/artifacts')
        >>> TrackingStore.parse("http://127.0.0.1:5000/").uri
        'http://127.0.0.1:5000'
    """

    uri: str
    database: Path | None
    artifacts: str | None = None

    @classmethod
    def parse(cls, location: str | Path, artifacts: str | Path | None = None) -> TrackingStore:
        """Read a location as a person writes it.

        Args:
            location: A directory (the file ``mlflow.db`` in it is used), ``sqlite:///FILE``,
                ``postgresql://USER@HOST/DATABASE``, or the address of an MLflow server, ``http://...`` or
                ``https://...``. Relative paths count from the working directory.
            artifacts: Folder for the artifacts of experiments that are created in PostgreSQL; elsewhere they
                have their place.

        Returns:
            The store with an absolute address.

        Raises:
            ConfigError: The location is none of these.

        Example:
            >>> TrackingStore.parse("sqlite:////data/team.db").directory.as_posix()
            '/data'
        """
        text = str(location)
        if text.startswith(("http://", "https://")):
            _check_server(text)
            return cls(text.rstrip("/"), None)
        if text.startswith(SCHEMES):
            root = None if artifacts is None else Path(artifacts).expanduser().resolve().as_uri()
            return cls(sqlalchemy_uri(text), None, root)
        if text.startswith(_SQLITE) and text not in (_SQLITE, f"{_SQLITE}:memory:"):
            return cls._local(Path(text.removeprefix(_SQLITE)))
        if "://" in text or text.startswith("sqlite:"):
            raise ConfigError(
                "A tracking store must be a directory, an SQLite file as sqlite:///FILE, a PostgreSQL "
                "database as postgresql://USER@HOST/DATABASE, or an MLflow server as http(s)://HOST:PORT. "
                f"Received: {redacted(text)}. "
                "For another database start `mlflow server` on it."
            )
        if Path(text).is_file():
            raise ConfigError(
                f"A tracking store must be a directory. Received the file {text}; "
                f"name its directory, or write {_SQLITE}{text} if it is an MLflow database."
            )
        return cls._local(Path(text) / DATABASE)

    @classmethod
    def _local(cls, database: Path) -> TrackingStore:
        database = database.expanduser().resolve()
        if "?" in database.as_posix():
            raise ConfigError(
                "The path of a tracking store must not hold '?', which starts the options of a database "
                f"address. Received: {database}."
            )
        return cls(f"{_SQLITE}{database.as_posix()}", database)

    @property
    def directory(self) -> Path | None:
        """Directory that holds the database and the artifacts; None elsewhere."""
        return None if self.database is None else self.database.parent

    @property
    def artifact_root(self) -> str | None:
        """Absolute ``file://`` address of the artifacts; None where a server knows it, or nobody."""
        return self.artifacts if self.database is None else (self.database.parent / "artifacts").as_uri()

    @property
    def in_postgres(self) -> bool:
        """Whether the store is a PostgreSQL database."""
        return self.uri.startswith("postgresql")


def _check_server(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ConfigError(
            "The address of an MLflow server must be http(s)://HOST:PORT. Received: "
            f"{redacted(address)}; write signs such as '/', '#' and '?' of a password as %2F, %23 and %3F."
        )


def prepare(store: TrackingStore) -> None:
    """Make sure that the store is there and can be used: create the database, or see that the server answers.

    A database that was moved or copied is told where its artifacts are now, see `follow_move`.

    MLflow migrates an empty database without a lock, and of several processes that start at once most die. So
    the tables are made by one process, under a file lock, in a file beside the final one which then takes its
    name: other processes see a complete database or none, even if this one is killed.

    Args:
        store: The store.

    Raises:
        ConfigError: The directory cannot be used, or the file in it is no SQLite database, or not writable.
        BusyError: The server does not answer, or another process holds a lock for too long.
    """
    if store.in_postgres:
        with creation_lock(store.uri, redacted(store.uri)), quiet():
            _open(store.uri, store.artifact_root)
        return
    if store.database is None:
        _ping(store.uri)
        return
    database = store.database
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        if _is_missing(database):
            with one_at_a_time(store):
                if _is_missing(database):
                    _create(store, database)
        with database.open("rb") as file:
            if not file.read(16).startswith(b"SQLite format 3"):
                raise ConfigError(
                    f"{database} must be an SQLite database. It is another kind of file; move it away."
                )
        check_writable(database)
        follow_move(database, str(store.artifact_root))
    except OSError as error:
        raise ConfigError(
            f"The directory of a tracking store must be writable. Received: {database.parent} ({error}); "
            "name another directory."
        ) from error


@contextmanager
def one_at_a_time(store: TrackingStore) -> Iterator[None]:
    """Let no other process do in the meantime what it does inside such a block, on this store.

    Args:
        store: The store. Nobody is kept waiting where it is a server.

    Yields:
        Nothing.

    Raises:
        BusyError: If another process takes too long.
    """
    if store.in_postgres:
        with creation_lock(store.uri, redacted(store.uri)):
            yield
        return
    if store.database is None:
        yield
        return
    lock = FileLock(f"{store.database}.lock", timeout=_LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"The tracking store must be free within {_LOCK_SECONDS:.0f} s. Another process still holds "
            f"{error.lock_file}; try again when it has ended."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _is_missing(database: Path) -> bool:
    return not database.exists() or database.stat().st_size == 0


def _create(store: TrackingStore, database: Path) -> None:
    fresh = database.with_name(f"{database.name}.new")
    for path in (fresh, database):
        for suffix in ("", "-journal", "-wal", "-shm"):
            # Left by a process that was killed; SQLite would play an old journal back into the new database.
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    with quiet():
        try:
            _open(f"{_SQLITE}{fresh.as_posix()}", store.artifact_root)
        except Exception as error:
            fresh.unlink(missing_ok=True)
            if any(words in str(error) for words in _NO_ROOM):
                raise store_error(database, error) from error
            raise
        fresh.replace(database)
        # A database of this name that this process had open before was deleted: MLflow's pool lets go of it.
        _open(store.uri, store.artifact_root)


def _open(uri: str, artifact_root: str | None) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with only_errors("mlflow", "alembic"):  # after the import, which sets their levels
        opened = SqlAlchemyStore(uri, artifact_root)  # type: ignore[no-untyped-call]
    opened.engine.dispose()


def _ping(uri: str) -> None:
    parts = urlsplit(uri)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    try:
        urllib.request.urlopen(f"{address}/health", timeout=_PING_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()  # it answered: whether it lets us in is MLflow's to say
    except (OSError, ValueError) as error:
        raise BusyError(
            f"The MLflow server must answer within {_PING_SECONDS:.0f} s. {redacted(uri)} does not "
            f"({error}); start it, or name a directory as tracking store."
        ) from error


def connect(store: TrackingStore) -> MlflowClient:
    """Open a store, which is created first where it is missing.

    The client carries its own address: MLflow's global tracking URI, active run and environment stay as they
    are.

    Args:
        store: The store.

    Returns:
        A client of it.

    Raises:
        ConfigError: The store cannot be used.
        BusyError: The store cannot be used just now.
    """
    prepare(store)
    with quiet():
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            return MlflowClient(tracking_uri=store.uri)
        except MlflowException as error:
            raise ConfigError(
                "The database of a tracking store must fit the installed MLflow. "
                f"{store.database or redacted(store.uri)}: {error.message}"
            ) from error


def experiment_id(client: MlflowClient, store: TrackingStore, name: str) -> str:
    """Find an experiment by name, or create it with its artifacts beside the database.

    Args:
        client: Client of the store.
        store: The store.
        name: Name of the experiment.

    Returns:
        Its id.

    Raises:
        ConfigError: The experiment was deleted, or there is no place for its artifacts.
    """
    with quiet():
        from mlflow.exceptions import MlflowException

        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            if store.in_postgres and store.artifact_root is None:
                raise ConfigError(
                    f"An experiment in a database must have a folder for its artifacts. Received: {name!r} "
                    f"in {redacted(store.uri)}, without one; name it when the experiment is created."
                )
            try:
                return str(client.create_experiment(name, artifact_location=store.artifact_root))
            except MlflowException:
                experiment = client.get_experiment_by_name(name)
                if experiment is None:  # no other process created it in the meantime: a real error
                    raise
    if experiment.lifecycle_stage != "active":
        raise ConfigError(
            f"An experiment must be active. {name!r} was deleted; choose another name or restore it: "
            f"mlflow experiments restore --experiment-id {experiment.experiment_id}"
        )
    return str(experiment.experiment_id)
