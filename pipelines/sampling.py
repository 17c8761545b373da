"""Sample paths of a fitted forecaster as a frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from pipelines.conformal import PROBABILITIES, origins_of_pass, truths
from pipelines.fitted import Fitted
from pipelines.panel import Panel
from pipelines.paths import Dependence, interval_widths
from pipelines.totals import recent_pulls
from pipelines.transforms import TransformedTable
from pipelines.windows import SeriesTable

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Numbers of forecasts of past windows that the dependence of errors is read off, where no others are known.
_BUDGET: Final = 2**20
_WINDOWS: Final = 100
# Correlation of steps where there are no errors at all: sums are then rather too uncertain than too certain.
_TOGETHER: Final = 0.99


def sample_frame(fitted: Fitted, panel: Panel, table: SeriesTable, n_paths: int, seed: int) -> pd.DataFrame:
    """Draw futures of each series after its last row.

    Args:
        fitted: What was learned.
        panel: The series.
        table: The same, as ``fitted`` reads it, with what is known of the steps ahead.
        n_paths: Futures per series.
        seed: Fixes them.

    Returns:
        Columns id, time, ``sample_id`` from 0 on, and the value by the name of the forecast; sorted by
        series, sample and time. ``attrs["dependence"]`` says what tells how steps go together.
    """
    dependence = fitted.dependence_since or fitted.dependence or seen_dependence(fitted)
    series, horizon = np.arange(panel.n_series), fitted.plan.horizon
    newest = panel.indptr[1:] - 1
    quantiles = fitted.quantiles(table, series, newest)[:, 0]
    pulls = _recent_pulls(fitted, table, newest, quantiles, dependence)
    paths = dependence.paths(quantiles, fitted.probabilities, panel.ids.tolist(), n_paths, seed, pulls)
    paths = fitted.possible(paths, fitted.floor(table, series, newest)[..., None])
    stamps = np.broadcast_to(panel.future_stamps(horizon)[:, None], paths.shape)
    frame = panel.key_frame(np.repeat(series, n_paths * horizon), stamps.ravel())
    frame["sample_id"] = np.tile(np.repeat(np.arange(n_paths), horizon), panel.n_series)
    frame[fitted.settings.alias] = paths.ravel()
    frame.attrs["dependence"] = dependence.source
    return frame


def _recent_pulls(
    fitted: Fitted, table: SeriesTable, newest: Ints, quantiles: Floats, dependence: Dependence
) -> Floats | None:
    """How far recent totals draw the steps of each series together, or apart; None if they do not count."""
    conformal, horizon = fitted.conformal, fitted.plan.horizon
    if conformal is None or not conformal.adapts:
        return None
    of_all = replace(fitted, conformal=replace(conformal, method="split"))
    count, step = origins_of_pass(True, horizon, 1, 1)
    columns = [PROBABILITIES.index(probability) for probability in (0.1, 0.5, 0.9)]
    size = max(1, _BUDGET // (count * horizon))
    pulls = np.empty(len(newest))
    for i in range(0, len(newest), size):
        some = slice(i, i + size)
        series, origin = np.arange(len(newest))[some], newest[some]
        past = of_all.quantiles(table, series, origin, count, step)[..., columns]
        truth = truths(table, series, origin, horizon, count, step)
        if isinstance(table, TransformedTable):
            origins = origin[:, None] - step * np.arange(count - 1, -1, -1)
            truth = table.invert(truth[..., None], series, origins)[..., 0]
        floor = fitted.floor(table, series, origin, count, step)[..., None, None]
        past, now = np.maximum(past, floor), np.maximum(quantiles[some][..., columns], floor[:, -1])
        pulls[some] = recent_pulls(dependence, past[:, ::-1], truth[:, ::-1], now)
    return pulls


def seen_dependence(fitted: Fitted) -> Dependence:
    """Read how errors go together off rows that were learned, where no others are known.

    Args:
        fitted: What was learned.

    Returns:
        The dependence: that of errors on the newest windows of the fit; if there are none, one in which all
        steps err together.
    """
    horizon = fitted.plan.horizon
    plain = replace(fitted, conformal=None)
    panel = fitted.panel
    long = np.flatnonzero(panel.lengths > horizon)
    step = max(horizon // 2, 1)
    if len(long):
        count = min(_WINDOWS, 1 + int(panel.lengths.max() - horizon - 1) // step)
        some = long[:: -(-len(long) * count * horizon * len(plain.probabilities) // _BUDGET)]
        table, newest = plain.table(panel), panel.indptr[some + 1] - 1 - horizon
        quantiles = plain.of_network(table, some, newest, count, step)
        scores, widths = (
            part.reshape(-1, horizon)
            for part in (plain.scores(quantiles, table, some, newest, step), interval_widths(quantiles))
        )
        if (found := Dependence.fit(scores, widths, "rows that were learned")) is not None:
            return found
    together = np.full((horizon, horizon), _TOGETHER) + (1 - _TOGETHER) * np.eye(horizon)
    return Dependence(together, "nothing: all steps err together")
