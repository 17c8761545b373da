"""The main job in parts: fit a bundle, test without publishing, plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.bundle import check_replaceable
from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Freq
from pipelines.holding_out import HeldOut, hold_out
from pipelines.jobs.backtest_record import backtest_result
from pipelines.jobs.backtesting import Backtesting, backtest_held_out, score, write_beside
from pipelines.jobs.files import write_frame
from pipelines.jobs.fit_record import FitOutcome, fit_result
from pipelines.jobs.fitting import fit, load_forecaster, load_tensorflow, plan
from pipelines.jobs.memory import too_large
from pipelines.jobs.outputs import output_path, refuse_data, refuse_listed
from pipelines.jobs.recording import recorded
from pipelines.jobs.registering import registering
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import Request, Task
from pipelines.jobs.training_rows import seen_targets
from pipelines.jobs.warned import note_gaps, warnings_as_notes
from pipelines.ranking import ranked
from pipelines.statistical import check_statistical

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.metrics import Scores
    from pipelines.plan import Plan

# Settings of a training, which its weights do not depend on.
_OF_TRAINING: Final = ("preset", "max_steps", "learning_rate", "jitter", "loss", "stretch", "seed")


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
        seen_in_training: How many of the values that were forecast the network was trained on; the scores
            then say nothing about how well it forecasts.
        how: How it was tested.

    Example:
        >>> import pandas as pd
        >>> held = HeldOut(n_windows=0, step=1, rows=0, keep=1)
        >>> Tested("sales", "TCN", pd.DataFrame(), None, held, (80.0,), n_series=3).leaderboard is None
        True
    """

    name: str
    alias: str
    backtest: pd.DataFrame
    scores: Scores | None
    held: HeldOut
    levels: tuple[float, ...]
    n_series: int
    seen_in_training: int = 0
    how: Backtesting = field(default_factory=Backtesting)

    @property
    def leaderboard(self) -> pd.DataFrame | None:
        """The models in their order; None without models to compare with, or without scores."""
        return ranked(self.scores) if self.how.against and self.scores is not None else None


