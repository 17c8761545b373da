"""One MLflow run per fit: epochs while it trains, then everything that the forecast holds."""

from __future__ import annotations

import getpass
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pipelines.tracking.names import KEY_LENGTH, TAG_LENGTH, clip, legal_name
from pipelines.tracking.note import note_of
from pipelines.tracking.process import is_gone, process_tags
from pipelines.tracking.quiet import quiet
from pipelines.tracking.records import Point, epoch_points, metrics_of, params_of, previews_of, tables_of
from pipelines.tracking.store import TrackingStore, connect, experiment_id
from pipelines.verdict import verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from plotly.graph_objects import Figure

    from pipelines.results import ForecastResult

logger = logging.getLogger(__name__)

_DIGEST_LENGTH = 12  # enough to tell data sets apart in the lists of the UI; the whole digest is a param
_DATASET_NAME_LENGTH = 500
_NAME_LENGTH = 250
_MOST_RUNNING = 1000


class Tracker:
    """Writes runs of one experiment to an MLflow store; MLflow's global state stays untouched.

    Opening an experiment ends those of its runs as KILLED that killed processes of this host left RUNNING.

    Args:
        store: A directory (``mlflow.db`` and ``artifacts/`` are made in it), ``sqlite:///FILE``, or the
            address of an MLflow server.
        experiment: Name of the experiment, created where it is missing.

    Raises:
        ConfigError: The store or the experiment cannot be used.
        BusyError: The store cannot be used just now: its server is down, or another process holds its lock.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as directory:
        ...     with Tracker(directory).start_run("demo") as run:
        ...         run.log_epoch({"step": 50, "loss": 0.25, "learning_rate": 0.001, "seconds": 1.5})
        ...     run.status
        'FINISHED'
    """

    def __init__(self, store: str | Path, experiment: str = "tcn-forecasting") -> None:
        self.store = TrackingStore.parse(store)
        self.experiment = experiment
        self._client = connect(self.store)
        self.experiment_id = experiment_id(self._client, self.store, experiment)
        self._end_killed_runs()

    def start_run(self, name: str, tags: Mapping[str, str] | None = None) -> TrackedRun:
        """Start a run, to be used as a context manager that ends it.

        Args:
            name: Name of the run as the UI lists it.
            tags: Further tags.

        Returns:
            The run.
        """
        commit = git_commit()
        source = {
            "mlflow.user": _user(),
            "mlflow.source.name": Path(sys.argv[0]).name or "python",
            "mlflow.source.type": "LOCAL",
        } | ({"mlflow.source.git.commit": commit} if commit else {})
        every = source | process_tags() | dict(tags or {})
        every = {clip(key, KEY_LENGTH): clip(text, TAG_LENGTH) for key, text in every.items()}
        with quiet():
            run = self._client.create_run(self.experiment_id, run_name=clip(name, _NAME_LENGTH), tags=every)
        return TrackedRun(self._client, str(run.info.run_id), commit)

    def _end_killed_runs(self) -> None:
        """End the runs of processes of this host that were killed and could not do it themselves."""
        with quiet():
            from mlflow.exceptions import MlflowException

            try:
                running = self._client.search_runs(
                    [self.experiment_id], "attributes.status = 'RUNNING'", max_results=_MOST_RUNNING
                )
                for run in running:
                    if is_gone(run.data.tags):
                        self._client.set_tag(run.info.run_id, "error", "The process was killed.")
                        self._client.set_terminated(run.info.run_id, status="KILLED")
            except MlflowException:  # their state matters less than the run that is about to start
                logger.warning("Runs of killed processes could not be ended.", exc_info=True)


