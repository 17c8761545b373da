"""One run that is being written: epochs while a network trains, then everything that there is to say."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pipelines.redaction import redacted
from pipelines.tracking.environment import ENVIRONMENT, environment_text
from pipelines.tracking.names import TAG_LENGTH, clip, legal_name
from pipelines.tracking.note import note_of
from pipelines.tracking.quiet import quiet
from pipelines.tracking.records import (
    Point,
    certificate_of,
    epoch_points,
    metrics_of,
    params_of,
    previews_of,
    tables_of,
)
from pipelines.verdict import verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from plotly.graph_objects import Figure

    from pipelines.results import ForecastResult

logger = logging.getLogger(__name__)

_DIGEST_LENGTH = 12  # enough to tell data sets apart in the lists of the UI; the whole digest is a param
_DATASET_NAME_LENGTH = 500


class TrackedRun:
    """A run that is being written; made by `Tracker.start_run` and `Tracker.reopen_run`.

    As a context manager it ends as FINISHED, as FAILED with the text of an exception in the tag ``error``, or
    as KILLED on Ctrl-C.

    Args:
        client: Client of the store.
        run_id: Id of the run.
        commit: Git commit of the working directory, logged as param ``git_sha``.
        params: Params that it has already.

    Example:
        >>> from pipelines.tracking import Tracker
        >>> with Tracker("runs").start_run("sales") as run:  # doctest: +SKIP
        ...     run.log_tags({"region": "north"})
    """

    def __init__(
        self,
        client: MlflowClient,
        run_id: str,
        commit: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        self.run_id = run_id
        self.status = "RUNNING"
        self._client = client
        self._commit = commit
        self._params = set(params or ())
        self._waiting: list[tuple[Point, int]] = []
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
            self.end_with(error)
            return
        try:
            self._flush()
        except Exception as failure:
            self.end_with(failure)
            raise
        self.end("FINISHED")

    def log_epoch(self, record: Mapping[str, Any]) -> None:
        """Log one epoch; usable as a callback of ``fit``.

        A store that fails must not end the training: its error is logged once, and the records wait for the
        end.

        Args:
            record: ``step`` and numbers such as ``loss``, ``learning_rate``, ``seconds``.
        """
        self._steps.add(int(record["step"]))
        self._wait(epoch_points(record))
        if self._store_failed:
            return
        try:
            self._flush()
        except Exception as error:
            self._store_failed = True
            logger.warning(
                "Epochs cannot be logged now; they are tried again at the end: %s", redacted(str(error))
            )

    def log_params(self, params: Mapping[str, str]) -> None:
        """Log params; the first value of each stays, for MLflow takes no other.

        Args:
            params: Legal keys, with values of at most 6,000 characters.
        """
        fresh = {key: value for key, value in params.items() if key not in self._params}
        with quiet():
            from mlflow.entities import Param

            self._client.log_batch(self.run_id, params=[Param(key, value) for key, value in fresh.items()])
        self._params |= set(fresh)

    def log_points(self, points: Iterable[Point]) -> None:
        """Log values of metrics.

        Args:
            points: The values.
        """
        self._wait(points)
        self._flush()

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Log tags, which replace those of the same name.

        Args:
            tags: Legal keys with texts, of which the first 8,000 characters are kept.
        """
        with quiet():
            from mlflow.entities import RunTag

            every = [RunTag(key, clip(value, TAG_LENGTH)) for key, value in tags.items()]
            self._client.log_batch(self.run_id, tags=every)

    def log_figures(self, figures: Mapping[str, Figure]) -> None:
        """Log figures as interactive pages that need no network.

        Args:
            figures: Name to plotly figure.
        """
        with quiet():
            for name, figure in figures.items():
                path, page = f"figures/{legal_name(name)}.html", {"include_plotlyjs": True}
                self._client.log_figure(self.run_id, figure, path, save_kwargs=page)

    def log_text(self, text: str, path: str) -> None:
        """Log a text as a file.

        Args:
            text: The text.
            path: Name of the file among the artifacts.
        """
        with quiet():
            self._client.log_text(self.run_id, text, path)

    def log_data(self, name: str, digest: str, facts: Mapping[str, Any], schema: str | None = None) -> None:
        """Log which data the run is made of.

        Args:
            name: What people call them.
            digest: Their SHA-256.
            facts: Their size, JSON-able.
            schema: Their columns, as MLflow writes them.
        """
        with quiet():
            from mlflow.data.code_dataset_source import CodeDatasetSource
            from mlflow.entities import Dataset, DatasetInput, InputTag

            source = CodeDatasetSource({"name": name, "sha256": digest})
            dataset = Dataset(
                name=clip(name, _DATASET_NAME_LENGTH) or "data",
                digest=digest[:_DIGEST_LENGTH] or "unknown",
                source_type="code",
                source=source.to_json(),
                schema=schema,
                profile=json.dumps(dict(facts)),
            )
            context = [InputTag("mlflow.data.context", "training")]
            self._client.log_inputs(self.run_id, datasets=[DatasetInput(dataset, context)])

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
        self.log_params(params_of(result))
        self.log_commit()
        for record in result.training:
            if int(record["step"]) not in self._steps:
                self._steps.add(int(record["step"]))
                self._wait(epoch_points(record))
        self.log_points(metrics_of(result))
        self._log_dataset(result)
        self._log_tables(result)
        self.log_figures(figures)
        self.log_files([report] if report is not None else [])
        self.log_text(environment_text(), ENVIRONMENT)
        self._tag(result, note_of(result, figures, report.name if report else None))

    def log_files(self, files: Iterable[Path]) -> None:
        """Log files as they are, beside the report.

        Args:
            files: The files.
        """
        with quiet():
            for path in files:
                self._client.log_artifact(self.run_id, str(path))

    def _wait(self, points: Iterable[Point]) -> None:
        # A point that is written twice, because the first answer was lost, is one if its time is the same.
        now = int(time.time() * 1000)
        self._waiting += [(point, now) for point in points]

    def _flush(self) -> None:
        if not self._waiting:
            return
        with quiet():
            from mlflow.entities import Metric

            metrics = [Metric(point.name, point.value, now, point.step) for point, now in self._waiting]
            self._client.log_batch(self.run_id, metrics=metrics)
        self._waiting = []

    def _log_dataset(self, result: ForecastResult) -> None:
        with quiet():
            from mlflow.data.pandas_dataset import from_pandas

            known = from_pandas(result.history, digest=result.digest or None).to_dict()
        # The frame is the tail that charts show: its schema is that of the data, its size is not.
        facts = {"num_rows": result.rows, "num_series": result.n_series}
        self.log_data(result.name, result.digest or known["digest"], facts, known["schema"])

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
        if certified := certificate_of(result):
            tags["certificate"] = "holds" if certified["holds"] else "fails"
            tags["certificate_sha256"] = str(certified["sha256"])
        if result.scores is not None and result.scores.shift:
            tags["shift"] = str(result.scores.shift.get("verdict", ""))
            tags["shift_diagnostic"] = json.dumps(result.scores.shift, default=str)
        self.log_tags(tags)

    def log_commit(self) -> None:
        """Log the Git commit of the working directory as the param ``git_sha``, if there is one."""
        if self._commit:
            self.log_params({"git_sha": self._commit})

    def end(self, status: str, end_time: int | None = None) -> None:
        """End the run.

        Args:
            status: "FINISHED", "FAILED" or "KILLED".
            end_time: Milliseconds since 1970; by default now.
        """
        with quiet():
            self._client.set_terminated(self.run_id, status=status, end_time=end_time)
        self.status = status

    def end_with(self, error: BaseException) -> None:
        """End the run with an error; a store that fails now is only told of.

        Args:
            error: Exceptions end it as FAILED, others such as KeyboardInterrupt as KILLED.
        """
        try:
            with quiet():
                text = clip(redacted(f"{type(error).__name__}: {error}"), TAG_LENGTH)
                self._client.set_tag(self.run_id, "error", text)
            self.end("FAILED" if isinstance(error, Exception) else "KILLED")
        except Exception as failed:  # the error that ended the run matters more than the store's
            logger.warning("Run %s could not be ended in its store: %s", self.run_id, redacted(str(failed)))
