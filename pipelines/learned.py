"""Which rows of a panel the weights of a network have learned from."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.panel import Panel

Ints = npt.NDArray[np.int64]


def learned_until(ends: Panel, panel: Panel) -> Ints:
    """Find the end of what was learned in another panel.

    Args:
        ends: The last row of each series of a fit.
        panel: Any series; one with the id of a series of the fit, on the same grid, is taken for it.

    Returns:
        ``(series,)`` row one past the last one that was learned; the first row where nothing was.

    Example:
        >>> days = pd.date_range("2024-01-01", periods=5)
        >>> panel = Panel.from_frame(pd.DataFrame({"unique_id": "A", "ds": days, "y": range(5)}))
        >>> learned_until(panel.before(2).tail(1), panel).tolist()
        [3]
    """
    names = [pd.Index([str(name) for name in each.ids.tolist()]) for each in (ends, panel)]
    place = names[0].get_indexer(names[1])
    first, phase = panel.freq.locate(panel.starts)
    last, own = (part[place] for part in ends.freq.locate(ends.starts))
    same = (place >= 0) & (phase == own) & (panel.freq == ends.freq)
    rows: Ints = panel.indptr[:-1] + np.where(same, np.clip(last + 1 - first, 0, panel.lengths), 0)
    return rows


def later_ends(one: Panel, other: Panel) -> Panel:
    """Join the ends of what was learned in two fits: of a series that was in both, the later one.

    Args:
        one: The last row of each series of a fit.
        other: That of another fit, of the same frequency.

    Returns:
        The last row of each series of either.

    Example:
        >>> days = pd.date_range("2024-01-01", periods=5)
        >>> panel = Panel.from_frame(pd.DataFrame({"unique_id": "A", "ds": days, "y": range(5)}))
        >>> later_ends(panel.tail(1), panel.before(2).tail(1)).to_frame()
          unique_id         ds   y
        0         A 2024-01-05 NaN
    """
    names = [pd.Index([str(name) for name in each.ids.tolist()]) for each in (one, other)]
    place = names[1].get_indexer(names[0])
    later = (place < 0) | (one.starts >= other.starts[place])
    kept = np.setdiff1d(np.arange(len(names[1])), place[later])
    count = int(later.sum()) + len(kept)
    return replace(
        other,
        ids=np.concatenate([one.ids[later], other.ids[kept]]),
        starts=np.concatenate([one.starts[later], other.starts[kept]]),
        values=np.full(count, np.nan),
        indptr=np.arange(count + 1),
        covariates=(),
        static=(),
    )


def rows_of_plan(panel: Panel, rows: int) -> Panel:
    """Find the rows that a network was trained on, where a bundle does not say.

    Its panel may be longer than the one of the fit, which has learned from all but the last rows of each
    series. How many were left out follows from the number of rows in its plan.

    Args:
        panel: What the bundle holds.
        rows: Rows of its fit.

    Returns:
        The data without those rows; all of them if the plan is not one of these data.
    """
    lengths = panel.lengths

    def kept(left_out: int) -> int:
        return int(np.maximum(lengths - left_out, 0).sum())

    left_out = bisect_left(range(int(lengths.max())), -rows, key=lambda count: -kept(count))
    return panel.before(left_out) if kept(left_out) == rows else panel
