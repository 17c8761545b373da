"""Fitted values: every row of a panel, forecast one step ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from pipelines.errors import PanelError
from pipelines.fitted import Fitted
from pipelines.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

# Forecasts that some series may hold, of which those of the first step are kept.
_BUDGET: Final = 2**22


def fitted_frame(fitted: Fitted, panel: Panel, wanted: Mapping[str, float]) -> pd.DataFrame:
    """Forecast each row but the first of a series from the rows before it.

    Args:
        fitted: What a fit has learned.
        panel: The series.
        wanted: Probability of each column, as ``Fitted.columns`` gives them.

    Returns:
        Rows sorted by series and stamp: id, time, target and the wanted columns.

    Raises:
        PanelError: If no series has two rows.
    """
    series = np.flatnonzero(panel.lengths > 1)
    if not len(series):
        raise PanelError(
            "Fitted values need a series of at least two rows. Received: one row in each; give more history."
        )
    table = fitted.table(panel)
    count = int(panel.lengths.max()) - 1
    size = max(1, _BUDGET // (count * fitted.plan.horizon))
    parts: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in wanted}
    for i in range(0, len(series), size):
        some = series[i : i + size]
        # Those of shorter series begin later.
        valid = np.arange(count) > count - panel.lengths[some, None]
        forecast = fitted.forecast(table, some, panel.indptr[some + 1] - 2, wanted, count)
        for name, values in forecast.items():
            parts[name].append(values[..., 0][valid])
    rows = np.setdiff1d(np.arange(panel.n_rows), panel.indptr[:-1])
    frame = panel.key_frame(panel.series_of_rows[rows], panel.all_stamps()[rows])
    frame[panel.columns.target_col] = panel.values[rows]
    for name, blocks in parts.items():
        frame[name] = np.concatenate(blocks)
    return frame