def run_plan(request: Request) -> tuple[Task, Plan, HeldOut]:
    """Say what the main job would do, without TensorFlow and without training.

    Args:
        request: Data and settings.

    Returns:
        The task, the plan of its fit, and the rows that would be held out. A plan that the memory of this
        machine cannot hold has a note that says so.

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
    planned = task.forecaster().plan(task.panel.before(held.rows))
    if problem := too_large(planned):
        planned = replace(planned, notes=(*planned.notes, problem))
    return task, planned, held


def run_fit(
    request: Request,
    bundle: str | Path,
    progress: Progress | None = None,
    *,
    initial: str | Path | None = None,
    store: str | Path | None = None,
    strict: bool = False,
    register: str | None = None,
) -> FitOutcome:
    """Fit on all rows and save the forecaster.

    Args:
        request: Data and settings; with weights to go on from, none that these have already.
        bundle: Folder of the bundle; a bundle that is there is replaced.
        progress: Where to show the stages.
        initial: Folder of a bundle whose weights training goes on from; None to begin anew.
        store: Where to keep an MLflow run; None keeps none.
        strict: Whether a tracking server that is down is an error. If not, the run waits beside the bundle
            and is sent later.
        register: Name of the registered model that the bundle becomes the next version of; None for none.

    Returns:
        The fitted forecaster, its run and its version.

    Raises:
        PanelError: The data are missing or cannot be used.
        ConfigError: A setting is not allowed or not that of the weights, the fit needs more memory than there
            is, or the data lie in the bundle.
        BundleError: The folder holds something else, or there are no weights to go on from.
        BusyError: The MLflow store cannot be used now. If it fails after the training, the bundle is written
            all the same, and the message says so.

    Example:
        >>> run_fit(Request("sales.csv", horizon=28), "model")
        Traceback (most recent call last):
        pipelines.errors.PanelError: A data file must exist. Received: 'sales.csv', no such file. ...
    """
    stages = Stages(progress)
    refuse_data(request.files, Path(bundle))
    check_replaceable(Path(bundle))
    registrar = registering(register, store)
    saved = None if initial is None else load_forecaster(initial, stages)
    with stages("read the data"):
        task = Task.load(request if saved is None else as_in(saved, request, "--initial", _OF_TRAINING))
        forecaster = task.forecaster() if saved is None else _asked_anew(saved, request)
    how = None if saved is None else "bundle"
    plan(forecaster, task.panel, stages, how)
    place = Path(bundle).absolute()
    with recorded(store, f"{task.name} fit", stages, place.parent, strict) as recorder:
        if registrar is not None:
            registrar.check_store(stages)
        fit(forecaster, task.panel, stages, recorder.log_epoch, initial=how)
        with stages("write"), warnings_as_notes(stages):
            forecaster.save(bundle)
        if recorder.run_id is not None:
            with stages("track"):
                recorder.log_result(fit_result(task, forecaster, stages.seconds), None)
        recorder.end(place)
    made = None if registrar is None else registrar.register(place, recorder.run_id, stages)
    return FitOutcome(forecaster, recorder.run_id, made)


def run_backtest(
    request: Request,
    *,
    bundle: str | Path | None = None,
    output: str | Path | None = None,
    n_windows: int | None = None,
    step: int | None = None,
    how: Backtesting | None = None,
    store: str | Path | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Tested:
    """Test on the last windows of every series: a network fitted on the rows before them, or a saved one.

    A saved forecaster may have learned from the rows that it is tested on. Its scores then flatter it, and
    ``seen_in_training`` of the answer says so; not if it is trained anew for the windows.

    Args:
        request: Data and settings; with a bundle, none that it has already.
        bundle: Folder of a bundle to test instead of fitting.
        output: File to write the backtest to, ``.csv`` or ``.parquet``.
        n_windows: Windows to test on; by default see `hold_out`.
        step: Rows between two of them; by default see `hold_out`.
        how: How they are forecast, and what is compared with; by default with one training. Beside an
            output ``past.csv`` lie ``past.certificate.json`` and ``past.leaderboard.csv``, where they are
            asked for.
        store: Where to keep an MLflow run; None keeps none.
        strict: Whether a tracking server that is down is an error. If not, and there is an output, the run
            waits beside it and is sent later.
        progress: Where to show the stages.

    Returns:
        Backtest and scores.

    Raises:
        PanelError: The data are missing or cannot be used.
        ConfigError: A setting is not allowed or not that of the bundle, the fit needs more memory than there
            is, or the output is no such file, cannot be written, or is the data or part of earlier results.
        BundleError: The bundle is missing or damaged.
        BusyError: The MLflow store cannot be used now.
        ForecastingError: A certificate is asked for and a forecast reads what comes after its cutoff.

    Example:
        >>> run_backtest(Request("sales.csv", horizon=28), n_windows=8)
        Traceback (most recent call last):
        pipelines.errors.PanelError: A data file must exist. Received: 'sales.csv', no such file. ...
    """
    stages, how = Stages(progress), how or Backtesting()
    check_statistical(how.against)
    path = None if output is None else output_path(output, *request.files)
    if path is not None:
        for name in how.files:
            refuse_data(request.files, refuse_listed(path.with_name(f"{path.stem}.{name}")))
    saved = None if bundle is None else load_forecaster(bundle, stages)
    with stages("read the data"):
        task = Task.load(request if saved is None else as_in(saved, request))
        panel = task.panel
        note_gaps(panel, stages)
        held = hold_out(panel, task.horizon, task.season_length, n_windows, step, fitted=saved is not None)
        if held.reason:
            cure = "Choose a smaller horizon." if saved is None else "Add the rows that came before."
            raise PanelError(f"{held.reason} {cure}")
        how.windows(task.horizon, held)
    forecaster = saved or task.forecaster()
    beside = None if path is None else path.parent
    with recorded(store, f"{task.name} backtest", stages, beside, strict) as recorder:
        if how.refit:
            plan(forecaster, panel.before(task.horizon), stages)
            load_tensorflow(stages)
        elif saved is None:
            earlier = panel.before(held.rows)
            plan(forecaster, earlier, stages)
            fit(forecaster, earlier, stages, recorder.log_epoch)
        with stages("backtest"), warnings_as_notes(stages):
            backtest = backtest_held_out(
                forecaster, panel, held, task.season_length, request.levels, how, stages.progress.epoch
            )
            scores = score(backtest, panel, task.season_length)
        files = []
        if path is not None:
            with stages("write"):
                write_frame(backtest, path)
                files = write_beside(backtest, scores, how, path.parent, f"{path.stem}.")
        if recorder.run_id is not None:
            with stages("track"):
                result = backtest_result(task, forecaster, held, how, backtest, scores, stages.seconds)
                recorder.log_result(result, None, files)
        recorder.end(path or Path.cwd())
    trained = saved is not None and not how.refit
    seen = seen_targets(saved, held.tested(panel), held, how.gap) if saved and trained else 0
    n_series = int(backtest[panel.columns.id_col].nunique())
    return Tested(task.name, forecaster.alias, backtest, scores, held, request.levels, n_series, seen, how)


def as_in(
    forecaster: Forecaster, request: Request, option: str = "--bundle", may_change: Sequence[str] = ()
) -> Request:
    """Give a request the settings that a fitted forecaster has for good.

    Args:
        forecaster: A fitted one.
        request: Data and settings.
        option: What brought the forecaster in, for the message.
        may_change: Settings that the request may have for itself.

    Returns:
        The request, with its data and with the forecaster's settings.

    Raises:
        ConfigError: If it asks for others.
    """
    known, settings = forecaster.plan_, forecaster.settings_
    own: dict[str, Any] = {
        "horizon": known.horizon,
        "season_length": known.seasons if len(known.seasons) > 1 else known.season_length,
        "freq": known.freq,
        "id_col": forecaster.id_col,
        "time_col": forecaster.time_col,
        "target_col": forecaster.target_col,
        "covariates": settings.covariates,
        "transform": settings.transform,
        "scaling": settings.scaling,
        "multivariate": settings.multivariate,
        "target": settings.target,
        "architecture": settings.architecture,
        "head": settings.head,
    }
    fixed = {**own, **dict.fromkeys(name for name in (*_OF_TRAINING, "conformal") if name not in may_change)}
    blank = Request(request.source)
    asked = {name: getattr(request, name) for name in fixed if getattr(request, name) != getattr(blank, name)}
    if "freq" in asked and Freq.parse(asked["freq"]) == Freq.parse(known.freq):
        del asked["freq"]
    wrong = [
        f"{'' if name == 'covariates' else '--'}{name.replace('_', '-')} {value}"
        + ("" if fixed[name] is None else f" (the bundle has {fixed[name]})")
        for name, value in asked.items()
        if value != fixed[name]
    ]
    if wrong:
        raise ConfigError(
            "A saved network keeps the settings that it was trained with. Received: "
            f"{', '.join(wrong)}; leave that out, or leave out {option} to train another network."
        )
    return replace(request, **own)


def _asked_anew(saved: Forecaster, request: Request) -> Forecaster:
    """A saved forecaster with what a request asks of its next training."""
    asked = {name: getattr(request, name) for name in _OF_TRAINING}
    levels = {"levels": request.levels}
    return saved.set_params(**{name: value for name, value in asked.items() if value is not None}, **levels)
