"""What a backtest says about a model, in words: the report, the terminal and MLflow all print these."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipelines.folds import BASELINES
from pipelines.skill import REFERENCE, SIGNIFICANCE
from pipelines.wording import number, percent

if TYPE_CHECKING:
    from pipelines.metrics import Scores

CLEAR: Final = 0.1
"""Share by which a baseline must beat the model for the model to count as worse without any test."""
TIE: Final = 0.0005
"""Share that is 0.0 % in words: whoever is ahead by no more is not ahead."""
TOO_NARROW, TOO_WIDE = 1.5, 0.25
"""Values outside of an interval, as a multiple of those promised, from where on it is too narrow or too wide.
For an interval of 80 % that is less than 70 % or more than 95 % inside."""
_MANY: Final = 10.0  # times that read better than percent
_STANDARD_ERRORS: Final = 2.0  # of independent values; those of a backtest are not, and vary even more


@dataclass(frozen=True)
class Verdict:
    """What a reader should take away.

    Args:
        tone: ``good``, ``fair``, ``bad`` or ``unknown``.
        label: The tone in a word or two.
        headline: One sentence.
        details: Further sentences.

    Example:
        >>> Verdict("good", "Better", "TCN beats seasonal naive by 29 %.").details
        ()
    """

    tone: str
    label: str
    headline: str
    details: tuple[str, ...] = ()


def verdict(scores: Scores | None, alias: str, levels: Iterable[float] = (), reason: str = "") -> Verdict:
    """Judge a model by its backtest: against seasonal naive, against the best baseline, and its intervals.

    The tone is good only if the model is significantly better than seasonal naive, no baseline beats it in
    mean absolute error or WQL, its narrowest interval holds about as much as it promises, and it does not
    repeat the past.

    Args:
        scores: Scores of the backtest; None if nothing could be tested.
        alias: Name of the model.
        levels: Levels of its intervals in percent.
        reason: Why there are no scores.

    Returns:
        The verdict in words.

    Example:
        >>> verdict(None, "TCN", reason="The longest series has 7 rows.").details
        ('The longest series has 7 rows.',)
    """
    if scores is None or alias not in scores.overall.index:
        why = reason or "There is no past forecast of it to compare with what then happened."
        return Verdict("unknown", "Not tested", "This forecast could not be tested.", (why,))
    tone, label, headline = _against_baselines(scores, alias)
    sharper = _sharper(scores, alias)
    coverage, fault = _coverage(scores, alias, levels)
    caveat = fault or ("not by WQL" if sharper else "")
    if tone == "good" and caveat:
        tone, label = "fair", f"{label}, but {caveat}"
    shift = scores.shift
    if shift.get("verdict", "ok") != "ok":
        label = f"{label}, but {shift['verdict']}" if tone == "good" else str(shift["verdict"])
        tone = "bad"
    details = (*_evidence(scores, alias), sharper, coverage, str(shift.get("text", "")))
    return Verdict(tone, label[:1].upper() + label[1:], headline, tuple(text for text in details if text))


def _against_baselines(scores: Scores, alias: str) -> tuple[str, str, str]:
    """Return tone, label and headline of the comparison with seasonal naive and with the best baseline."""
    gain = _skill(scores, alias, "skill_mae")
    if math.isnan(gain):
        tone, label = "unknown", "No comparison"
        headline = f"{alias} could not be compared with seasonal naive"
    else:
        tone, label, headline = _against_reference(scores, alias, gain)
    best, lead = _best_baseline(scores, alias, "mae")
    if best == REFERENCE or not lead > TIE:
        return tone, label, f"{headline}."
    if tone == "bad" or lead >= CLEAR:
        tone, label = "bad", f"Worse than {best}"
    else:
        tone, label = "fair", f"Not better than {best}"
    return tone, label, f"{headline}{', but' if gain > 0 else ';'} {best} beats {alias} by {_share(lead)}."


def _against_reference(scores: Scores, alias: str, gain: float) -> tuple[str, str, str]:
    p_value = _skill(scores, alias, "p_value")
    if gain == -math.inf:
        return "bad", "Worse", f"{alias} is worse than seasonal naive, which is exact here"
    if gain < -_MANY:
        times = number(1 - gain, 0) if gain > -1e6 else "over a million"
        return "bad", "Worse", f"{alias} has {times} times the error of seasonal naive"
    if gain == 0:
        exact = float(scores.overall.loc[alias, "mae"]) == 0
        both = f"{alias} and seasonal naive "
        return "fair", "Not better", both + ("are both exact here" if exact else "err by the same amount")
    if gain > 0 and p_value < SIGNIFICANCE:
        return "good", "Better", f"{alias} beats seasonal naive by {_share(gain)}"
    if gain > 0:
        ahead = f"{alias} is {_share(gain)} ahead of seasonal naive"
        if math.isnan(p_value):
            return "fair", "Ahead, not tested", ahead
        return "fair", "Not clearly better", f"{ahead}, maybe by chance"
    if p_value < SIGNIFICANCE or (math.isnan(p_value) and -gain / (1 - gain) >= CLEAR):
        return "bad", "Worse", f"{alias} is {_share(-gain)} worse than seasonal naive"
    return "fair", "Not better", f"{alias} is no better than seasonal naive ({_share(-gain)} behind)"


def _best_baseline(scores: Scores, alias: str, metric: str) -> tuple[str, float]:
    """Return the baseline with the smallest score, and by which share it beats the model; NaN without one."""
    table = scores.overall
    own = float(table.loc[alias, metric]) if metric in table.columns else math.nan
    spreads = [name for name in table.columns if str(name).startswith("coverage_")]
    found = [
        (float(table.loc[name, metric]), name != REFERENCE, name)
        for name in BASELINES
        if name != alias
        and name in table.index
        and math.isfinite(own)
        # A WQL is the mean over quantiles, so it compares only where both models have the same levels.
        and (metric != "wql" or (table.loc[name, spreads].isna() == table.loc[alias, spreads].isna()).all())
    ]
    if not found:
        return "", math.nan
    score, _, name = min(found, key=lambda one: one[:2])  # of equals seasonal naive, or the first
    return name, 1 - score / own if own > 0 else 0.0


def _evidence(scores: Scores, alias: str) -> list[str]:
    """Return what the comparison with seasonal naive rests on."""
    gain, p_value = (_skill(scores, alias, name) for name in ("skill_mae", "p_value"))
    if math.isnan(gain):
        return []
    if math.isnan(p_value):
        said = (
            "The backtest has too few independent windows to test whether the difference to seasonal naive "
            "is chance."
        )
    else:
        size = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
        word = "is" if p_value < SIGNIFICANCE else "is not"
        said = (
            f"The difference to seasonal naive {word} statistically significant "
            f"({scores.skill.loc[alias, 'test']} test over windows, {size})."
        )
    won = _skill(scores, alias, "series_won")
    if scores.counts.get("series", 1) > 1 and math.isfinite(won):
        together = ", which may all move together" if math.isnan(p_value) else ""
        return [said, f"It errs less than seasonal naive on {percent(won, 0)} of the series{together}."]
    return [said]


def _sharper(scores: Scores, alias: str) -> str:
    name, lead = _best_baseline(scores, alias, "wql")
    if not lead > TIE:
        return ""
    return f"By WQL, which judges the intervals too, {name} beats {alias} by {_share(lead)}."


def _coverage(scores: Scores, alias: str, levels: Iterable[float]) -> tuple[str, str]:
    """Return how much the narrowest interval held, and what is wrong with that in a word or two."""
    level = min(levels, default=math.nan)
    name = f"coverage_{level:g}"
    share = float(scores.overall.loc[alias, name]) if name in scores.overall.columns else math.nan
    if not math.isfinite(share):
        return "", ""
    promised = 1 - level / 100
    tested = scores.counts.get("rows", 0) - scores.counts.get("rows_without_y", 0)
    noise = _STANDARD_ERRORS * math.sqrt(promised * (1 - promised) / max(tested, 1))
    held = f"Its {level:g} % interval held {percent(share)} of the outcomes"
    excess = (1 - share) - promised
    if excess > max((TOO_NARROW - 1) * promised, noise):
        return f"{held}: it is far too narrow.", "far too sure"
    if -excess > max((1 - TOO_WIDE) * promised, noise):
        return f"{held}: it is far too wide.", "intervals too wide"
    return f"{held}.", ""


def _skill(scores: Scores, alias: str, column: str) -> float:
    known = alias in scores.skill.index and column in scores.skill.columns
    return float(scores.skill.loc[alias, column]) if known else math.nan


def _share(fraction: float) -> str:
    return percent(fraction, 1 if fraction < 0.1 else 0)
