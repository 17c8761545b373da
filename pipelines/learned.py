"""Which rows of a panel the weights of a network have learned from."""

from __future__ import annotations

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
