"""Which rows a network was trained on, and how many values of a backtest are among them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.backtesting.origins import Origins
from pipelines.backtesting.windows import Windows
from pipelines.fitted import Fitted
from pipelines.learned import learned_until
from pipelines.panel import Panel


def rows_of_fit(fitted: Fitted, tested: Panel) -> Panel:
    """Find the rows that a forecaster was trained on, of the series of a test at least.

    Args:
        fitted: What was learned.
        tested: The series of the test.

    Returns:
        The rows. Where only the ends of what was learned are kept, rows before a series began there count as
        learned, and series may be left without any.
    """
    if fitted.learned is None:
        return fitted.panel
    until = learned_until(fitted.ends, tested)
    was_learned = np.arange(tested.n_rows) < np.repeat(until, tested.lengths)
    indptr = np.concatenate([[0], np.cumsum(until - tested.indptr[:-1])])
    return replace(tested, values=tested.values[was_learned], indptr=indptr, covariates=(), static=())


def learned_targets(trained: Panel, tested: Panel, origins: Origins, windows: Windows) -> int:
    """Count the values to be forecast in a backtest that a network was trained on.

    Args:
        trained: Rows of the fit.
        tested: The series of the backtest; one with the id of a series of the fit is taken for that series.
        origins: Origins of the backtest.
        windows: Its windows.

    Returns:
        Number of observed values; 0 if the test is an honest one.
    """
    is_target = np.zeros(tested.n_rows, bool)
    ahead = np.arange(windows.gap + 1, windows.horizon + 1)
    is_target[(origins.rows[origins.exist][:, None] + ahead).ravel()] = True
    names = [pd.Index([str(name) for name in panel.ids.tolist()]) for panel in (trained, tested)]
    place = names[0].get_indexer(names[1])
    first, phase = tested.freq.locate(tested.starts)
    begin, own = (part[place] for part in trained.freq.locate(trained.starts))
    # Rows of the tested series that the fit has seen; none of a series on another grid.
    same = (place >= 0) & (phase == own) & (tested.freq == trained.freq)
    start, end = begin - first, begin - first + np.where(same, trained.lengths[place], 0)
    row = np.arange(tested.n_rows) - np.repeat(tested.indptr[:-1], tested.lengths)
    seen = (row >= np.repeat(start, tested.lengths)) & (row < np.repeat(end, tested.lengths))
    return int((is_target & seen & np.isfinite(tested.values)).sum())
