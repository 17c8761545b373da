"""A backtest as the record that an MLflow run is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.jobs.files import plain
from pipelines.jobs.result_facts import result_facts
from pipelines.results import ForecastResult

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.holding_out import HeldOut
    from pipelines.jobs.backtesting import Backtesting
    from pipelines.jobs.task import Task
    from pipelines.metrics import Scores


def backtest_result(
    task: Task,
    forecaster: Forecaster,
    held: HeldOut,
    how: Backtesting,
    backtest: pd.DataFrame,
    scores: Scores | None,
    seconds: dict[str, float],
) -> ForecastResult:
    """Put together what a backtest came to.

    Args:
        task: Data and settings.
        forecaster: What was tested; trained anew for every window, it has not learned anything itself.
        held: Which rows were held out.
        how: How they were forecast.
        backtest: The backtest frame.
        scores: Its scores; None if nothing of it was observed.
        seconds: Stage to its wall time.

    Returns:
        A result without a forecast.
    """
    asked = {"n_windows": held.n_windows, "step": held.step, **how.arguments(), "against": how.against}
    fitted = not how.refit
    return ForecastResult(
        **result_facts(task, forecaster, seconds),
        forecast=backtest.iloc[:0].drop(columns=["cutoff", task.panel.columns.target_col]),
        backtest=backtest,
        scores=scores,
        settings=plain({**forecaster.get_params(), **asked}),
        plan=forecaster.plan_.to_dict() if fitted else {},
        training=tuple(forecaster.history_) if fitted else (),
        reason="" if scores is not None else "no value was observed in the held-out rows",
        calibration=dict(forecaster.calibration_) if fitted else {},
    )
