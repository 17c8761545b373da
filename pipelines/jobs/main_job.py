"""The main job: from data to a forecast that was tested, with everything that a reader of it needs."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import PanelError
from pipelines.forecast_parts import forecast_parts
from pipelines.holding_out import HeldOut, hold_out
from pipelines.jobs.backtesting import Backtesting, backtest_held_out, score, write_beside
from pipelines.jobs.files import FORMATS, check_finite, plain, scores_record, write_frame, write_json
from pipelines.jobs.fitting import calibrate, coverage_shares, fit, plan
from pipelines.jobs.outputs import refuse_data
from pipelines.jobs.recording import Recorder, recorded
from pipelines.jobs.registering import registering
from pipelines.jobs.result_facts import result_facts
from pipelines.jobs.results_folder import ResultsFolder, digests, results_folder
from pipelines.jobs.run_facts import FACTS, facts_of
from pipelines.jobs.signals import signals_wait
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import Request, Task
from pipelines.jobs.warned import warnings_as_notes
from pipelines.results import ForecastResult
from pipelines.statistical import check_statistical

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.metrics import Scores
    from pipelines.serving import Registered

BACKTEST, SCORES, REPORT, BUNDLE = "backtest.parquet", "scores.json", "report.html", "bundle"


_NAMED = (f"{BUNDLE}/manifest.json",)  # which names the other files of the bundle with their sums


@dataclass(frozen=True)
class Outcome:
    """What a main job leaves behind.

    Args:
        result: Forecast, backtest, scores and all that led to them.
        held: Rows that were held out of the training.
        files: Files and folders that were published.
        run_id: The MLflow run; None if none was kept.
        registered: The version that the bundle became; None if that was not asked for.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"unique_id": ["a"], "ds": [3], "TCN": [1.0]})
        >>> result = ForecastResult("sales", rows, rows, rows, scores=None, horizon=1)
        >>> Outcome(result, HeldOut(0, 1, 0, 1), files=(), run_id=None).registered is None
        True
    """

    result: ForecastResult
    held: HeldOut
    files: Sequence[Path]
    run_id: str | None
    registered: Registered | None = None


def run_forecast(
    request: Request,
    output: str | Path,
    *,
    refit: bool = False,
    n_windows: int | None = None,
    formats: Sequence[str] = FORMATS,
    store: str | Path | None = None,
    strict: bool = False,
    system_metrics: bool = False,
    how: Backtesting | None = None,
    register: str | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Fit, test on held-out rows, forecast, and publish.

    By default the forecast comes from the network that was tested, shown the full history: the scores are
    then scores of exactly these weights, and the job takes half the time. The weights have not learned from
    the held-out rows, at most a fifth of a typical series, but every forecast looks back on them. ``refit``
    trains once more on all rows, which pays where series are short or have lately changed their ways.

    Args:
        request: Data and settings.
        output: Folder of the results. Those of an earlier job are replaced, all at once, at the very end;
            files that no job has written stay, and are an error where results would go.
        refit: Whether to fit again on all rows before the forecast.
        n_windows: Windows to test on; by default see `hold_out`.
        formats: Of the forecasts: ``csv``, ``parquet`` or both.
        store: Where to keep the MLflow run; None keeps none.
        strict: Whether a tracking server that is down is an error. If not, the run waits in the output folder
            and is sent later.
        system_metrics: Whether the run has metrics of what the machine did meanwhile.
        how: Whether to certify the backtest, and which statistical models to compare with.
        register: Name of the registered model that the bundle becomes the next version of; None for none.
        progress: Where to show the stages.

    Returns:
        The result and where it lies.

    Raises:
        PanelError: The data are missing or cannot be used.
        ConfigError: A setting is not allowed, the fit needs more memory than there is, the output cannot be
            written to, or it would replace the data or files that no job has written.
        BusyError: Another job writes to the output, or the MLflow store cannot be used now. If it fails after
            the training, the forecast is published all the same, and the message says so.
        ForecastingError: A forecast is not finite.

    Example:
        >>> run_forecast(Request("sales.csv", horizon=28), "output")
        Traceback (most recent call last):
        pipelines.errors.PanelError: A data file must exist. Received: 'sales.csv', no such file. ...
    """
    stages, how = Stages(progress), how or Backtesting()
    check_statistical(how.against)
    tables = (f"forecasts.{suffix}" for suffix in formats)
    names = (*tables, BACKTEST, SCORES, FACTS, REPORT, BUNDLE, *how.files)
    refuse_data(request.files, *(Path(output) / name for name in names))
    registrar = registering(register, store)
    with stages("read the data"):
        task = Task.load(request)
        panel = task.panel
        held = hold_out(panel, task.horizon, task.season_length, n_windows)
        if request.conformal is not None and held.reason:
            raise PanelError(f"{held.reason} Leave out --conformal, which calibrates on such rows.")
        # Calibrated on what is held out, it needs no training of its own for that.
        forecaster = task.forecaster().set_params(conformal=None)
        task.check_future(panel.before(held.rows))
    plan(forecaster, panel.before(held.rows), stages)
    with (
        results_folder(output, names) as folder,
        recorded(store, task.name, stages, Path(output), strict, system_metrics) as recorder,
    ):
        if registrar is not None:
            registrar.check_store(stages)
        fit(forecaster, panel.before(held.rows), stages, recorder.log_epoch)
        with stages("backtest"), warnings_as_notes(stages):
            backtest = backtest_held_out(forecaster, panel, held, task.season_length, request.levels, how)
            scores = score(backtest, panel, task.season_length)
        if request.conformal is not None:
            calibrate(forecaster, panel, request.conformal, stages)
        if refit and held.rows:
            tested = copy(forecaster)
            plan(forecaster, panel, stages)
            fit(forecaster, panel, stages)
            if request.conformal is not None:
                forecaster.calibrate_as(tested)
        with stages("forecast"):
            forecaster.update(panel)  # what the bundle forecasts from, too
            with warnings_as_notes(stages):
                forecast = check_finite(forecaster.predict(future=task.future), panel.columns)
        asked = {
            "n_windows": held.n_windows,
            "step": held.step,
            "refit": refit,
            "conformal": request.conformal,
        }
        reason = _reason(scores, held)
        result = _result(task, forecaster, asked, forecast, backtest, scores, reason, stages.seconds)
        if recorder.run_id is not None:
            result = replace(result, parts=forecast_parts(forecaster.fitted_))
        with stages("write"):
            _write(folder.draft, result, forecaster, formats)
            beside = write_beside(backtest, scores, how, folder.draft)
        with stages("track"):
            recorder.log_result(result, folder.draft / REPORT, beside)
        files = _publish(folder, recorder, result, stages)
        made = (
            None if registrar is None else registrar.register(folder.path / BUNDLE, recorder.run_id, stages)
        )
    return Outcome(result, held, files, recorder.run_id, made)