class TrackedRun:
    """A run that is being written; made by `Tracker.start_run`.

    As a context manager it ends as FINISHED, as FAILED with the text of an exception in the tag ``error``, or
    as KILLED on Ctrl-C.

    Args:
        client: Client of the store.
        run_id: Id of the run.
        commit: Git commit of the working directory, logged as param ``git_sha``.
    """

    def __init__(self, client: MlflowClient, run_id: str, commit: str | None = None) -> None:
        self.run_id = run_id
        self.status = "RUNNING"
        self._client = client
        self._commit = commit
        self._waiting: list[Point] = []
        self._steps: set[int] = set()
        self._store_failed = False

    def __enter__(self) -> Self:
        """Return the run itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the run; an exception goes on to the caller."""
        if error is not None:
            self._fail(error)
            return
        try:
            self._flush()
        except Exception as failure:
            self._fail(failure)
            raise
        self._end("FINISHED")

    def log_epoch(self, record: Mapping[str, Any]) -> None:
        """Log one epoch; usable as a callback of ``fit``.

        A store that fails must not end the training: its error is logged once, and the records wait for the
        end.

        Args:
            record: ``step`` and numbers such as ``loss``, ``learning_rate``, ``seconds``.
        """
        self._steps.add(int(record["step"]))
        self._waiting += epoch_points(record)
        if self._store_failed:
            return
        try:
            self._flush()
        except Exception:
            self._store_failed = True
            logger.warning("Epochs cannot be logged now; they are tried again at the end.", exc_info=True)

    def log_params(self, params: Mapping[str, str]) -> None:
        """Log params, which a run takes once each.

        Args:
            params: Legal keys, with values of at most 6,000 characters.
        """
        with quiet():
            from mlflow.entities import Param

            self._client.log_batch(self.run_id, params=[Param(key, value) for key, value in params.items()])

    def log_result(
        self,
        result: ForecastResult,
        figures: Mapping[str, Figure] | None = None,
        report_path: str | Path | None = None,
    ) -> None:
        """Log a forecast: params, metrics, data set, tables, figures, report, description.

        Args:
            result: The forecast.
            figures: Name to plotly figure; each becomes an interactive page that needs no network.
            report_path: The report, copied as it is.

        Raises:
            mlflow.exceptions.MlflowException: The store refuses or fails.
        """
        figures = figures or {}
        report = Path(report_path) if report_path is not None else None
        self.log_params(params_of(result) | ({"git_sha": self._commit} if self._commit else {}))
        for record in result.training:
            if int(record["step"]) not in self._steps:
                self._steps.add(int(record["step"]))
                self._waiting += epoch_points(record)
        self._waiting += metrics_of(result)
        self._flush()
        self._log_dataset(result)
        self._log_tables(result)
        with quiet():
            for name, figure in figures.items():
                path, page = f"figures/{legal_name(name)}.html", {"include_plotlyjs": True}
                self._client.log_figure(self.run_id, figure, path, save_kwargs=page)
            if report is not None:
                self._client.log_artifact(self.run_id, str(report))
        self._tag(result, note_of(result, figures, report.name if report else None))

    def log_files(self, files: Iterable[Path]) -> None:
        """Log files as they are, beside the report.

        Args:
            files: The files.
        """
        with quiet():
            for path in files:
                self._client.log_artifact(self.run_id, str(path))

    def _flush(self) -> None:
        if not self._waiting:
            return
        with quiet():
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            metrics = [Metric(point.name, point.value, now, point.step) for point in self._waiting]
            self._client.log_batch(self.run_id, metrics=metrics)
        self._waiting = []

    def _log_dataset(self, result: ForecastResult) -> None:
        with quiet():
            from mlflow.data.code_dataset_source import CodeDatasetSource
            from mlflow.data.pandas_dataset import from_pandas
            from mlflow.entities import Dataset, DatasetInput, InputTag

            dataset = from_pandas(
                result.history,
                source=CodeDatasetSource({"name": result.name, "sha256": result.digest}),
                targets=result.columns[2],
                name=clip(result.name, _DATASET_NAME_LENGTH),
                digest=result.digest[:_DIGEST_LENGTH] or None,
            )
            # The frame is the tail that charts show: its schema is that of the data, its size is not.
            profile = json.dumps({"num_rows": result.rows, "num_series": result.n_series})
            entity = Dataset(**(dataset.to_dict() | {"profile": profile}))
            context = [InputTag("mlflow.data.context", "training")]
            self._client.log_inputs(self.run_id, datasets=[DatasetInput(entity, context)])

    def _log_tables(self, result: ForecastResult) -> None:
        with quiet():
            for name, table in previews_of(result).items():
                self._client.log_table(self.run_id, table, f"tables/{name}.json")
            with TemporaryDirectory() as directory:
                for name, table in tables_of(result).items():
                    table.to_parquet(Path(directory) / f"{name}.parquet", index=False)
                self._client.log_artifacts(self.run_id, directory, "data")

    def _tag(self, result: ForecastResult, note: str) -> None:
        tags = {"mlflow.note.content": note, "model": result.alias, "data": result.name}
        tags["verdict"] = verdict(result.scores, result.alias, result.levels, result.reason).label
        if result.scores is not None and result.scores.shift:
            tags["shift"] = str(result.scores.shift.get("verdict", ""))
            tags["shift_diagnostic"] = json.dumps(result.scores.shift, default=str)
        with quiet():
            from mlflow.entities import RunTag

            every = [RunTag(key, clip(value, TAG_LENGTH)) for key, value in tags.items()]
            self._client.log_batch(self.run_id, tags=every)

    def _fail(self, error: BaseException) -> None:
        try:
            with quiet():
                text = clip(f"{type(error).__name__}: {error}", TAG_LENGTH)
                self._client.set_tag(self.run_id, "error", text)
            self._end("FAILED" if isinstance(error, Exception) else "KILLED")
        except Exception:  # the error that ended the run matters more than the store's
            logger.warning("Run %s could not be ended in its store.", self.run_id, exc_info=True)

    def _end(self, status: str) -> None:
        with quiet():
            self._client.set_terminated(self.run_id, status=status)
        self.status = status


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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "unknown"
