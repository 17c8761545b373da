"""What a forecaster keeps of the rows of its fit."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from pipelines.fitted import Fitted
from pipelines.learned import later_ends
from pipelines.panel import Panel, PanelNotes
from pipelines.store import PanelStore

# Series of a store that are kept: they show that a saved network is the one that it was.
_SAMPLE: Final = 3


def kept_of(rows: Panel | PanelStore, source: Fitted | None = None) -> dict[str, Any]:
    """Say from which rows something was learned: all of a panel, a sample and the ends of a store.

    Args:
        rows: The rows of a fit.
        source: What the fit to a panel went on from; None if it began anew.

    Returns:
        Attributes of ``Fitted`` by name.
    """
    if isinstance(rows, Panel):
        learned = None if source is None else later_ends(rows.tail(1), source.ends)
        return {"panel": rows, "learned": learned}
    count = rows.n_series
    ends = Panel(
        ids=rows.ids,
        values=np.full(count, np.nan),
        indptr=np.arange(count + 1),
        starts=rows.last_stamps,
        freq=rows.freq,
        columns=rows.columns,
        tz=rows.tz,
        notes=PanelNotes(),
    )
    sample = rows.select(np.linspace(0, count - 1, _SAMPLE).astype(np.int64))
    return {"panel": sample, "learned": ends, "is_sample": True}