def _publish(
    folder: ResultsFolder, recorder: Recorder, result: ForecastResult, stages: Stages
) -> Sequence[Path]:
    """Let the files take their places and end the run, with nothing in between that could stop one alone."""
    files: Sequence[Path] = ()
    try:
        with stages("publish"), signals_wait():
            files = folder.publish({"name": result.name, "data_sha256": result.digest})
            recorder.end(folder.path)
    except KeyboardInterrupt:
        if not files:
            raise
        raise KeyboardInterrupt(f"The forecast is complete in {str(folder.path)!r}.") from None
    return files


def _result(
    task: Task,
    forecaster: Forecaster,
    how: dict[str, Any],
    forecast: pd.DataFrame,
    backtest: pd.DataFrame,
    scores: Scores | None,
    reason: str,
    seconds: dict[str, float],
) -> ForecastResult:
    return ForecastResult(
        **result_facts(task, forecaster, seconds),
        forecast=forecast,
        backtest=backtest,
        scores=scores,
        settings=plain({**forecaster.get_params(), **how}),
        plan=forecaster.plan_.to_dict(),
        training=tuple(forecaster.history_),
        reason=reason,
        calibration={**forecaster.calibration_, **(coverage_shares(forecaster) if how["conformal"] else {})},
    )


def _reason(scores: Scores | None, held: HeldOut) -> str:
    if scores is not None:
        return ""
    return held.reason or "There are no scores, for no value was observed in the held-out rows."


def _write(folder: Path, result: ForecastResult, forecaster: Forecaster, formats: Sequence[str]) -> None:
    from pipelines.report import write_report

    for suffix in formats:
        write_frame(result.forecast, folder / f"forecasts.{suffix}")
    if len(result.backtest):
        write_frame(result.backtest, folder / BACKTEST)
    write_json(scores_record(result.scores, result.reason), folder / SCORES)
    forecaster.save(folder / BUNDLE)
    sums = {name: text for name, text in digests(folder).items() if name in _NAMED or "/" not in name}
    result = replace(result, files=sums)
    write_json(facts_of(result), folder / FACTS)
    write_report(result, folder / REPORT)
