"""Panels as the network reads them, their target transformed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from pipelines.panel import Panel
from pipelines.transforms.chain import TargetTransform
from pipelines.transforms.step import Floats, Ints, Inverse
from pipelines.windows import SeriesTable, calendar_phase

# Integer stamps have a phase for each position in a season up to this long.
_MOST_PHASES: Final = 512
_LARGEST_WEIGHT: Final = 100.0


@dataclass(frozen=True, kw_only=True)
class TransformedTable(SeriesTable):
    """A table of transformed values that knows the way back.

    Attributes:
        inverses: The way back of each step of the transform, the first step first.
        first: ``(series,)`` first observed value in the units of the target; 0 where there is none.
        season_length: Steps back to which differences are taken; 0 if there are none.
    """

    inverses: tuple[Inverse, ...]
    first: Floats
    season_length: int = 0

    def in_target_units(self, forecast: Floats, series: Ints, origins: Ints) -> Floats:
        """Undo the transform of forecasts.

        Until a series has changed for the first time, its forecast is the value that it has had so far, and 0
        before there is one; with differences, it goes on along its straight line.

        Args:
            forecast: ``(runs, count, horizon, quantiles)`` in units of the transformed values.
            series: ``(runs,)`` positions of series.
            origins: ``(runs, count)`` rows of the origins.

        Returns:
            The forecasts in the units of the target.
        """
        seen = (origins >= self.seen[series, None])[..., None, None]
        still = seen & (origins < self.moved[series, None])[..., None, None]
        if self.season_length:
            seasons = np.arange(forecast.shape[2]) // self.season_length + 1
            forecast = np.where(still, forecast * seasons[:, None], forecast)
        forecast = self.invert(forecast, series, origins)
        if not self.season_length:
            # There and back again is not always the same to the last digit.
            forecast = np.where(still, self.first[series][:, None, None, None], forecast)
        return np.where(seen, forecast, 0.0)

    def invert(self, values: Floats, series: Ints, origins: Ints) -> Floats:
        """Undo the transform of values after origins; see ``in_target_units`` for the arguments."""
        for inverse in reversed(self.inverses):
            values = inverse(values, series, origins)
        return values


def series_table(
    panel: Panel, seasons: Sequence[int], transform: TargetTransform | None = None, one_scale: bool = False
) -> SeriesTable:
    """Make a table of a panel.

    Args:
        panel: The series.
        seasons: Steps in each season, the main one first.
        transform: What to do to the target first; None for nothing.
        one_scale: Whether the table's units are to be those of the transformed values.

    Returns:
        The table; a ``TransformedTable`` if there is a transform.

    Raises:
        PanelError: If the transform has no meaning for a value.
    """
    shown, inverses = (panel, ()) if transform is None else transform.apply(panel)
    table = SeriesTable.from_panel(shown, seasons[0])
    if panel.freq.is_integer and len(seasons) > 1:
        longest = max(season for season in seasons if season <= _MOST_PHASES or season == seasons[0])
        phase, phases = calendar_phase(panel, longest)
        table = replace(table, phase=phase, phases=phases)
    if transform is None:
        return table
    if one_scale:
        table = _in_units_of_values(table)
    own = {field.name: getattr(table, field.name) for field in fields(table)} | {
        "negative": _first_negative(panel),
        "inverses": inverses,
        "first": _first_value(panel, table.seen),
        "season_length": next((seasons[0] for kind, _ in transform.steps if kind == "difference"), 0),
    }
    return TransformedTable(**own)


def _in_units_of_values(table: SeriesTable) -> SeriesTable:
    """Multiply by the unit, which is a power of two: nothing is rounded."""
    of_rows = np.repeat(table.unit, np.diff(table.indptr))
    return replace(
        table,
        values=(table.values * of_rows).astype(np.float32),
        change=(table.change * of_rows).astype(np.float32),
        # Errors are of the size of 1, so that a larger weight can only be that of a freak.
        weight=np.minimum(table.weight / table.unit, _LARGEST_WEIGHT).astype(np.float32),
        unit=np.ones_like(table.unit),
    )


def _first_negative(panel: Panel) -> Ints:
    """Row of the first value below 0 of each series, one past its last where there is none."""
    rows = np.append(np.flatnonzero(panel.values < 0), panel.n_rows)
    first: Ints = np.minimum(rows[np.searchsorted(rows, panel.indptr[:-1])], panel.indptr[1:])
    return first


def _first_value(panel: Panel, seen: Ints) -> Floats:
    return np.where(seen < panel.indptr[1:], panel.values[np.minimum(seen, panel.n_rows - 1)], 0.0)
