"""Calibrating a fitted forecaster on rows that its weights have not learned from."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.backtest import origin_runs
from pipelines.conformal import (
    PROBABILITIES,
    Conformal,
    coverage_frame,
    fit_curves,
    independent_windows,
    left_out_quantiles,
    origins_of_pass,
    trust,
    truths,
)
from pipelines.errors import ConfigError, PanelError
from pipelines.fitted import Fitted
from pipelines.learned import learned_until
from pipelines.panel import Panel
from pipelines.paths import Dependence, interval_widths
from pipelines.totals import matched
from pipelines.transforms import TransformedTable
from pipelines.windows import SeriesTable
from pipelines.wording import counted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# What is kept back from a first training: at most this share of a typical series, and so many horizons.
_SHARE: Final = 5
_MOST_WINDOWS: Final = 28
# Steps ahead of all windows together that are forecast where the number of windows is left open: recent
# scores of each must be sorted if forecasts follow them.
_BUDGETS: Final = {"split": 2**22, "adaptive": 2**18}
# Steps ahead of all windows together that calibration is judged on.
_JUDGED: Final = {"split": 2**22, "adaptive": 2**16}


def recalibrated(
    fitted: Fitted, panel: Panel, method: str, n_windows: int | None = None, step: int | None = None
) -> Fitted:
    """Learn from past windows how far quantiles must lie from the median to hold what they say.

    Args:
        fitted: What was learned.
        panel: Series with rows that the weights have not learned from.
        method: "split" or "adaptive".
        n_windows: Windows per series, the last of which ends with it; None for all without a learned row.
        step: Rows from one window to the next; None for as few as memory allows.

    Returns:
        The same with calibration, coverage and the dependence of errors.

    Raises:
        ConfigError: If a number is not positive, or no series is longer than the horizon.
        PanelError: If there is no such row, or none with a value.
    """
    horizon = fitted.plan.horizon
    for name, value in (("n_windows", n_windows), ("step", step)):
        if value is not None and (not isinstance(value, (int, np.integer)) or value < 1):
            raise ConfigError(f"{name} must be a positive integer. Received: {value!r}.")
    plain = replace(fitted, conformal=None)
    table = replace(plain.table(panel), learned=learned_until(fitted.ends, panel))
    rows = panel.indptr[1:] - np.asarray(table.learned)
    if n_windows is None and rows.max() < horizon:
        raise PanelError(
            f"Calibration needs horizon={horizon} rows after those of the fit. Received: {rows.max()} at "
            "most; pass newer rows, fit on fewer, or fit with conformal=..., which keeps some back."
        )
    step = _step(rows, horizon, _BUDGETS[method]) if step is None else int(step)
    asked = 1 + (int(rows.max()) - horizon) // step if n_windows is None else int(n_windows)
    series, newest, windows = origin_runs(panel, horizon, asked, step)
    if fitted.covariates is not None:
        fitted.covariates.check_targets(panel, series, newest)
    if n_windows is not None:
        table = _with_learned(table, series, newest, horizon, windows, step)

    total, spacing = origins_of_pass(method == "adaptive", horizon, windows, step)
    quantiles = plain.of_network(table, series, newest, total, spacing)
    scores = plain.scores(quantiles, table, series, newest, spacing)
    chosen = total - 1 - step // spacing * np.arange(windows - 1, -1, -1)
    known = scores[:, chosen]
    if not np.isfinite(known).any():
        raise PanelError(
            "Calibration needs values to compare forecasts with. Received: windows in which nothing was "
            "observed, or nothing but series that do not change; pass other rows."
        )
    independent = independent_windows(windows, step, horizon)
    conformal = Conformal(method, fit_curves(known, independent))
    probabilities = fitted.network.quantiles
    # Half a horizon apart at most, and an odd number of windows, so that they begin at all hours of the day.
    apart = max(min(known.size // _JUDGED[method], horizon // 2 // step) - 1, 0) | 1
    judged, between = chosen[::-apart][::-1], apart * step
    after = left_out_quantiles(method, quantiles, probabilities, scores, spacing, judged, between)
    truth = truths(table, series, newest, horizon, len(judged), between)
    before, after, happened = (
        _in_target_units(values, table, series, newest, between)
        for values in (quantiles[:, judged], after, truth[..., None])
    )
    truth = happened[..., 0]
    floor = plain.floor(table, series, newest, len(judged), between)[..., None]
    coverage = coverage_frame(
        fitted.settings.levels, truth, (before, probabilities), (after, PROBABILITIES), floor
    )
    errors = conformal.calibrated(known).reshape(-1, horizon)
    of_known = _in_target_units(quantiles[:, chosen], table, series, newest, step)
    widths = interval_widths(of_known).reshape(-1, horizon)
    dependence = Dependence.fit(errors, widths, "windows of the calibration")
    if dependence is not None:
        dependence = dependence.mixed(fitted.dependence, trust(independent))
        dependence = matched(
            dependence,
            np.maximum(after, floor[..., None]).reshape(-1, horizon, len(PROBABILITIES)),
            PROBABILITIES,
            truth.reshape(-1, horizon),
            trust(independent),
        )
    return replace(fitted, conformal=conformal, coverage=coverage, dependence_since=dependence)


def _in_target_units(values: Floats, table: SeriesTable, series: Ints, newest: Ints, step: int) -> Floats:
    """Undo a transform of values ``(runs, windows, horizon, ...)`` after origins ``step`` rows apart."""
    if not isinstance(table, TransformedTable):
        return values
    return table.invert(values, series, newest[:, None] - step * np.arange(values.shape[1] - 1, -1, -1))


def calibrated_apart(fit: Callable[[Panel], Fitted], panel: Panel, horizon: int, method: str) -> Fitted:
    """Learn from all rows what weights make of the newest ones that they were kept from.

    Args:
        fit: Learns weights from a panel.
        panel: All rows.
        horizon: Steps ahead.
        method: "split" or "adaptive".

    Returns:
        What was learned from all but the newest rows of each series (a fifth of the typical one, from one
        horizon up to 28), with the calibration of the latter.

    Raises:
        PanelError: If series are too short to keep rows back.
    """
    spare = int(np.median(panel.lengths)) // _SHARE
    kept = min(max(spare, horizon), _MOST_WINDOWS * horizon)
    longest = int(panel.lengths.max())
    if longest < kept + 2 * horizon:
        raise PanelError(
            f"conformal={method!r} keeps the newest {kept} rows of each series from a first training, which "
            f"needs {2 * horizon} more. Received: {longest} rows in the longest series; fit with "
            "conformal=None."
        )
    return recalibrated(fit(panel.before(kept)), panel, method)


def with_calibration(fitted: Fitted, source: Fitted) -> Fitted:
    """Return what was learned with the calibration of another fit of the same series."""
    return replace(
        fitted,
        conformal=source.conformal,
        coverage=source.coverage,
        dependence_since=source.dependence_since,
    )


def _step(rows: Ints, horizon: int, budget: int) -> int:
    """Rows between windows that keep their forecasts within memory: half a horizon is a multiple of them."""
    least = -(-int(np.maximum(rows - horizon + 1, 0).sum()) * horizon // budget)
    half = max(horizon // 2, 1)
    parts = [part for part in range(1, half + 1) if half % part == 0 and part >= least]
    return parts[0] if parts else -(-least // half) * half


def _with_learned(
    table: SeriesTable, series: Ints, newest: Ints, horizon: int, windows: int, step: int
) -> SeriesTable:
    """Let all windows count, with a warning if the weights have learned some of their values."""
    both = replace(table, learned=None)
    honest, every = (
        int(np.isfinite(truths(each, series, newest, horizon, windows, step)).sum()) for each in (table, both)
    )
    if honest < every:
        warnings.warn(
            f"the weights have learned {counted(every - honest, 'value')} of {every:,} in these windows, so "
            "that intervals will be too narrow; calibrate on rows after those of the fit",
            UserWarning,
            stacklevel=4,
        )
    return both
