"""Where runs begin: an experiment of a store, in which runs are started, found and reopened."""

from __future__ import annotations

import getpass
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipelines.errors import BusyError
from pipelines.redaction import redacted
from pipelines.tracking.names import KEY_LENGTH, TAG_LENGTH, clip
from pipelines.tracking.process import is_gone, process_tags
from pipelines.tracking.quiet import quiet
from pipelines.tracking.run import TrackedRun
from pipelines.tracking.spool import send_waiting
from pipelines.tracking.spooling import SpoolingClient, is_down
from pipelines.tracking.store import TrackingStore, connect, experiment_id
from pipelines.tracking.system import system_metrics
from pipelines.tracking.tags import KEY

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

logger = logging.getLogger(__name__)

_NAME_LENGTH = 250
_PAGE = 1000
_QUOTES = str.maketrans("'\"`", "___")  # a filter of MLflow cannot hold them all


class Tracker:
    """Writes runs of one experiment to an MLflow store; MLflow's global state stays untouched.

    Opening an experiment ends those of its runs as KILLED that killed processes of this host left RUNNING.

    Args:
        store: A directory (``mlflow.db`` and ``artifacts/`` are made in it), ``sqlite:///FILE``,
            ``postgresql://USER@HOST/DATABASE``, or the address of an MLflow server.
        experiment: Name of the experiment, created where it is missing.
        artifacts: Folder for the artifacts of an experiment that is created in PostgreSQL.
        spool: Folder for runs that a server or database cannot take now; they are sent when a tracker for it
            is made the next time, or by `pipelines.tracking.send_all`. None: what cannot be written fails.

    Raises:
        ConfigError: The store or the experiment cannot be used.
        BusyError: The store cannot be used just now: its server is down and nothing may wait for it, or
            another process holds its lock.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     with Tracker(directory).start_run("demo") as run:
        ...         run.log_epoch({"step": 50, "loss": 0.25, "learning_rate": 0.001, "seconds": 1.5})
        ...     run.status
        'FINISHED'
    """

    def __init__(
        self,
        store: str | Path,
        experiment: str = "tcn-forecasting",
        artifacts: str | Path | None = None,
        spool: str | Path | None = None,
    ) -> None:
        self.store = TrackingStore.parse(store, artifacts)
        self.experiment = experiment
        self.experiment_id = ""
        waits = spool is not None and self.store.database is None
        self._client: MlflowClient = self._open(Path(spool)) if spool and waits else self._connect()
        if self.experiment_id:
            self._end_killed_runs()

    def start_run(
        self, name: str, tags: Mapping[str, str] | None = None, start_time: int | None = None
    ) -> TrackedRun:
        """Start a run, to be used as a context manager that ends it.

        Args:
            name: Name of the run as the UI lists it.
            tags: Further tags; ``mlflow.parentRunId`` nests the run in another.
            start_time: Milliseconds since 1970; by default now.

        Returns:
            The run.
        """
        commit = git_commit()
        every = _clipped(_source(commit) | process_tags() | dict(tags or {}))
        with quiet():
            run = self._client.create_run(
                self.experiment_id, start_time=start_time, run_name=clip(name, _NAME_LENGTH), tags=every
            )
        return TrackedRun(self._client, str(run.info.run_id), commit)

    def measured(self, run: TrackedRun) -> AbstractContextManager[None]:
        """Log what the machine does inside a block; nothing of a run that waits for its server.

        Args:
            run: A run that has begun.

        Returns:
            The block.

        Raises:
            ConfigError: psutil is not installed.
        """
        if getattr(self._client, "is_down", False):  # only a `SpoolingClient` has it
            return nullcontext()
        return system_metrics(run.run_id, self.store.uri)

    def find_runs(self, tag: str, value: str) -> Iterator[Run]:
        """Find the runs of the experiment that have a tag.

        Args:
            tag: Name of the tag.
            value: Its value, without quotation marks.

        Yields:
            Runs of MLflow, oldest first.
        """
        token = None
        while True:
            with quiet():
                page = self._client.search_runs(
                    [self.experiment_id],
                    f"tags.`{tag}` = '{value}'",
                    max_results=_PAGE,
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
            yield from page
            token = page.token
            if not token:
                return

    def reopen_run(self, run: Run, tags: Mapping[str, str] | None = None) -> TrackedRun:
        """Go on with a run that ended, or that a killed process left.

        Args:
            run: A run of the experiment.
            tags: Further tags.

        Returns:
            The run, RUNNING in this process, without the error that it ended with.
        """
        run_id = str(run.info.run_id)
        commit = git_commit()
        every = _clipped(_source(commit) | process_tags() | dict(tags or {}))
        with quiet():
            from mlflow.entities import RunTag

            if "error" in run.data.tags:
                self._client.delete_tag(run_id, "error")
            self._client.log_batch(run_id, tags=[RunTag(name, text) for name, text in every.items()])
            self._client.update_run(run_id, status="RUNNING")
        return TrackedRun(self._client, run_id, commit, run.data.params)

    def open_run(
        self, name: str, key: str, tags: Mapping[str, str] | None = None, start_time: int | None = None
    ) -> tuple[TrackedRun, bool]:
        """Find a run again by its key, or start it.

        Args:
            name: Name of the run as the UI lists it.
            key: What tells the run from all others of the experiment.
            tags: Further tags.
            start_time: Of a run that starts, as in `start_run`.

        Returns:
            The run, and whether it was there already.
        """
        known = clip(key.translate(_QUOTES), TAG_LENGTH)
        every = {**(tags or {}), KEY: known}
        found = next(self.find_runs(KEY, known), None)
        if found is not None:
            return self.reopen_run(found, every), True
        return self.start_run(name, every, start_time), False

    def _connect(self) -> MlflowClient:
        client = connect(self.store)
        from mlflow.exceptions import MlflowException

        try:
            self.experiment_id = experiment_id(client, self.store, self.experiment)
        except MlflowException as error:
            if not is_down(error):
                raise
            raise BusyError(
                f"A tracking store must work. Received: {redacted(self.store.uri)}, which fails "
                f"({redacted(error.message)}); try again later, or name a directory."
            ) from error
        return client

    def _open(self, spool: Path) -> MlflowClient:
        """Open a store that may be down, and send what waits for it."""
        try:
            client = self._connect()
        except BusyError:
            return cast("MlflowClient", SpoolingClient(None, self.store, self.experiment, spool))
        try:
            send_waiting(spool, self.store, client)
        except Exception as error:  # it goes on waiting; the run that is about to start matters more
            logger.warning("Runs that wait in %s could not be sent: %s", spool, redacted(str(error)))
        return cast("MlflowClient", SpoolingClient(client, self.store, self.experiment, spool))

    def _end_killed_runs(self) -> None:
        """End the runs of processes of this host that were killed and could not do it themselves."""
        with quiet():
            from mlflow.exceptions import MlflowException

            try:
                running = self._client.search_runs(
                    [self.experiment_id], "attributes.status = 'RUNNING'", max_results=_PAGE
                )
                for run_id in (run.info.run_id for run in running if is_gone(run.data.tags)):
                    # It may have ended its run in order after the search, and then itself.
                    if self._client.get_run(run_id).info.status == "RUNNING":
                        self._client.set_tag(run_id, "error", "The process was killed.")
                        self._client.set_terminated(run_id, status="KILLED")
            except MlflowException as error:  # their state matters less than the run that is about to start
                logger.warning("Runs of killed processes could not be ended: %s", redacted(str(error)))


def git_commit() -> str | None:
    """Find the Git commit of the working directory.

    Returns:
        The commit's hash, or None outside of a repository and where Git is missing.
    """
    command = ["git", "rev-parse", "--verify", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def _source(commit: str | None) -> dict[str, str]:
    return {
        "mlflow.user": _user(),
        "mlflow.source.name": Path(sys.argv[0]).name or "python",
        "mlflow.source.type": "LOCAL",
    } | ({"mlflow.source.git.commit": commit} if commit else {})


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "unknown"


def _clipped(tags: Mapping[str, str]) -> dict[str, str]:
    return {clip(key, KEY_LENGTH): clip(text, TAG_LENGTH) for key, text in tags.items()}
