"""How much of the grid of its frequency a panel fills."""

from __future__ import annotations

import numpy as np

from pipelines.panel.panel import Panel


def hardly_filled(panel: Panel) -> str | None:
    """Say so if rows hardly fill the grid of the frequency: it is the wrong one, more often than not.

    Args:
        panel: Rows to forecast.

    Returns:
        A line; None if at least half of the grid has a value.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"unique_id": "A", "ds": ["2024-01-01", "2024-03-01"], "y": [1.0, 2.0]})
        >>> hardly_filled(Panel.from_frame(rows, "MS"))
        >>> hardly_filled(Panel.from_frame(rows, "D")).partition(";")[0]
        "59 of 61 rows have no value at the frequency 'D'"
    """
    empty = int(np.isnan(panel.values).sum())
    if 2 * empty <= panel.n_rows:
        return None
    return (
        f"{empty:,} of {panel.n_rows:,} rows have no value at the frequency {panel.freq.text!r}; if the data "
        "are of another frequency, forecast them with a network of that one"
    )
