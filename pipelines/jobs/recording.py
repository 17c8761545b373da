"""The MLflow run of a job, or a stand-in that records nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.errors import BusyError, ConfigError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from pipelines.jobs.stages import Stages
    from pipelines.results import ForecastResult
    from pipelines.tracking import TrackedRun, Tracker


class Recorder(Protocol):
    """Takes what a job has to say of a run.

    Attributes:
        run_id: Id of the run, None where none is kept.
    """

    run_id: str | None

    def log_epoch(self, record: Mapping[str, Any]) -> None:
        """Take the record of a training epoch."""

    def log_result(self, result: ForecastResult, report: Path | None, files: Sequence[Path] = ()) -> None:
        """Take the result, its report and other files; a store that fails now must not cost the forecast."""

    def end(self, place: Path) -> None:
        """End the run of a forecast that is complete in a folder.

        Raises:
            BusyError: The run could not be written; the forecast is there all the same.
        """


class _NoRecorder:
    run_id: str | None = None

    def log_epoch(self, record: Mapping[str, Any]) -> None:
        pass

    def log_result(self, result: ForecastResult, report: Path | None, files: Sequence[Path] = ()) -> None:
        pass

    def end(self, place: Path) -> None:
        pass


class _MlflowRecorder:
    def __init__(self, run: TrackedRun, open_run: ExitStack) -> None:
        self.run_id: str | None = run.run_id
        self.log_epoch = run.log_epoch
        self._run = run
        self._open_run = open_run
        self._failure: Exception | None = None

    def log_result(self, result: ForecastResult, report: Path | None, files: Sequence[Path] = ()) -> None:
        try:
            self._run.log_result(result, figures_of(result), report)
            self._run.log_files(files)
        except Exception as error:
            self._failure = error

    def end(self, place: Path) -> None:
        failure = self._failure
        try:
            self._open_run.__exit__(
                type(failure) if failure else None, failure, failure.__traceback__ if failure else None
            )
        except Exception as error:
            failure = failure or error
        if failure is not None:
            raise BusyError(
                "The MLflow run of a forecast must be written. Received: "
                f"{type(failure).__name__}: {failure}. The forecast itself is complete in {str(place)!r}; "
                "look after the store, or use --no-track."
            ) from failure


@contextmanager
def recorded(
    store: str | Path | None,
    name: str,
    stages: Stages,
    output: Path | None = None,
    strict: bool = False,
    system: bool = False,
) -> Iterator[Recorder]:
    """Keep an MLflow run for the time of a job.

    It ends with ``end``, as FINISHED, or as FAILED if it could not be written whole; else with the block, as
    FAILED or KILLED.

    Args:
        store: As in `open_tracker`; None keeps no run.
        name: Name of the run.
        stages: Where to show and measure the opening of the store.
        output: As in `open_tracker`.
        strict: As in `open_tracker`.
        system: Whether to measure what the machine does meanwhile.

    Yields:
        Where to log to.

    Raises:
        ConfigError: The store cannot be used.
        BusyError: The store cannot be used just now.

    Example:
        >>> from pipelines.jobs.stages import Stages
        >>> with recorded(None, "demo", Stages()) as recorder:
        ...     recorder.log_epoch({"step": 1, "loss": 0.5})
        >>> recorder.run_id is None
        True
    """
    if store is None:
        yield _NoRecorder()
        return
    with stages.loading("MLflow"):
        tracker = open_tracker(store, output, strict)
        started = tracker.start_run(name)
    with ExitStack() as open_run:
        run = open_run.enter_context(started)
        if system:
            open_run.enter_context(tracker.measured(run))
        yield _MlflowRecorder(run, open_run)


def open_tracker(store: str | Path, output: Path | None = None, strict: bool = False) -> Tracker:
    """Open a store to keep runs in.

    Args:
        store: Folder, ``sqlite:///FILE``, ``postgresql://USER@HOST/DATABASE`` or address of an MLflow server.
        output: Folder of the job's results. In it lie artifacts of what is kept in PostgreSQL, and runs wait
            that a server which is down cannot take.
        strict: Whether a server that is down is an error.

    Returns:
        The tracker.

    Raises:
        ConfigError: The store cannot be used.
        BusyError: The store cannot be used just now.
    """
    from pipelines.tracking import UNSENT, Tracker

    artifacts = None if output is None else output / "artifacts"
    spool = None if output is None or strict else output / UNSENT
    try:
        return Tracker(store, artifacts=artifacts, spool=spool)
    except ConfigError as error:
        raise ConfigError(f"{error} Or name another store with --tracking-uri, or use --no-track.") from error


def figures_of(result: ForecastResult) -> dict[str, Figure]:
    """Draw the figures that a run keeps beside its report.

    Args:
        result: The forecast.

    Returns:
        Name to figure: the forecast if there is one; backtest, error by step and coverage if there are
        scores; dilations and what else forecasts are made of, if that is known.
    """
    from pipelines import plots

    common: dict[str, Any] = {"alias": result.alias, "columns": result.columns}
    season = result.season_length
    figures = {}
    if len(result.forecast):
        figures["forecast"] = plots.fan_chart(result.forecast, result.history, season_length=season, **common)
    if result.scores is not None:
        figures["backtest"] = plots.backtest_chart(result.backtest, **common)
        figures["error_by_step"] = plots.error_by_step(result.scores, alias=result.alias)
        figures["coverage"] = plots.coverage_chart(result.scores, alias=result.alias)
    if result.parts is not None:
        figures["dilations"] = plots.parts_chart(result.parts)
    return figures
