"""Which rows a saved network was trained on, and how many of those it is tested on."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster
    from pipelines.jobs.holding_out import HeldOut
    from pipelines.panel import Panel


def training_rows(forecaster: Forecaster) -> Panel:
    """Find the rows that a forecaster was trained on.

    A bundle of ``tcn forecast`` holds the full history to forecast from, and its network has learned from all
    but the last rows of each series. How many were left out follows from the number of rows in its plan.

    Args:
        forecaster: A fitted one.

    Returns:
        Its data without those rows; all of them if the plan is not one of these data.
    """
    panel, fitted = forecaster.panel_, forecaster.plan_.rows
    lengths = panel.lengths

    def kept(left_out: int) -> int:
        return int(np.maximum(lengths - left_out, 0).sum())

    left_out = bisect_left(range(int(lengths.max())), -fitted, key=lambda rows: -kept(rows))
    return panel.before(left_out) if kept(left_out) == fitted else panel


def seen_targets(forecaster: Forecaster, tested: Panel, held: HeldOut) -> int:
    """Count the values to be forecast in a backtest that the network was trained on.

    Args:
        forecaster: A fitted one.
        tested: The series of the backtest; one with the id of a series of the fit is taken for that series.
        held: Windows of the backtest.

    Returns:
        Number of observed values; 0 if the test is an honest one.
    """
    trained = training_rows(forecaster)
    stretch = {
        str(name): (start, last)
        for name, start, last in zip(trained.ids.tolist(), trained.starts, trained.last_stamps, strict=True)
    }
    from_end = np.arange(held.rows)[::-1]
    in_a_window = from_end % held.step < forecaster.plan_.horizon
    count = 0
    for i, name in enumerate(tested.ids.tolist()):
        if str(name) in stretch:
            start, last = stretch[str(name)]
            stamps, values = tested.stamps(i)[-held.rows :], tested.series(i)[-held.rows :]
            count += int((in_a_window & np.isfinite(values) & (start <= stamps) & (stamps <= last)).sum())
    return count
