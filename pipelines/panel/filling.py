"""How much of the grid of its frequency a frame fills."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.panel.frame_columns import place_ids, read_ids
from pipelines.panel.panel import Panel
from pipelines.panel.time_column import read_stamps


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


def rows_given(panel: Panel, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell which rows of a panel come from its frame, and do not fill a gap.

    Args:
        panel: The panel.
        frame: The frame that it was made of.

    Returns:
        ``(rows,)``.

    Example:
        >>> rows = pd.DataFrame({"unique_id": "A", "ds": ["2024-01-01", "2024-01-03"], "y": [1.0, None]})
        >>> rows_given(Panel.from_frame(rows, "D"), rows).tolist()
        [True, False, True]
    """
    ids, codes = read_ids(frame[panel.columns.id_col])
    stamps = read_stamps(frame[panel.columns.time_col], panel.freq.mark.endswith("end"))
    unique = (stamps if panel.freq.is_clock else stamps.in_wall_time()).unique
    series = place_ids(ids, panel.ids)[codes]
    first = panel.freq.locate(panel.starts)[0][series]
    given = np.zeros(panel.n_rows, bool)
    given[panel.indptr[series] + panel.freq.locate(unique)[0][stamps.codes] - first] = True
    return given
