"""A panel as the network reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.panel import Panel, find_silence
from pipelines.windows.blocks import blocks_of_series
from pipelines.windows.calendar import calendar_phase
from pipelines.windows.covariates import CovariateTable
from pipelines.windows.eras import eras, held_out_eras
from pipelines.windows.gaps import filled
from pipelines.windows.scales import loss_weights, usual_change

Floats = npt.NDArray[np.float32]

# Far inside float32's range, so that sums over a window stay finite.
LARGEST: Final = 1e30
# Share of all targets that a member may be kept from learning.
_MOST_HELD_OUT: Final = 0.4


@dataclass(frozen=True)
class SeriesTable:
    """A panel as the network reads it, in 32 bits.

    A series is shown relative to its first observed value, in units of a power of two near its first change.
    Both are known from the first change on, and the division is exact, so that no later value moves a
    forecast by a bit. Before its first change a series is forecast without the network.

    Attributes:
        values: ``(rows,)`` conditioned values; where nothing was observed, the last one of the same phase,
            else the last of all, or 0.
        observed: ``(rows,)`` whether a value was observed.
        change: ``(rows,)`` usual size of a change between observed values so far, recent ones counting more;
            where nothing was observed, it grows with the root of the rows since the last value.
        phase: ``(rows,)`` calendar position of each row, from 0 to ``phases - 1``.
        phases: Number of calendar positions, 1 if there are none.
        indptr: ``(series + 1,)`` row pointers.
        seen: ``(series,)`` row of the first observed value; one past the last row where there is none.
        moved: ``(series,)`` row of the first value that differs from it; one past the last row likewise.
        negative: ``(series,)`` row of the first value below 0; one past the last row likewise.
        base: ``(series,)`` float64 first observed value; 0 where there is none.
        unit: ``(series,)`` float64 power of two; a forecast is ``base + unit * output``.
        weight: ``(series,)`` weight of an error of one unit in the loss.
        era: ``(rows,)`` position in time, from 0 to 255: each holds about as many rows of the panel.
        first_origin: ``(series,)`` first row that may be an origin in training, relative to the series: one
            with a season before it, if that leaves any, and with a change, as silence teaches nothing.
        silent: ``(rows,)`` whether a row lies in a long stretch of one value, which nothing is learned from;
            None if no row does. What comes after a row decides too, so that it serves training alone.
        covariates: What else is known, or None.
        learned: ``(series,)`` row one past the last one that the weights have learned from, where that
            matters to a forecast; else None.
    """

    values: Floats
    observed: npt.NDArray[np.bool_]
    change: Floats
    phase: npt.NDArray[np.int16]
    phases: int
    indptr: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    moved: npt.NDArray[np.int64]
    negative: npt.NDArray[np.int64]
    base: npt.NDArray[np.float64]
    unit: npt.NDArray[np.float64]
    weight: Floats
    era: npt.NDArray[np.uint8]
    first_origin: npt.NDArray[np.int64]
    silent: npt.NDArray[np.bool_] | None = None
    covariates: CovariateTable | None = None
    learned: npt.NDArray[np.int64] | None = None

    @classmethod
    def from_panel(cls, panel: Panel, season_length: int) -> SeriesTable:
        """Condition a panel.

        Args:
            panel: The series.
            season_length: Steps in a season.

        Returns:
            The table.
        """
        blocks = [
            _condition(panel.select(np.arange(some.start, some.stop)), season_length)
            for some in blocks_of_series(panel.indptr)
        ]
        phases = blocks[0][1]
        joined: dict[str, Any] = {
            name: np.concatenate([fields.pop(name) for fields, _ in blocks]) for name in tuple(blocks[0][0])
        }
        # Rows were counted from the first of each block.
        shift = panel.indptr[:-1] - joined.pop("begin")
        for name in ("seen", "moved", "negative"):
            joined[name] += shift
        if not joined["silent"].any():
            joined["silent"] = None
        return cls(**joined, phases=phases, indptr=panel.indptr, era=eras(panel))

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.base)

    @property
    def origins(self) -> npt.NDArray[np.int64]:
        """``(series,)`` rows of each series that may be origins in training: a target follows each."""
        return np.maximum(np.diff(self.indptr) - 1 - self.first_origin, 0)

    @property
    def nonnegative(self) -> bool:
        """Whether no value is below 0."""
        return bool((self.negative == self.indptr[1:]).all())

    @property
    def has_gaps(self) -> bool:
        """Whether a value is missing after the first one of its series."""
        return int(self.observed.sum()) < int((self.indptr[1:] - self.seen).sum())

    def held_out(self, members: int) -> npt.NDArray[np.int64]:
        """Eras that each member of an ensemble must not learn the values of.

        Args:
            members: Size of the ensemble.

        Returns:
            ``(members, 2)`` first era held out, and one past the last. A member that would be left with too
            little learns from everything: panels of short series have all that can be learned in one era.
        """
        bounds = held_out_eras(members)
        before = np.concatenate([[0], np.cumsum(self.targets_of_eras())])
        bounds[before[bounds[:, 1]] - before[bounds[:, 0]] > _MOST_HELD_OUT * before[-1]] = 0
        return bounds

    def targets_of_eras(self) -> npt.NDArray[np.int64]:
        """``(256,)`` observed values of each era that follow a first origin."""
        targets = np.zeros(256, np.int64)
        for some in blocks_of_series(self.indptr):
            begin, end = self.indptr[some.start], self.indptr[some.stop]
            first = (self.indptr[:-1] + self.first_origin)[some]
            learned = np.arange(begin, end) > np.repeat(first, np.diff(self.indptr)[some])
            targets += np.bincount(self.era[begin:end][learned & self.observed[begin:end]], minlength=256)
        return targets

    @property
    def offset(self) -> Floats:
        """``(series,)`` what to add to a conditioned value to get the level in the same units."""
        return (self.base / self.unit).astype(np.float32)


def _condition(panel: Panel, season_length: int) -> tuple[dict[str, Any], int]:
    """Fields of the table that each series has for itself, with its first row, and the number of phases."""
    owner = panel.series_of_rows
    observed = np.isfinite(panel.values)
    seen = _first_row(observed, panel.indptr)
    base = _at_row(panel.values, seen, panel.indptr)
    with np.errstate(over="ignore"):  # what overflows is clipped below
        away = panel.values - base[owner]
        moved = _first_row(observed & (away != 0), panel.indptr)
        step = np.abs(_at_row(away, moved, panel.indptr))
        step = np.where(step > 0, step, np.where(base != 0, np.abs(base), 1.0))
        unit = np.exp2(np.clip(np.round(np.log2(step)), -1000, 1000))
        away /= unit[owner]
    np.clip(away, -LARGEST, LARGEST, out=away)
    phase, phases = calendar_phase(panel, season_length)
    lengths = panel.lengths
    last = _last_observed_row(observed, panel.indptr)
    change = usual_change(away, panel.indptr, season_length)
    silent = _silent_rows(panel, season_length)
    since = np.arange(panel.n_rows) - last
    fields = {
        "begin": panel.indptr[:-1],
        "values": filled(away, panel.indptr, season_length, last).astype(np.float32),
        "observed": observed,
        "change": np.where(last >= 0, change[last] * np.sqrt(1 + since), 0.0).astype(np.float32),
        "phase": phase,
        "seen": seen,
        "moved": moved,
        "negative": _first_row(panel.values < 0, panel.indptr),
        "base": base,
        "unit": unit,
        "weight": loss_weights(np.where(silent, np.nan, away), panel.indptr, season_length),
        "silent": silent,
        "first_origin": np.maximum(np.minimum(season_length, lengths - 2), moved - panel.indptr[:-1]),
    }
    return fields, phases


def _silent_rows(panel: Panel, season_length: int) -> npt.NDArray[np.bool_]:
    """Whether each row lies in a silent stretch."""
    stretches = find_silence(panel.values, panel.indptr, season_length)
    ends = np.zeros(panel.n_rows + 1, np.int8)
    ends[stretches.first] += 1
    ends[stretches.last + 1] -= 1
    return np.cumsum(ends[:-1], dtype=np.int8) > 0


def _last_observed_row(
    observed: npt.NDArray[np.bool_], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Newest row up to each row at which its series was observed, -1 where there is none."""
    last: npt.NDArray[np.int64] = np.maximum.accumulate(np.where(observed, np.arange(len(observed)), -1))
    last[last < np.repeat(indptr[:-1], np.diff(indptr))] = -1
    return last


def _first_row(mask: npt.NDArray[np.bool_], indptr: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """First row of each series at which the mask holds, one past its last where it never does."""
    rows = np.append(np.flatnonzero(mask), indptr[-1])
    first: npt.NDArray[np.int64] = np.minimum(rows[np.searchsorted(rows, indptr[:-1])], indptr[1:])
    return first


def _at_row(
    values: npt.NDArray[np.float64], row: npt.NDArray[np.int64], indptr: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Value of each series at its row, 0 where that is past its end."""
    return np.where(row < indptr[1:], values[np.minimum(row, len(values) - 1)], 0.0)
