"""From what a network says to the units of the target, and how changes are brought there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.explaining.subjects import Floats, Ints, Subject
from pipelines.transforms import TransformedTable
from pipelines.windows import SeriesTable, in_original_units


def in_target_units(table: SeriesTable, series: Ints, origins: Ints, values: Floats) -> Floats:
    """Bring what a network says to the units of the target.

    Args:
        table: The series.
        series: ``(n,)`` positions of series.
        origins: ``(n,)`` rows of the origins.
        values: ``(n, k, horizon)`` numbers in the units of the network.

    Returns:
        Of the same shape; neither rounded nor kept from being negative.
    """
    out = np.moveaxis(values, 1, 2)[:, None]
    found = in_original_units(out, table, series, origins[:, None])
    if isinstance(table, TransformedTable):
        found = table.in_target_units(found, series, origins[:, None])
    return np.moveaxis(found[:, 0], 1, 2)


@dataclass(frozen=True)
class Link:
    """How differences in the units of a network become differences in those of the target.

    What undoes a transform is no straight line: all shares of a difference get its mean slope between both
    ends, so that they sum to the difference of what it makes of these.

    Attributes:
        begin: ``(horizon,)`` where the difference begins, in the units of the target.
        end: ``(horizon,)`` where it ends.
        slope: ``(horizon,)`` factor on shares.
    """

    begin: Floats
    end: Floats
    slope: Floats

    @classmethod
    def between(cls, subject: Subject, begin: Floats, end: Floats) -> Link:
        """Find the slope between two forecasts.

        Args:
            subject: What is explained.
            begin: ``(horizon,)`` a forecast in the units of the network.
            end: ``(horizon,)`` another.

        Returns:
            The link.
        """
        step = 1e-4 * (np.abs(end) + np.abs(end - begin)) + 1e-12
        first, last, below, above = _made(subject, begin, end, end - step, end + step)
        if not isinstance(subject.table, TransformedTable):
            moves = subject.row >= subject.table.moved[subject.series]
            unit = subject.table.unit[subject.series] if moves else 0.0
            return cls(first, last, np.full(len(first), unit))
        far = np.abs(end - begin) > step
        slope = np.where(far, (last - first) / np.where(far, end - begin, 1.0), (above - below) / (2 * step))
        return cls(first, last, slope)


def _made(subject: Subject, *forecasts: Floats) -> Floats:
    place = np.array([subject.series]), np.array([subject.row])
    made: Floats = in_target_units(subject.table, *place, np.stack(forecasts)[None])[0]
    return made
