"""Some series of a panel with the steps after each: where rows lie, and what lies some rows before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.panel import CovariateColumn, Panel

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Neighboring series, laid out with ``horizon`` steps after the rows of each.

    Attributes:
        panel: The panel.
        series: Which of its series.
        horizon: Steps after each.
    """

    panel: Panel
    series: slice
    horizon: int

    @property
    def rows(self) -> slice:
        """Rows of the panel."""
        return slice(int(self.panel.indptr[self.series.start]), int(self.panel.indptr[self.series.stop]))

    @property
    def steps(self) -> slice:
        """Steps after the series, among ``(series * horizon,)`` of the panel."""
        return slice(self.series.start * self.horizon, self.series.stop * self.horizon)

    @property
    def lengths(self) -> Ints:
        """``(series,)`` rows of each series."""
        return self.panel.lengths[self.series]

    @property
    def laid_out(self) -> slice:
        """Rows and steps, among ``(rows + series * horizon,)`` of the panel."""
        return slice(self.rows.start + self.steps.start, self.rows.stop + self.steps.stop)

    def spread(self, of_rows: npt.NDArray[Any], of_steps: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
        """Lay values of rows and of steps out, series by series; 0 for steps of which nothing is known."""
        after = np.arange(self.series.stop - self.series.start) * self.horizon
        place = np.arange(len(of_rows)) + np.repeat(after, self.lengths)
        laid = np.zeros(
            (len(of_rows) + self.steps.stop - self.steps.start, *of_rows.shape[1:]), of_rows.dtype
        )
        laid[place] = of_rows
        if of_steps is not None:
            first = np.cumsum(self.lengths) + after
            laid[(first[:, None] + np.arange(self.horizon)).ravel()] = of_steps
        return laid

    def stamps(self) -> npt.NDArray[Any]:
        """Stamps of the rows and steps, laid out."""
        lengths = self.lengths + self.horizon
        row = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self.panel.freq.advance(np.repeat(self.panel.starts[self.series], lengths), row)

    def late(self, channels: Floats, lag: int) -> Floats:
        """What was known of channels of rows, ``lag`` rows late; 0 before anything was."""
        return channels if lag == 0 else _before(channels, self.lengths, lag)

    def differences(
        self, values: Floats, known: npt.NDArray[np.bool_], lags: tuple[int, ...]
    ) -> list[Floats]:
        """Differences of laid-out values to those so many rows before; 0 where either is not known."""
        lengths = self.lengths + self.horizon
        return [
            np.where(known & _before(known, lengths, lag), values - _before(values, lengths, lag), 0.0)
            for lag in lags
        ]


def column_part(column: CovariateColumn, part: slice) -> CovariateColumn:
    """Some neighboring values of a column, with all its categories."""
    return CovariateColumn(column.name, column.values[part], column.categories)


def _before(values: npt.NDArray[Any], lengths: Ints, lag: int) -> npt.NDArray[Any]:
    """Values ``lag`` places before within runs of the given lengths; 0 before the first."""
    moved = np.zeros_like(values)
    moved[lag:] = values[: max(len(values) - lag, 0)]
    place = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    moved[place < lag] = 0
    return moved
