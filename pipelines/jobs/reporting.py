"""The report of earlier results, or of a saved network on data, made again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import BundleError, ConfigError
from pipelines.forecast_parts import forecast_parts
from pipelines.holding_out import hold_out
from pipelines.jobs.backtesting import Backtesting, backtest_held_out, score
from pipelines.jobs.files import check_finite, plain
from pipelines.jobs.fitting import load_forecaster
from pipelines.jobs.outputs import refuse_data, refuse_listed
from pipelines.jobs.predicting import load_for_prediction
from pipelines.jobs.result_facts import result_facts
from pipelines.jobs.results_folder import MANIFEST
from pipelines.jobs.run_facts import is_results, read_result
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import Request, Task
from pipelines.jobs.training_rows import seen_targets
from pipelines.jobs.warned import warnings_as_notes
from pipelines.results import ForecastResult

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster

_BUNDLE: Final = "bundle"


@dataclass(frozen=True)
class Reported:
    """A report and what it tells.

    Args:
        path: The page.
        result: What it shows.
        again: Whether it shows results as they lay in a folder, without forecasting again.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"unique_id": ["a"], "ds": [3], "TCN": [1.0]})
        >>> result = ForecastResult("sales", rows, rows, rows, scores=None, horizon=1)
        >>> Reported(Path("report.html"), result, again=True).path.suffix
        '.html'
    """

    path: Path
    result: ForecastResult
    again: bool


def run_report(
    source: str | Path,
    output: str | Path,
    *,
    data: str | None = None,
    future: str | None = None,
    static: str | None = None,
    n_windows: int | None = None,
    certificate: bool = False,
    progress: Progress | None = None,
) -> Reported:
    """Write the report of earlier results, or of what a saved network makes of data.

    Results are shown as they lie in their folder. Of a bundle, or with other data, the network is tested on
    the last windows and forecasts what follows; it is not trained. Where it was trained on values that it
    would be tested on, the report has no scores and says so.

    Args:
        source: Folder of ``tcn forecast``, or of a bundle.
        output: File to write, ``.html``.
        data: Data set or file to report on; by default the history of the source.
        future: File of future covariates, a row per series and step ahead.
        static: File of static covariates; by default they are columns of the data.
        n_windows: Past windows to test on; by default from the data.
        certificate: Whether to certify that no forecast of the past reads what came later.
        progress: Where to show the stages.

    Returns:
        Where the report is, and what it shows.

    Raises:
        BundleError: The folder holds neither results nor a bundle, or is damaged.
        PanelError: The data are missing or cannot be used, or results were changed.
        ConfigError: The output is no such file, cannot be written, or is the data or part of earlier results.
        ForecastingError: A forecast is not finite.

    Example:
        >>> run_report("no-such-folder", "report.html")
        Traceback (most recent call last):
        pipelines.errors.BundleError: ...
    """
    from pipelines.report import write_report

    folder, path = _folder(source), _page_path(output)
    refuse_data((data, future, static), path)
    stages = Stages(progress)
    again = is_results(folder) and not certificate and (data, future, static, n_windows) == (None,) * 4
    if again:
        result = _as_it_was(folder, stages)
    else:
        bundle = folder / _BUNDLE if (folder / _BUNDLE).is_dir() else folder
        forecaster = load_forecaster(bundle, stages)
        with stages("read the data"):
            task = _task(forecaster, data, future, static, folder)
        result = _forecast(forecaster, task, n_windows, Backtesting(certificate=certificate), stages)
    with stages("write"):
        try:
            write_report(result, path)
        except OSError as error:
            raise ConfigError(
                f"A report must be written to a folder with permission and space. Received: {error.strerror} "
                f"for {str(path)!r}; name another one."
            ) from error
    return Reported(path, result, again)


def _page_path(output: str | Path) -> Path:
    from pipelines.report.page import is_report

    path = Path(output)
    if path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        raise ConfigError(f"A report must be an .html file. Received: {str(path)!r}.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"A report goes to a folder that exists. Received: {str(path)!r}; make it first.")
    if path.exists() and not is_report(path):
        raise ConfigError(
            f"A report must not replace a page that is none. Received: {str(path)!r}, written by somebody "
            "else; name another one with --output."
        )
    return refuse_listed(path)


def _folder(source: str | Path) -> Path:
    """Check where the results are, before anything large is loaded."""
    folder = Path(source)
    if folder.is_dir() and any((folder / place).is_file() for place in (MANIFEST, f"{_BUNDLE}/{MANIFEST}")):
        return folder
    what = "which holds neither" if folder.is_dir() else "a file" if folder.exists() else "no such folder"
    raise BundleError(
        "A report is made of a folder of results, which tcn forecast writes, or of a saved network. "
        f"Received: {str(source)!r}, {what}; name the --output of a tcn forecast."
    )


def _as_it_was(folder: Path, stages: Stages) -> ForecastResult:
    """Results of a folder, with the history that its bundle keeps."""
    from pipelines.plots.series import history_length

    forecaster = load_for_prediction(folder / _BUNDLE, stages)
    plan = forecaster.plan_
    with stages("read the results"):
        return read_result(folder, forecaster.panel_, history_length(plan.horizon, plan.season_length))


def _task(
    forecaster: Forecaster, data: str | None, future: str | None, static: str | None, folder: Path
) -> Task:
    """Data in the shape that a saved forecaster takes."""
    plan, settings = forecaster.plan_, forecaster.settings_
    request = Request(
        data or str(folder),
        horizon=plan.horizon,
        freq=plan.freq,
        season_length=plan.seasons if len(plan.seasons) > 1 else plan.season_length,
        levels=tuple(forecaster.levels),
        id_col=forecaster.id_col,
        time_col=forecaster.time_col,
        target_col=forecaster.target_col,
        covariates=settings.covariates,
        static=static,
        future=future,
    )
    if data is not None:
        return Task.load(request)
    if static is not None or future is not None:
        raise ConfigError("Files of covariates go with data. Received: none; name them with --data.")
    if not forecaster.panel_.n_rows:
        raise BundleError("A bundle without a history has nothing to report. Received: none; name --data.")
    return Task.of(request, forecaster.panel_)


def _forecast(
    forecaster: Forecaster, task: Task, n_windows: int | None, how: Backtesting, stages: Stages
) -> ForecastResult:
    """Test a saved network where that is honest, and forecast."""
    panel = task.panel
    held = hold_out(panel, task.horizon, task.season_length, n_windows, fitted=True)
    reason, seen = held.reason, 0
    if held.n_windows:
        seen = seen_targets(forecaster, held.tested(panel), held)
    if seen:
        reason = (
            f"The network was trained on {seen:,} of the values that it would be tested on, and remembers "
            "them: only rows after those of its fit can tell how good it is."
        )
        held = replace(held, n_windows=0)
    with stages("backtest"), warnings_as_notes(stages):
        backtest = backtest_held_out(forecaster, panel, held, task.season_length, task.request.levels, how)
        scores = score(backtest, panel, task.season_length)
    with stages("forecast"), warnings_as_notes(stages):
        forecast = check_finite(forecaster.predict(panel, task.future), panel.columns)
    asked: dict[str, Any] = {"n_windows": held.n_windows, "step": held.step}
    return ForecastResult(
        **result_facts(task, forecaster, stages.seconds),
        forecast=forecast,
        backtest=backtest,
        scores=scores,
        settings=plain({**forecaster.get_params(), **asked}),
        plan=forecaster.plan_.to_dict(),
        training=tuple(forecaster.history_),
        reason=reason,
        calibration=dict(forecaster.calibration_),
        parts=forecast_parts(forecaster.fitted_),
    )
