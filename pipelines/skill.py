"""Skill against the seasonal naive method, and whether it could be chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"

REFERENCE: Final = "SeasonalNaive"
SIGNIFICANCE: Final = 0.05
MIN_WINDOWS: Final = 5
"""Windows that a Diebold-Mariano test needs; with fewer, Student's t can hardly tell anything."""


class Losses(NamedTuple):
    """Errors of one model.

    Attributes:
        mae: Mean absolute error over all rows.
        wql: Weighted quantile loss over all rows.
        levels: Levels of the intervals that ``wql`` was made from.
        by_series: Mean absolute error of each series; NaN where nothing is known.
        by_window: Mean absolute error of each window in the order of time; NaN where nothing is known. The
            windows of a series are counted from its last.
    """

    mae: float
    wql: float
    levels: tuple[str, ...]
    by_series: Floats
    by_window: Floats


def skill_table(losses: Mapping[str, Losses], overlap: int = 1) -> pd.DataFrame:
    """Compare every model with the seasonal naive method.

    The mean over series of the difference in error, window by window, is tested by the Diebold-Mariano test,
    if there are enough windows (at least 5, and 4 for each that overlaps). That is the test of equal
    predictive ability on average over a panel, which holds however much the series move together: Akgun,
    Pirotte, Urga and Yang (2024), https://doi.org/10.1016/j.ijforecast.2023.02.001. With fewer windows
    nothing is tested: series of the same few weeks are no independent witnesses, however many there are.
    Windows are counted from the end of each series. Where series that move together end at different times,
    what they share falls into several windows, and the p-value may be too small.

    Args:
        losses: Name of a model to its errors.
        overlap: How many consecutive windows a target lies in; 1 if windows do not overlap.

    Returns:
        One row per model: ``skill_mae`` and ``skill_wql`` (1 - error / error of SeasonalNaive; 0 where both
        are exact, minus infinity where it alone is, NaN without it or where the levels differ), ``p_value``
        (two-sided; NaN without a test), ``test`` ("Diebold-Mariano" or "none"), ``series_won`` (fraction with
        the smaller MAE; a tie counts half) and ``significant`` (better than SeasonalNaive with a p-value
        below 0.05).

    Example:
        >>> import numpy as np
        >>> by_series, by_window = np.array([2.0, 4.0]), np.array([3.0, 2.5, 3.5, 2.9, 3.1])
        >>> naive = Losses(3.0, 0.3, (), by_series, by_window)
        >>> model = Losses(1.5, 0.15, (), by_series / 2, by_window / 2)
        >>> skill_table({"TCN": model, "SeasonalNaive": naive})[["skill_mae", "test", "significant"]]
                       skill_mae             test  significant
        model
        TCN                  0.5  Diebold-Mariano         True
        SeasonalNaive        0.0  Diebold-Mariano        False
    """
    reference = losses.get(REFERENCE)
    rows = {name: _row(model, reference, overlap) for name, model in losses.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _row(model: Losses, reference: Losses | None, overlap: int) -> dict[str, Any]:
    if reference is None:
        return _columns(np.nan, np.nan, np.nan, "none", np.nan)
    skill_mae = _skill(model.mae, reference.mae)
    skill_wql = _skill(model.wql, reference.wql) if model.levels == reference.levels else np.nan
    known = ~np.isnan(model.by_series)
    better = np.sign(reference.by_series[known] - model.by_series[known])
    won = float((better + 1).mean() / 2)
    return _columns(skill_mae, skill_wql, *compare(model, reference, overlap), won)


def _columns(skill_mae: float, skill_wql: float, p_value: float, test: str, won: float) -> dict[str, Any]:
    return {
        "skill_mae": skill_mae,
        "skill_wql": skill_wql,
        "p_value": p_value,
        "test": test,
        "series_won": won,
        "significant": bool(p_value < SIGNIFICANCE and skill_mae > 0),
    }


def _skill(score: float, reference: float) -> float:
    if reference == 0:
        return 0.0 if score == 0 else -np.inf if score > 0 else np.nan
    return 1 - score / reference


def compare(model: Losses, reference: Losses, overlap: int = 1) -> tuple[float, str]:
    """Test whether two models err alike, window by window; see ``skill_table``.

    Args:
        model: Errors of the one.
        reference: Errors of the other.
        overlap: How many consecutive windows a target lies in; 1 if windows do not overlap.

    Returns:
        Two-sided p-value, NaN with too few windows, and the name of the test, "none" then.
    """
    windows = reference.by_window - model.by_window
    windows = windows[~np.isnan(windows)]
    if len(windows) < max(MIN_WINDOWS, 4 * overlap):
        return np.nan, "none"
    return diebold_mariano(windows, overlap)[1], "Diebold-Mariano"


def diebold_mariano(difference: Floats, overlap: int = 1) -> tuple[float, float]:
    """Test whether two forecasts are equally accurate, by the Diebold-Mariano test for small samples.

    Diebold and Mariano (1995), "Comparing predictive accuracy",
    https://doi.org/10.1080/07350015.1995.10524599, with the correction of Harvey, Leybourne and Newbold
    (1997), https://doi.org/10.1016/S0169-2070(96)00719-4.

    Args:
        difference: Loss of the one less loss of the other, in the order of time; shape ``(n,)``, n > overlap.
        overlap: Forecast horizon in units of ``difference``: neighbors less than this far apart are
            correlated.

    Returns:
        The corrected statistic, positive if the first loss is the larger, and its two-sided p-value by
        Student's t with n - 1 degrees of freedom.

    Example:
        >>> import numpy as np
        >>> statistic, p_value = diebold_mariano(np.array([1.0, 2.0, 1.5, 0.5, 1.0]))
        >>> round(statistic, 2), round(p_value, 3)
        (4.71, 0.009)
    """
    from scipy.special import stdtr  # takes a while to import

    n, mean = len(difference), float(difference.mean())
    centered = difference - mean
    autocovariance = np.array([centered[k:] @ centered[: n - k] for k in range(overlap)]) / n
    variance = autocovariance[0] + 2 * autocovariance[1:].sum()
    if variance <= 0:  # the plain sum can be negative; with Bartlett's weights it cannot
        variance = autocovariance[0] + 2 * ((1 - np.arange(1, overlap) / overlap) @ autocovariance[1:])
    if mean == 0:
        return 0.0, 1.0
    if variance <= 0:
        return float(np.copysign(np.inf, mean)), 0.0
    correction = np.sqrt((n + 1 - 2 * overlap + overlap * (overlap - 1) / n) / n)
    statistic = float(correction * mean / np.sqrt(variance / n))
    return statistic, float(2 * stdtr(n - 1, -abs(statistic)))
