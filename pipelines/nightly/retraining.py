"""A challenger is trained, tested on the same origins as the champion, and promoted only if it is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.baselines import add_baselines, with_columns
from pipelines.errors import ForecastingError
from pipelines.holding_out import HeldOut, hold_out
from pipelines.jobs.files import plain
from pipelines.jobs.fitting import calibrate
from pipelines.jobs.warned import warnings_as_notes
from pipelines.metrics import Scores, evaluate
from pipelines.nightly.challengers import challenger_of, refitted, train
from pipelines.nightly.champions import load_judged, version_record, with_freq
from pipelines.nightly.facts import facts_of
from pipelines.nightly.forecasting import forecast_columns
from pipelines.nightly.history import read_history
from pipelines.nightly.labels import label
from pipelines.nightly.records import Version
from pipelines.nightly.state import JobFolder
from pipelines.skill import REFERENCE, compare
from pipelines.wording import percent

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.jobs.stages import Stages
    from pipelines.nightly.records import Cutoff, Snapshot
    from pipelines.nightly.settings import JobSettings, Retrain
    from pipelines.panel import Panel

CHAMPION: Final = "Champion"


@dataclass(frozen=True)
class Retrained:
    """What came of a training.

    Args:
        version: The network that was trained; None if none could be.
        promoted: Whether it is the champion from now on.
        reason: Why, or why not.
        scores: Errors of the challenger, the champion and seasonal naive; empty if nothing was tested.
    """

    version: int | None
    promoted: bool
    reason: str
    scores: Mapping[str, Any]


def retrain(
    snapshot: Snapshot,
    job: JobSettings,
    cutoff: Cutoff,
    folder: JobFolder,
    line: list[Version],
    stages: Stages,
) -> Retrained:
    """Train a challenger and let it replace the champion if it is better.

    Both forecast the same origins, in rows that neither has learned from. The challenger takes over if its
    forecasts are finite, its mean absolute error is below that of seasonal naive, and below the champion's by
    the margin, which a Diebold-Mariano test must not put down to chance. It is then trained once more, on all
    rows; the one that was tested is kept for the test of the next challenger.

    Args:
        snapshot: The data.
        job: Settings.
        cutoff: Last time stamp to know.
        folder: The job's folder, which gets the version.
        line: Who forecasts today.
        stages: Where to show and measure the stages.

    Returns:
        What came of it.

    Raises:
        PanelError: If the data cannot be used.
        ConfigError: If the fit takes more memory than there is.
        ForecastingError: If training fails.
    """
    champion, job = (line[0] if line else None), with_freq(job, line)
    panel = read_history(snapshot, job.model, job.model.freq)
    challenger = challenger_of(job, champion)
    season = challenger.plan(panel).season_length
    held = hold_out(panel, job.model.horizon, season, job.retrain.n_windows)
    if held.reason:
        return Retrained(None, False, f"{held.reason} Without a test no network is promoted.", {})
    train(challenger, panel.before(held.rows), job, champion, stages)
    with stages("compare"), warnings_as_notes(stages):
        backtest = _backtest(challenger, panel, held, season)
        backtest, missing = _with_champion(backtest, champion, panel, held, job)
        scores = evaluate(backtest, panel, season)
    promoted, reason = judge(
        scores, job.model.alias, CHAMPION if champion and not missing else None, job.retrain
    )
    if job.model.conformal is not None:
        calibrate(challenger, panel, job.model.conformal, stages)
    final, judged = challenger, None
    if promoted and job.retrain.refit:
        again, said = refitted(job, champion, challenger, panel, held, stages)
        reason += said
        if again is not None:
            final, judged = again, partial(challenger.save, onnx=False)
    with stages("keep the version"), warnings_as_notes(stages):
        final.update(panel)
        record = version_record(
            final,
            job.name,
            cutoff,
            reason + missing,
            promoted,
            scores=figures(scores),
            facts=facts_of(snapshot, job),
        )
        version = folder.write_version(final.save, plain(record), judged)
        if promoted:
            folder.promote(version.number, reason, label(cutoff))
        elif champion is None and _is_open(folder):
            folder.promote(None, reason, label(cutoff))
        folder.remove_versions(job.retrain.keep)
    return Retrained(version.number, promoted, reason + missing, figures(scores))


def judge(scores: Scores, alias: str, champion: str | None, asked: Retrain) -> tuple[bool, str]:
    """Decide whether a challenger takes over.

    Args:
        scores: Of the challenger, seasonal naive and, where there is one, the champion.
        alias: Name of the challenger in them.
        champion: Name of the champion in them; None if there is none.
        asked: Margin and p-value.

    Returns:
        The decision and its reason.
    """
    table = scores.overall
    own, naive = float(table.loc[alias, "mae"]), float(table.loc[REFERENCE, "mae"])
    if not (math.isfinite(own) and math.isfinite(table.loc[alias, "wql"])):
        return False, "The challenger's forecasts are not finite."
    if not own < naive:
        return False, f"The challenger's error of {own:.4g} is not below seasonal naive's, {naive:.4g}."
    ahead = percent(1 - own / naive)
    if champion is None:
        return True, f"The first network to beat seasonal naive, by {ahead}."
    other = float(table.loc[champion, "mae"])
    gain = 1 - own / other if other > 0 else 0.0
    facing = f"{percent(abs(gain), 2)} {'below' if gain > 0 else 'above'} the champion's"
    if not (gain > 0 and gain >= asked.margin):
        least = f"{percent(asked.margin)} below" if asked.margin else "below"
        return False, f"The challenger's error is {facing}; it must be {least}."
    p_value, _ = compare(scores.losses[alias], scores.losses[champion], scores.overlap)
    if asked.p_value < 1 and not p_value <= asked.p_value:
        found = "with too few windows for a test" if math.isnan(p_value) else f"p = {p_value:.3f}"
        return False, f"The challenger's error is {facing}, maybe by chance ({found})."
    return True, f"The challenger's error is {facing}, and {ahead} below seasonal naive's."


def figures(scores: Scores) -> dict[str, dict[str, float]]:
    """Figures of a comparison, by model and metric.

    Args:
        scores: The scores.

    Returns:
        Those of the network, the champion and seasonal naive.
    """
    chosen = [name for name in ("mae", "mase", "wql") if name in scores.overall.columns]
    chosen += [name for name in scores.overall.columns if str(name).startswith("coverage_")]
    rows = [name for name in scores.overall.index if name not in ("Naive", "Drift", "WindowAverage")]
    return plain(scores.overall.loc[rows, chosen].to_dict("index"))  # type: ignore[no-any-return]


def _is_open(folder: JobFolder) -> bool:
    """Whether nobody rules: nothing was decided, or the champion was trained for other settings.

    A champion whose files are damaged still rules: they may come back.
    """
    decided = folder.promotions()
    return not decided or decided[-1].version in {version.number for version in folder.versions()}


def _backtest(forecaster: Forecaster, panel: Panel, held: HeldOut, season: int) -> pd.DataFrame:
    tested = held.tested(panel)
    levels = forecaster.settings_.levels
    made = forecaster.backtest(tested, held.n_windows, held.step, levels=levels)
    return add_baselines(made, tested, season, levels)


def _with_champion(
    backtest: pd.DataFrame, champion: Version | None, panel: Panel, held: HeldOut, job: JobSettings
) -> tuple[pd.DataFrame, str]:
    """Add the champion's forecasts of the same origins; say so if it has none."""
    if champion is None:
        return backtest, ""
    try:
        made = load_judged(champion).backtest(
            held.tested(panel), held.n_windows, held.step, levels=job.model.levels
        )
    except ForecastingError as error:
        return backtest, f" The champion could not be tested: {error}"
    alias = job.model.alias
    columns = {
        name.replace(alias, CHAMPION, 1): made[name].to_numpy(np.float64) for name in forecast_columns(job)
    }
    return with_columns(backtest, columns), ""
