"""What a network's training data looked like, and how far data have moved from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.nightly.matching import read_actuals, season_of

if TYPE_CHECKING:
    from pipelines.nightly.records import Snapshot
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BINS: Final = 10
_WINDOW: Final = 50  # values that a distribution takes
_PAST: Final = 8  # as long as the window: what its values are laid beside
_WINDOWS: Final = 100  # of the training data, at most, whose indices say what is usual
_SERIES: Final = 10_000  # of more, as many are taken
_LEAST: Final = 1e-3  # share of a bin that is empty


@dataclass(frozen=True)
class Shift:
    """How far data have moved from those of the training.

    Args:
        index: Population stability index of the latest values: the sum over bins of the difference of shares
            times the difference of their logarithms. Usual rules call 0.1 little and 0.25 much.
        far: Series with values of another size than any of the training, twice as far out.
    """

    index: float
    far: tuple[Any, ...]


def facts_of(snapshot: Snapshot, job: JobSettings) -> dict[str, Any]:
    """Describe the data that a network is trained on.

    Values are described relative to their series' recent past: less its median, in units of its
    interquartile range. So series of any size count alike, and a trend is no shift.

    Args:
        snapshot: The data.
        job: Settings.

    Returns:
        JSON-able: ``freq``, ``rows``, ``series``, ``range`` of the values; ``edges`` of bins between the
        quantiles of relative values and the ``shares`` of these in them; ``usual_psi``, the largest
        population stability index of a stretch of the training data themselves; ``reach``, the least and
        largest relative value. The last four are None if the series are too short.

    Raises:
        PanelError: If the data cannot be used.
    """
    panel = read_actuals(snapshot.history, job)
    known = panel.values[~np.isnan(panel.values)]
    facts: dict[str, Any] = {
        "freq": panel.freq.text,
        "rows": panel.n_rows,
        "series": panel.n_series,
        "range": [float(known.min()), float(known.max())] if known.size else None,
        **dict.fromkeys(("edges", "shares", "usual_psi", "reach")),
    }
    length = _window(panel, season_of(panel, job))
    number = int(panel.lengths.max()) // length
    backs = np.unique(np.linspace(0, max(number - 1, 0), min(number, _WINDOWS)).astype(int)).tolist()
    windows = [values for back in backs if (values := _known(_relative(panel, length, back)[0])).size]
    if len(windows) < 2:
        return facts
    whole = np.concatenate(windows)
    # Values that are frequent, such as 0, make quantiles equal: then there are fewer bins.
    edges = np.unique(np.quantile(whole, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = _shares(whole, edges)
    return facts | {
        "edges": edges.tolist(),
        "shares": shares.tolist(),
        "usual_psi": max(_index(_shares(values, edges), shares) for values in windows),
        "reach": [float(whole.min()), float(whole.max())],
    }


def shift_of(panel: Panel, facts: dict[str, Any], job: JobSettings) -> Shift | None:
    """Measure how differently the latest values are distributed than those of the training.

    Args:
        panel: The data.
        facts: Those of the training.
        job: Settings.

    Returns:
        The shift; None if the series are too short to say.

    Reference:
        Yurdakul (2018), "Statistical properties of population stability index",
        https://scholarworks.wmich.edu/dissertations/3208.
    """
    values, series = _relative(panel, _window(panel, season_of(panel, job)), 0)
    known = _known(values)
    if facts["edges"] is None or not known.size:
        return None
    low, high = facts["reach"]
    margin = (high - low) or 1.0
    far = (values < low - margin) | (values > high + margin)  # False for NaN
    index = _index(_shares(known, np.array(facts["edges"])), np.array(facts["shares"]))
    return Shift(index, tuple(panel.ids[series[far.any(axis=1)]].tolist()))


def _window(panel: Panel, season: int) -> int:
    """Rows of each series that make a distribution: whole seasons, with enough values in all series."""
    return -(-_WINDOW // (panel.n_series * season)) * season


def _relative(panel: Panel, length: int, back: int) -> tuple[Floats, Ints]:
    """Values of a window, ``back`` windows before the last, relative to what came before; their series."""
    chosen = np.unique(np.linspace(0, panel.n_series - 1, min(panel.n_series, _SERIES)).astype(np.int64))
    ends = panel.indptr[1:][chosen] - back * length
    chosen = chosen[ends - panel.indptr[chosen] >= 3 * length]
    ends = (panel.indptr[1:][chosen] - back * length)[:, None]
    values = panel.values[ends - np.arange(length, 0, -1)]
    rows = ends - np.arange((1 + _PAST) * length, length, -1)
    past = np.where(rows >= panel.indptr[chosen][:, None], panel.values[np.maximum(rows, 0)], np.nan)
    past.sort(axis=1)  # NaN comes last
    known = (~np.isnan(past)).sum(axis=1, keepdims=True)
    low, median, high = (
        np.take_along_axis(past, (share * known).astype(int), 1) for share in (0.25, 0.5, 0.75)
    )
    spread = np.nansum(np.abs(past - median), axis=1, keepdims=True) / np.maximum(known, 1)
    unit = np.select([high > low, spread > 0, median != 0], [high - low, spread, np.abs(median)], 1.0)
    return (values - median) / unit, chosen


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _shares(values: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    shares: Floats = np.maximum(counts / values.size, _LEAST)
    return np.asarray(shares / shares.sum())


def _index(shares: Floats, reference: Floats) -> float:
    return float(((shares - reference) * np.log(shares / reference)).sum())
