"""What a fit leaves, and the record that its MLflow run is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.forecast_parts import forecast_parts
from pipelines.jobs.files import plain
from pipelines.jobs.versions import versions
from pipelines.results import ForecastResult

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster
    from pipelines.jobs.task import Task
    from pipelines.serving import Registered


@dataclass(frozen=True)
class FitOutcome:
    """What a fit leaves behind, beside its bundle.

    Args:
        forecaster: The fitted one.
        run_id: The MLflow run; None if none was kept.
        registered: The version that the bundle became; None if that was not asked for.
    """

    forecaster: Forecaster
    run_id: str | None = None
    registered: Registered | None = None


def fit_result(task: Task, forecaster: Forecaster, seconds: dict[str, float]) -> ForecastResult:
    """Put together what a fit came to.

    Args:
        task: Data and settings.
        forecaster: The fitted one.
        seconds: Stage to its wall time.

    Returns:
        A result without forecast and backtest.
    """
    from pipelines.plots.series import history_length

    panel = task.panel
    shown = history_length(task.horizon, task.season_length)
    history = panel.tail(shown).to_frame()[list(panel.columns)]
    return ForecastResult(
        name=task.name,
        forecast=history.iloc[:0],
        history=history,
        backtest=history.iloc[:0],
        scores=None,
        horizon=task.horizon,
        settings=plain(forecaster.get_params()),
        plan=forecaster.plan_.to_dict(),
        versions=versions(),
        training=tuple(forecaster.history_),
        digest=task.digest(),
        columns=panel.columns,
        alias=forecaster.alias,
        levels=task.request.levels,
        season_length=task.season_length,
        freq=panel.freq.text,
        seconds=dict(seconds),
        reason="Nothing was held out: the fit has learned from all rows.",
        rows=panel.notes.rows_in,
        calibration=dict(forecaster.calibration_),
        parts=forecast_parts(forecaster.fitted_),
    )
