"""Numbers and names as a reader should see them, and the verdict in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.results import ForecastResult

if TYPE_CHECKING:
    from pipelines.metrics import Scores

MISSING = "\N{EN DASH}"
REFERENCE = "SeasonalNaive"
SIGNIFICANCE = 0.05
UNITS = {
    "min": "minutes",
    "h": "hours",
    "D": "days",
    "B": "business days",
    "W": "weeks",
    "MS": "months",
    "ME": "months",
    "QS": "quarters",
    "QE": "quarters",
    "YS": "years",
    "YE": "years",
    "1": "steps",
}
"""Frequency to the name of its steps."""


def decimals_for(values: Iterable[float]) -> int:
    """Decimals with which a middling one of some numbers shows three significant digits.

    Args:
        values: Numbers of one column; zeros and values that are not finite are ignored.

    Returns:
        Between 0 and 6.

    Example:
        >>> decimals_for([0.0123, 0.45, 4.5]), decimals_for([1234.5]), decimals_for([])
        (3, 0, 0)
    """
    sizes = sorted(abs(value) for value in values if math.isfinite(value) and value != 0)
    if not sizes:
        return 0
    return min(6, max(0, 2 - math.floor(math.log10(sizes[len(sizes) // 2]))))


def number(value: float, decimals: int | None = None, suffix: str = "") -> str:
    """Write a number with thousands separated; a dash where there is none.

    Args:
        value: Number to write.
        decimals: Digits after the point; by default enough for three significant ones.
        suffix: Put after the number.

    Returns:
        Text.

    Example:
        >>> number(1234567.8), number(0.012345), number(2.0, 1)
        ('1,234,568', '0.0123', '2.0')
    """
    if not math.isfinite(value):
        return (
            MISSING if math.isnan(value) else ("\N{INFINITY}" if value > 0 else "\N{MINUS SIGN}\N{INFINITY}")
        )
    text = f"{value:,.{decimals_for([value]) if decimals is None else decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}") + suffix


def percent(fraction: float, decimals: int = 1) -> str:
    """Write a fraction in percent.

    Args:
        fraction: 1 is 100 %.
        decimals: Digits after the point.

    Returns:
        Text.

    Example:
        >>> percent(0.2346)
        '23.5 %'
    """
    return number(100 * fraction, decimals, " %")


def unit(freq: str) -> str:
    """Name the steps of a frequency.

    Args:
        freq: Frequency as text.

    Returns:
        Plural noun, or "steps of freq" for a frequency without one.

    Example:
        >>> unit("h"), unit("W-SUN"), unit("30min")
        ('hours', 'weeks', 'steps of 30min')
    """
    return UNITS.get(freq.split("-")[0], f"steps of {freq}")


def facts(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten settings or a plan into names and texts.

    Args:
        values: JSON-able mapping, nested or not.
        prefix: Put before each name.

    Returns:
        Pairs of name and text.

    Example:
        >>> facts({"season_length": 24, "network": {"dilations": [1, 2, 4], "bias": True}})
        [('season length', '24'), ('network: dilations', '1, 2, 4'), ('network: bias', 'yes')]
    """
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        name = prefix + str(key).replace("_", " ")
        if isinstance(value, Mapping):
            pairs.extend(facts(value, f"{name}: "))
        else:
            pairs.append((name, _text(value)))
    return pairs


def _text(value: Any) -> str:
    if value is None or value in ("", [], ()):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value, 0) if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.3g}" if value and abs(value) < 1e-4 else number(value)
    if isinstance(value, (list, tuple)):
        shown = ", ".join(_text(item) for item in value[:24])
        return f"{shown}, … ({len(value)} in all)" if len(value) > 24 else shown
    return str(value)


@dataclass(frozen=True)
class Verdict:
    """What a reader should take away.

    Args:
        tone: ``good``, ``fair``, ``bad`` or ``unknown``.
        label: The tone in a word or two.
        headline: One sentence.
        details: Further sentences.
    """

    tone: str
    label: str
    headline: str
    details: tuple[str, ...] = ()


def verdict(result: ForecastResult) -> Verdict:
    """Judge a result against seasonal naive, the forecast that repeats the last season.

    Args:
        result: Run to judge.

    Returns:
        The verdict in words.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"unique_id": ["a"]})
        >>> verdict(ForecastResult("demo", frame, frame, frame, scores=None, horizon=1)).tone
        'unknown'
    """
    scores, alias = result.scores, result.alias
    if scores is None or alias not in scores.overall.index:
        why = "The series are too short to compare forecasts of the past with what then happened."
        return Verdict("unknown", "Not tested", "This forecast could not be tested.", (why,))
    details = []
    skill = scores.skill.loc[alias] if alias in scores.skill.index else None
    gain = float(skill["skill_mae"]) if skill is not None else math.nan
    if skill is None or not math.isfinite(gain):
        tone, label = "unknown", "No comparison"
        headline = f"{alias} could not be compared with seasonal naive."
    else:
        significant = bool(skill["p_value"] < SIGNIFICANCE)
        tone, label, headline = _compare(alias, gain, significant)
        details.append(_significance(str(skill["test"]), float(skill["p_value"]), significant))
        if result.n_series > 1 and math.isfinite(float(skill["series_won"])):
            won = percent(float(skill["series_won"]), 0)
            details.append(f"It has the smaller error on {won} of the series.")
    details += [_coverage(scores, alias, level) for level in sorted(result.levels)[:1]]
    shift = scores.shift
    if shift.get("text"):
        details.append(str(shift["text"]))
    if shift.get("verdict", "ok") != "ok":
        tone, label = "bad", f"{label}, but {shift['verdict']}" if tone == "good" else str(shift["verdict"])
    return Verdict(tone, label[:1].upper() + label[1:], headline, tuple(text for text in details if text))


def _compare(alias: str, gain: float, significant: bool) -> tuple[str, str, str]:
    size = percent(abs(gain), 1 if abs(gain) < 0.1 else 0)
    if gain > 0 and significant:
        return "good", "Better", f"{alias} beats seasonal naive by {size}."
    if gain > 0:
        return "fair", "Not clearly better", f"{alias} is {size} ahead of seasonal naive: maybe chance."
    if significant:
        return "bad", "Worse", f"{alias} is {size} worse than seasonal naive."
    return "fair", "Not better", f"{alias} is no better than seasonal naive ({size} behind)."


def _significance(test: str, p_value: float, significant: bool) -> str:
    if not math.isfinite(p_value):
        return "The backtest is too small to test whether the difference in mean absolute error is chance."
    size = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    word = "is" if significant else "is not"
    return f"The difference in mean absolute error {word} statistically significant ({test} test, {size})."


def _coverage(scores: Scores, alias: str, level: float) -> str:
    name = f"coverage_{level:g}"
    if name not in scores.overall.columns:
        return ""
    share = float(scores.overall.loc[alias, name])
    return f"Its {level:g} % interval held {percent(share)} of the outcomes." if math.isfinite(share) else ""
