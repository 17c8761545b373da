"""The main job in parts: fit a bundle, forecast with one, test without publishing, plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import PanelError
from pipelines.forecaster import Forecaster
from pipelines.jobs.backtesting import backtest_held_out, score
from pipelines.jobs.files import check_finite, table_path, write_frame
from pipelines.jobs.fitting import fit, load_tensorflow
from pipelines.jobs.holding_out import HeldOut, hold_out
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import Request, Task, read_source

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.metrics import Scores
    from pipelines.plan import Plan


@dataclass(frozen=True)
class Tested:
    """Forecasts of the past with their scores.

    Args:
        name: What reports call the data.
        alias: Name of the network in the frames.
        backtest: Forecasts of the held-out rows, baselines among them.
        scores: Their scores; None if nothing of them was observed.
        held: Which rows were held out.
        levels: Interval levels in percent.
        n_series: Number of series that were tested.
    """

    name: str
    alias: str
    backtest: pd.DataFrame
    scores: Scores | None
    held: HeldOut
    levels: tuple[float, ...]
    n_series: int


def run_plan(request: Request) -> tuple[Task, Plan, HeldOut]:
    """Say what the main job would do, without TensorFlow and without training.

    Args:
        request: Data and settings.

    Returns:
        The task, the plan of its fit, and the rows that would be held out.

    Raises:
        PanelError: The data are missing or cannot be used.
        ConfigError: A setting is not allowed.

    Example:
        >>> task, plan, held = run_plan(Request("us_unemployment"))
        >>> task.horizon, plan.series, held.n_windows
        (12, 14, 3)
    """
    task = Task.load(request)
    held = hold_out(task.panel, task.horizon, task.season_length)
    return task, task.forecaster().plan(task.panel.before(held.rows)), held


def run_fit(request: Request, bundle: str | Path, progress: Progress | None = None) -> Forecaster:
    """Fit on all rows and save the forecaster.

    Args:
        request: Data and settings.
        bundle: Folder of the bundle; a bundle that is there is replaced.
        progress: Where to show the stages.

    Returns:
        The fitted forecaster.

    Raises:
        PanelError: The data are missing or cannot be used.
        ConfigError: A setting is not allowed.
        BundleError: The folder holds something else.
    """
    stages = Stages(progress)
    with stages("read the data"):
        task = Task.load(request)
        forecaster = task.forecaster()
    fit(forecaster, task.panel, stages)
    with stages("write"):
        forecaster.save(bundle)
    return forecaster


def run_predict(
    bundle: str | Path,
    output: str | Path,
    *,
    source: str | None = None,
    levels: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Forecast with a saved forecaster, without training.

    Args:
        bundle: Folder of the bundle.
        output: File to write, ``.csv`` or ``.parquet``.
        source: A new history; by default the one in the bundle.
        levels: Interval levels in percent; by default those of the bundle.
        progress: Where to show the stages.

    Returns:
        The forecasts.

    Raises:
        BundleError: The bundle is missing or damaged.
        PanelError: The data are missing or cannot be used.
        ConfigError: The output is no such file, or cannot be written.
        ForecastingError: A forecast is not finite.
    """
    stages, path = Stages(progress), table_path(output)
    forecaster = _load(bundle, stages)
    history = None
    if source is not None:
        with stages("read the data"):
            history, _ = read_source(source, forecaster.id_col)
    with stages("forecast"):
        forecast = forecaster.predict(history, levels)
        check_finite(forecast, (forecaster.id_col, forecaster.time_col, forecaster.target_col))
    with stages("write"):
        write_frame(forecast, path)
    return forecast


def run_backtest(
    request: Request,
    *,
    bundle: str | Path | None = None,
    output: str | Path | None = None,
    n_windows: int | None = None,
    step: int | None = None,
    progress: Progress | None = None,
) -> Tested:
    """Test on the last windows of every series: a network fitted on the rows before them, or a saved one.

    A saved forecaster may have learned from the rows that it is tested on; then its scores flatter it.

    Args:
        request: Data and settings; of the settings, a bundle overrides those it has.
        bundle: Folder of a bundle to test instead of fitting.
        output: File to write the backtest to, ``.csv`` or ``.parquet``.
        n_windows: Windows to test on; by default see `hold_out`.
        step: Rows between two of them; by default half a horizon.
        progress: Where to show the stages.

    Returns:
        Backtest and scores.

    Raises:
        PanelError: The data are missing or cannot be used.
        ConfigError: A setting is not allowed, or the output cannot be written.
        BundleError: The bundle is missing or damaged.
    """
    stages = Stages(progress)
    path = None if output is None else table_path(output)
    saved = None if bundle is None else _load(bundle, stages)
    with stages("read the data"):
        task = Task.load(request if saved is None else _as_in(saved, request))
        panel = task.panel
        held = hold_out(panel, task.horizon, task.season_length, n_windows, step)
        if held.reason:
            raise PanelError(f"{held.reason} Choose a smaller horizon.")
    forecaster = saved or fit(task.forecaster(), panel.before(held.rows), stages)
    with stages("backtest"):
        backtest = backtest_held_out(forecaster, panel, held, request.levels)
        scores = score(backtest, panel, task.season_length)
    if path is not None:
        with stages("write"):
            write_frame(backtest, path)
    n_series = held.tested(panel).n_series
    return Tested(task.name, forecaster.alias, backtest, scores, held, request.levels, n_series)


def _load(bundle: str | Path, stages: Stages) -> Forecaster:
    load_tensorflow(stages)
    with stages("read the bundle"):
        return Forecaster.load(bundle)


def _as_in(forecaster: Forecaster, request: Request) -> Request:
    """The request with the settings that a fitted forecaster has for good."""
    plan = forecaster.plan_
    return replace(
        request,
        horizon=plan.horizon,
        freq=plan.freq,
        season_length=plan.season_length,
        id_col=forecaster.id_col,
        time_col=forecaster.time_col,
        target_col=forecaster.target_col,
    )
