"""From the covariates of a panel to those that the network reads, with what the fit learned of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.covariates import Covariates
from pipelines.panel import CovariateColumn, Panel, check_known, read_future
from pipelines.windows.blocks import blocks_of_series
from pipelines.windows.covariates.block import Block, column_part
from pipelines.windows.covariates.calendar import (
    check_holidays,
    cycles_of,
    is_holiday,
    longer_season,
    phases,
)
from pipelines.windows.covariates.notes import covariate_notes
from pipelines.windows.covariates.reading import check_targets, columns_of, surprises
from pipelines.windows.covariates.scales import ColumnScale
from pipelines.windows.covariates.table import CovariateTable

Floats = npt.NDArray[np.float32]

CALENDAR: Final = "calendar"
"""Source of features that stamps say."""


class Sources(NamedTuple):
    """What channels and features are made of: columns, "holidays US", or the calendar.

    Attributes:
        past: Source of each past channel.
        ahead: Source of each feature ahead.
        static: Source of each static feature.
    """

    past: tuple[str, ...]
    ahead: tuple[str, ...]
    static: tuple[str, ...]


@dataclass(frozen=True)
class CovariateState:
    """What a fit learned of the covariates: all that a new panel needs to be read in the same way.

    Attributes:
        covariates: What was asked for.
        horizon: Steps ahead.
        season_length: Steps in a season.
        scales: What was learned of the past, future and static columns, in this order.
        differences: Rows back to which a future number is compared: a season and a longer one, where they are
            no shorter than the horizon.
        cycles: Cycles of the calendar that steps ahead are placed in.
    """

    covariates: Covariates
    horizon: int
    season_length: int
    scales: tuple[ColumnScale, ...]
    differences: tuple[int, ...]
    cycles: tuple[str, ...]

    @classmethod
    def fit(cls, covariates: Covariates, panel: Panel, horizon: int, season_length: int) -> CovariateState:
        """Learn from the rows of a fit.

        Args:
            covariates: What to use.
            panel: The rows, with the columns that are asked for.
            horizon: Steps ahead.
            season_length: Steps in a season.

        Returns:
            What was learned.

        Raises:
            PanelError: If the panel lacks a column, or one has too many categories.
            ConfigError: If holidays are asked for at a frequency that does not tell days apart.
        """
        if covariates.holidays is not None:
            check_holidays(panel.freq)
        rows, static = columns_of(covariates, panel)
        seasons = (season_length, longer_season(panel.freq, season_length))
        return cls(
            covariates=covariates,
            horizon=horizon,
            season_length=season_length,
            scales=tuple(
                ColumnScale.fit(_published(column, panel, covariates.lag(column.name)))
                if column.name in covariates.past
                else ColumnScale.fit(column)
                for column in (*rows, *static)
            ),
            differences=tuple(season for season in seasons if season is not None and season >= horizon),
            cycles=cycles_of(panel, season_length) if covariates.calendar else (),
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CovariateState:
        """Make a state from what ``to_dict`` gave."""
        return cls(
            covariates=Covariates(**values["covariates"]),
            horizon=values["horizon"],
            season_length=values["season_length"],
            scales=tuple(map(ColumnScale.from_dict, values["scales"])),
            differences=tuple(values["differences"]),
            cycles=tuple(values["cycles"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return {
            "covariates": self.covariates.to_dict(),
            "horizon": self.horizon,
            "season_length": self.season_length,
            "scales": [scale.to_dict() for scale in self.scales],
            "differences": list(self.differences),
            "cycles": list(self.cycles),
        }

    @property
    def past_names(self) -> tuple[str, ...]:
        """Names of the past channels of a table."""
        names = tuple(name for scale in self._row_scales for name in scale.names)
        return names + self._holiday_names

    @property
    def ahead_names(self) -> tuple[str, ...]:
        """Names of the features ahead of a table."""
        return tuple(name for name, *_ in self._features_ahead())

    @property
    def static_names(self) -> tuple[str, ...]:
        """Names of the static features of a table."""
        return tuple(name for scale in self._static_scales for name in scale.names)

    @property
    def sources(self) -> Sources:
        """What each channel and feature of a table is made of."""
        return Sources(
            past=(*(scale.name for scale in self._row_scales for _ in scale.names), *self._holiday_names),
            ahead=tuple(source for *_, source in self._features_ahead()),
            static=tuple(scale.name for scale in self._static_scales for _ in scale.names),
        )

    def read_future(self, panel: Panel, frame: Any) -> tuple[CovariateColumn, ...]:
        """Read the values of the steps to forecast.

        Args:
            panel: The history.
            frame: Any frame with the future columns; None if nothing more is known.

        Returns:
            Columns of ``(series * horizon,)`` values, for ``table``.

        Raises:
            PanelError: If a value that a forecast needs is missing.
        """
        steps = self._steps_known
        if not steps:
            return ()
        if frame is None:
            for name, needed in steps.items():
                lacks = np.arange(self.horizon) < needed
                check_known(panel, name, np.broadcast_to(lacks, (panel.n_series, self.horizon)))
        return read_future(panel, frame, steps, self.horizon, self._may_miss)

    def check_targets(
        self, panel: Panel, series: npt.NDArray[np.int64], newest: npt.NDArray[np.int64]
    ) -> None:
        """Refuse origins of a backtest whose horizon runs beyond what is known of a future column.

        Args:
            panel: The rows of the backtest.
            series: ``(runs,)`` positions of series.
            newest: ``(runs,)`` row of the newest origin of each.

        Raises:
            PanelError: If a column that was never missing in the fit ends before a horizon does.
        """
        steps = {name: k for name, k in self._steps_known.items() if name not in self._may_miss}
        check_targets(panel, steps, series, newest)

    def table(self, panel: Panel, future: tuple[CovariateColumn, ...] = ()) -> CovariateTable:
        """Lay the covariates of a panel out for the network.

        Args:
            panel: The rows, with the columns of the fit.
            future: Columns of ``(series * horizon,)`` values that ``read_future`` gave; none where no step
                after the last row is forecast.

        Returns:
            The table.

        Raises:
            PanelError: If the panel lacks a column, or one holds numbers where the fit had categories or the
                other way round.
        """
        rows, static = columns_of(self.covariates, panel)
        known = {scale.name: scale for scale in self.scales}
        for column in (*rows, *static, *future):
            known[column.name].check_kind(column)
        past = np.empty((panel.n_rows, len(self.past_names)), np.float32)
        features = self._features_ahead()
        ahead = np.empty((panel.n_rows + panel.n_series * self.horizon, len(features)), np.float32)
        for some in blocks_of_series(panel.indptr):
            block = Block(panel, some, self.horizon)
            past_parts, ahead_parts = self._parts(block, rows, future)
            for parts, target in ((past_parts, past[block.rows]), (ahead_parts, ahead[block.laid_out])):
                if parts:
                    np.concatenate(parts, axis=1, out=target)
        of_series = [known[column.name].channels(column) for column in static]
        known_until = [self.horizon - lag for _, lag, _ in features]
        return CovariateTable(
            past=past,
            ahead=ahead,
            unknown=np.arange(1, self.horizon + 1)[:, None] > np.array(known_until, np.int64),
            static=np.concatenate([np.empty((panel.n_series, 0), np.float32), *of_series], axis=1),
            horizon=self.horizon,
        )

    def notes(self, panel: Panel) -> tuple[str, ...]:
        """Lines for the plan: which covariates a fit on a panel uses, and how many rows lack them."""
        return covariate_notes(self.covariates, self.cycles, panel)

    def surprises(self, panel: Panel, future: tuple[CovariateColumn, ...] = ()) -> tuple[str, ...]:
        """Lines about categories and missing values that the fit did not see, in a panel and after it."""
        return surprises(self.scales, columns_of(self.covariates, panel), future)

    @property
    def _steps_known(self) -> dict[str, int]:
        """Steps ahead that each future column is known for."""
        return {name: self.horizon - self.covariates.lag(name) for name in self.covariates.future}

    @property
    def _may_miss(self) -> set[str]:
        """Columns that had missing values in the fit."""
        return {scale.name for scale in self.scales if scale.has_missing}

    @property
    def _row_scales(self) -> tuple[ColumnScale, ...]:
        return self.scales[: len(self.covariates.rows)]

    @property
    def _future_scales(self) -> tuple[ColumnScale, ...]:
        return self._row_scales[len(self.covariates.past) :]

    @property
    def _static_scales(self) -> tuple[ColumnScale, ...]:
        return self.scales[len(self.covariates.rows) :]

    @property
    def _holiday_names(self) -> tuple[str, ...]:
        return () if self.covariates.holidays is None else (f"holidays {self.covariates.holidays}",)

    def _features_ahead(self) -> list[tuple[str, int, str]]:
        """Name, publication lag and source of each feature, in the order of ``_parts``."""
        features = []
        for scale in self._future_scales:
            compared = () if scale.categories is not None else _compared(scale.name, self.differences)
            lag = self.covariates.lag(scale.name)
            features += [(name, lag, scale.name) for name in (*scale.names, *compared)]
        for name in self._holiday_names:
            features += [(each, 0, name) for each in (name, *_compared(name, self.differences))]
        waves = (f"{wave} of {name}" for name in self.cycles for wave in ("sine", "cosine"))
        return features + [(wave, 0, CALENDAR) for wave in waves]

    def _parts(
        self, block: Block, rows: tuple[CovariateColumn, ...], future: tuple[CovariateColumn, ...]
    ) -> tuple[list[Floats], list[Floats]]:
        """Past channels and features ahead of some series, column by column."""
        past, ahead = [], []
        beyond = {column.name: column_part(column, block.steps) for column in future}
        for scale, column in zip(self._row_scales, rows, strict=True):
            own = column_part(column, block.rows)
            channels = scale.channels(own)
            if scale.name in self.covariates.past:
                past.append(block.late(channels, self.covariates.lag(scale.name)))
                continue
            past.append(channels)
            next_steps = beyond.get(scale.name)
            laid = block.spread(channels, None if next_steps is None else scale.channels(next_steps))
            ahead.append(laid)
            if scale.categories is None:
                known = block.spread(~own.missing, None if next_steps is None else ~next_steps.missing)
                ahead += [part[:, None] for part in block.differences(laid[:, 0], known, self.differences)]
        if self.covariates.holidays is not None or self.cycles:
            past_of_calendar, ahead_of_calendar = self._calendar_parts(block)
            past += past_of_calendar
            ahead += ahead_of_calendar
        return past, ahead

    def _calendar_parts(self, block: Block) -> tuple[list[Floats], list[Floats]]:
        time = block.panel.frame_time(block.stamps())
        past, ahead = [], []
        if self.covariates.holidays is not None:
            free = is_holiday(time, self.covariates.holidays).astype(np.float32)
            is_row = block.spread(np.ones(block.rows.stop - block.rows.start, bool), None)
            past.append(free[is_row, None])
            known = np.ones(len(free), bool)
            ahead += [part[:, None] for part in (free, *block.differences(free, known, self.differences))]
        if self.cycles:
            ahead.append(phases(time, self.cycles, self.season_length, block.panel.freq.step))
        return past, ahead


def _published(column: CovariateColumn, panel: Panel, lag: int) -> CovariateColumn:
    """Values that are known when the data end; all if none are, for such a column is never read."""
    from_end = np.repeat(panel.indptr[1:], panel.lengths) - np.arange(1, panel.n_rows + 1)
    known = np.flatnonzero(from_end >= lag)
    return column if not lag or column.missing[known].all() else column.take(known)


def _compared(name: str, differences: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"{name} less {rows} rows before" for rows in differences)
