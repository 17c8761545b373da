"""What kind of numbers the values are: any, none below zero, or counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipelines.errors import PanelError
from pipelines.panel.frame_columns import show

if TYPE_CHECKING:
    from pipelines.panel.panel import Panel

_RULES = {
    "nonnegative": "not be below 0",
    "count": "be whole numbers from 0 on",
}


def kind_of_target(values: npt.NDArray[np.float64]) -> str:
    """Recognize the kind of some values.

    Args:
        values: Values of any shape, NaN where there is none.

    Returns:
        "count" of whole numbers from 0 on, "nonnegative" if none is below 0, else "real".

    Example:
        >>> [kind_of_target(np.array(y)) for y in ([0.0, 7.0, np.nan], [0.5, 1.0], [-1.0, 1.0])]
        ['count', 'nonnegative', 'real']
    """
    if _breaks("nonnegative", values).any():
        return "real"
    return "nonnegative" if _breaks("count", values).any() else "count"


def check_target(panel: Panel, kind: str, asked: str) -> None:
    """Check that values are of the kind that was declared.

    Args:
        panel: The series.
        kind: "nonnegative" or "count"; any other asks for nothing.
        asked: The setting that asks for it, as a message shows it.

    Raises:
        PanelError: If one is not; the message names its series and stamp.
    """
    if kind not in _RULES:
        return
    wrong = np.flatnonzero(_breaks(kind, panel.values))
    if not len(wrong):
        return
    series = int(np.searchsorted(panel.indptr, wrong[0], side="right")) - 1
    stamp = panel.freq.advance(panel.starts[[series]], wrong[:1] - panel.indptr[series])
    others = f" and {len(wrong) - 1:,} more" * (len(wrong) > 1)
    raise PanelError(
        f"Values of {panel.columns.target_col!r} must {_RULES[kind]} with {asked}. Received: "
        f"{panel.values[wrong[0]]:g} in series {show(panel.ids[series])} at "
        f"{panel.frame_time(stamp)[0]}{others}; "
        f"correct what is wrong, or leave out {asked}."
    )


def _breaks(kind: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which values are not of a kind; those that are missing break no rule."""
    below: npt.NDArray[np.bool_] = values < 0
    return below if kind == "nonnegative" else below | (np.isfinite(values) & (values != np.floor(values)))
