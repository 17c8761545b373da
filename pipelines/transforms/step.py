"""What the steps of a transform have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from pipelines.errors import PanelError
from pipelines.panel import Panel, show

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Inverse: TypeAlias = Callable[[Floats, Ints, Ints], Floats]
"""From forecasts ``(runs, count, horizon, quantiles)``, positions of series ``(runs,)`` and rows of origins
``(runs, count)`` to the forecasts of what a step was given."""

_LARGEST: Final = float(np.finfo(np.float64).max)


class Applied(NamedTuple):
    """What a step makes of a panel.

    Attributes:
        values: ``(rows,)`` float64, finite where there was a value and NaN elsewhere.
        inverse: The way back, for forecasts of this panel.
    """

    values: Floats
    inverse: Inverse


class Step(Protocol):
    """One of the steps of a transform."""

    @property
    def note(self) -> str:
        """What it is, in a word or two."""

    def apply(self, panel: Panel) -> Applied:
        """Transform the values of a panel.

        Args:
            panel: The series, as the step before has left them.

        Returns:
            The values, and the way back.

        Raises:
            PanelError: If the step has no meaning for a value.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned as JSON-able values."""


def finite(values: Floats) -> Floats:
    """Bring what has overflown back into the range of numbers; NaN stays."""
    return np.clip(values, -_LARGEST, _LARGEST)


def check_positive(panel: Panel, name: str) -> None:
    """Refuse values that a logarithm has no meaning for.

    Args:
        panel: The series.
        name: What was asked for, for the message.

    Raises:
        PanelError: If a value is 0 or below.
    """
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(panel.values <= 0)
    if not len(bad):
        return
    row = int(bad[0])
    i = int(np.searchsorted(panel.indptr, row, side="right")) - 1
    stamp = panel.frame_time(panel.stamps(i)[[row - panel.indptr[i]]])[0]
    others = f", and {len(bad) - 1:,} more" * (len(bad) > 1)
    raise PanelError(
        f"transform={name!r} needs values above 0. Received: {panel.values[row]:g} in series "
        f"{show(panel.ids[i])} at {stamp}{others}; use transform='asinh', which takes any value."
    )
