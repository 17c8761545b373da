"""What clients should know of their rows beside the forecast, without the warnings of the process.

Filters of warnings belong to the whole process, so that requests that are computed at once would catch those
of one another. Lines are asked for where they are made.
"""

from __future__ import annotations

import numpy as np

from pipelines.panel import Panel


def hardly_filled(panel: Panel) -> str | None:
    """Say so if rows hardly fill the grid of the frequency: it is the wrong one, more often than not.

    Args:
        panel: Rows that were sent.

    Returns:
        A line; None if at least half of the grid has a value.
    """
    empty = int(np.isnan(panel.values).sum())
    if 2 * empty <= panel.n_rows:
        return None
    return (
        f"{empty:,} of {panel.n_rows:,} rows have no value at the frequency {panel.freq.text!r}; if the data "
        "are of another frequency, forecast them with a network of that one"
    )
