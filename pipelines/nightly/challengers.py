"""Trainings of a challenger: before its test, and once more when it has won."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.errors import ForecastingError
from pipelines.jobs.fitting import fit
from pipelines.jobs.fitting import plan as plan_fit
from pipelines.jobs.warned import warnings_as_notes
from pipelines.nightly.champions import load_judged

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster
    from pipelines.holding_out import HeldOut
    from pipelines.jobs.stages import Stages
    from pipelines.nightly.records import Version
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel

_SLACK: Final = 1.1  # by how much the errors of two trainings may differ


def challenger_of(job: JobSettings, champion: Version | None) -> Forecaster:
    """Return what is to be trained; it is calibrated later, on rows that it has not learned.

    Args:
        job: Settings.
        champion: Who forecasts today; a warm training begins with its weights, those that were tested.

    Raises:
        BundleError: If a warm training cannot begin, since the files of the champion are damaged.
    """
    from pipelines.forecaster import Forecaster

    if champion is not None and job.retrain.warm:
        return load_judged(champion).set_params(conformal=None)
    asked = {name: getattr(job.model, name) for name in type(job.model).model_fields}
    return Forecaster(**{**asked, "conformal": None})


def train(
    forecaster: Forecaster, rows: Panel, job: JobSettings, champion: Version | None, stages: Stages
) -> None:
    """Train a challenger.

    Args:
        forecaster: What ``challenger_of`` has returned.
        rows: Rows to learn from.
        job: Settings.
        champion: Who forecasts today.
        stages: Where to show and measure the stages.

    Raises:
        ConfigError: If the fit takes more memory than there is.
        ForecastingError: If training fails.
    """
    initial = "bundle" if champion is not None and job.retrain.warm else None
    plan_fit(forecaster, rows, stages, initial)
    fit(forecaster, rows, stages, initial=initial)


def refitted(
    job: JobSettings,
    champion: Version | None,
    tested: Forecaster,
    panel: Panel,
    held: HeldOut,
    stages: Stages,
) -> tuple[Forecaster | None, str]:
    """Train what has won once more, with the same settings, on all rows.

    Rows that it has learned must come no harder to it than to the one that has not; or else its training has
    failed.

    Args:
        job: Settings.
        champion: Who has forecast until then.
        tested: What has won, calibrated if that is asked for.
        panel: All rows.
        held: Those of the test.
        stages: Where to show and measure the stages.

    Returns:
        The network, None if the one that was tested is to stay; and a sentence about it.
    """
    try:
        again = challenger_of(job, champion)
        train(again, panel, job, champion, stages)
        with stages("compare"), warnings_as_notes(stages):
            own, before = (_error(each, panel, held) for each in (again, tested))
        if job.model.conformal is not None:
            again.calibrate_as(tested)
    except ForecastingError as error:
        return None, f" It could not be trained again on all rows: {error}"
    if not own <= _SLACK * before:
        return None, f" Trained again on all rows it errs more, {own:.4g}: the one that was tested stays."
    return again, " It was trained again on all rows."


def _error(forecaster: Forecaster, panel: Panel, held: HeldOut) -> float:
    made = forecaster.backtest(held.tested(panel), held.n_windows, held.step)
    asked = forecaster.settings_
    return float((made[asked.alias] - made[asked.target_col]).abs().mean())
