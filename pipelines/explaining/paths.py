"""Integrated gradients of one forecast, in the units of the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.explaining.sources import Source, blank
from pipelines.explaining.subjects import Floats, Subject
from pipelines.explaining.targets import Link

TOLERANCE: Final = 0.01
"""Share of the largest difference to the baseline that attributions may leave unexplained at a step."""

_VALUE, _OBSERVED, _CHANGE = 0, 1, 4
# A series at its mean hardly changes. It is not said to have never changed: networks know of gaps by that.
_STILL: Final = np.float32(1e-3)


class Attributions(NamedTuple):
    """How far each input moves a forecast from that of a baseline.

    Attributes:
        baseline: ``(horizon,)`` forecast of the baseline.
        forecast: ``(horizon,)`` forecast of the network.
        values: ``(field, horizon)`` of the values of the series, the origin last.
        change: ``(horizon,)`` of the usual size of changes before the field.
        past: Position of each source that has past channels to ``(field, horizon)``, by the rows at which
            they are read.
        ahead: Position of each source known in advance to ``(steps ahead, horizon)``.
        static: Position of each static source to ``(horizon,)``.
    """

    baseline: Floats
    forecast: Floats
    values: Floats
    change: Floats
    past: dict[int, Floats]
    ahead: dict[int, Floats]
    static: dict[int, Floats]

    @property
    def total(self) -> Floats:
        """``(horizon,)`` sum of all attributions."""
        parts = [self.values.sum(axis=0), self.change, *self.static.values()]
        parts += [part.sum(axis=0) for part in (*self.past.values(), *self.ahead.values())]
        total: Floats = np.sum(parts, axis=0)
        return total

    def of_source(self, number: int) -> Floats:
        """``(horizon,)`` sum over one source; NaN where the network reads it as no number."""
        parts = [part[number].sum(axis=0) for part in (self.past, self.ahead) if number in part]
        parts += [self.static[number]] if number in self.static else []
        total: Floats = np.sum(parts, axis=0) if parts else np.full(len(self.change), np.nan)
        return total


def attribute(subject: Subject, sources: Sequence[Source]) -> Attributions:
    """Attribute the difference between a forecast and that of a baseline to what the network reads.

    The baseline is a series that has stood at its mean all along, of which no covariate is known: the mean
    over what was observed in the field of the forecast, after the transform if there is one.

    Args:
        subject: What is explained.
        sources: The covariates.

    Returns:
        The attributions, which sum to the difference but for ``TOLERANCE``.
    """
    from pipelines.network import integrated_gradients

    baseline = blank(subject.inputs, *sources)
    _flatten(baseline["series"])
    # Half of it, as a transform may weigh the steps ahead differently from the network.
    found = integrated_gradients(subject.network, subject.inputs, baseline, subject.quantile, TOLERANCE / 2)
    link = Link.between(subject, found.begin, found.end)
    shares = {name: np.moveaxis(part, 0, -1) * link.slope for name, part in found.inputs.items()}
    series = shares["series"][-len(subject.rows) :]
    return Attributions(
        baseline=link.begin,
        forecast=link.end,
        values=series[:, _VALUE],
        change=series[:, _CHANGE].sum(axis=0),
        past={n: series[:, s.past].sum(axis=1) for n, s in enumerate(sources) if len(s.past)},
        ahead={n: shares["ahead"][:, s.ahead].sum(axis=1) for n, s in enumerate(sources) if len(s.ahead)},
        static={n: shares["static"][s.static].sum(axis=0) for n, s in enumerate(sources) if len(s.static)},
    )


def _flatten(series: npt.NDArray[np.float32]) -> None:
    """Replace the values of a series by their mean, in place; what lies before it stays as it is."""
    seen = series[..., _OBSERVED] > 0
    if not seen.any():
        return
    begun = np.arange(series.shape[1]) >= np.argmax(seen[0])
    series[:, begun, _VALUE] = series[..., _VALUE][seen].mean(dtype=np.float64)
    series[..., _CHANGE] *= _STILL
