"""What a fit leaves, and the record that its MLflow run is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.forecast_parts import forecast_parts
from pipelines.jobs.files import plain
from pipelines.jobs.result_facts import result_facts
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

    Example:
        >>> from pipelines import Forecaster
        >>> FitOutcome(Forecaster(horizon=3)).run_id is None
        True
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
    nothing = task.panel.tail(1).to_frame().iloc[:0][list(task.panel.columns)]
    return ForecastResult(
        **result_facts(task, forecaster, seconds),
        forecast=nothing,
        backtest=nothing,
        scores=None,
        settings=plain(forecaster.get_params()),
        plan=forecaster.plan_.to_dict(),
        training=tuple(forecaster.history_),
        reason="Nothing was held out: the fit has learned from all rows.",
        calibration=dict(forecaster.calibration_),
        parts=forecast_parts(forecaster.fitted_),
    )
