"""What was seen and done when a frame became a panel."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.frequency import Freq, Ints, season_length_of
from pipelines.panel.silence import SilentStretch
from pipelines.wording import counted


@dataclass(frozen=True)
class PanelNotes:
    """Facts about a frame that a forecaster of it should know; ``str`` gives them as lines of text.

    Attributes:
        rows_in: Rows of the frame.
        gaps: Rows inserted, with the value NaN, for stamps that the frame skips.
        gappy: Ids of the series with such rows.
        missing: Rows of the frame without a value.
        waiting: Rows at the ends of series that have no value, of those that have one before.
        late: Ids of the series with such rows.
        constant: Ids of the series whose values are all the same (all zero, for example).
        all_nan: Ids of the series without any value.
        short: Ids of the series with less than two natural seasons of values.
        silent: Stretches of one value that are long for their series.

    Example:
        >>> print(PanelNotes(rows_in=10, gaps=2, gappy=("A",)))
        10 rows read
        2 stamps missing in 1 series ('A'): filled with rows without a value
    """

    rows_in: int = 0
    gaps: int = 0
    gappy: tuple[Hashable, ...] = ()
    missing: int = 0
    waiting: int = 0
    late: tuple[Hashable, ...] = ()
    constant: tuple[Hashable, ...] = ()
    all_nan: tuple[Hashable, ...] = ()
    short: tuple[Hashable, ...] = ()
    silent: tuple[SilentStretch, ...] = ()

    @classmethod
    def of(
        cls,
        ids: npt.NDArray[Any],
        values: npt.NDArray[np.float64],
        indptr: Ints,
        inserted: Ints,
        freq: Freq,
    ) -> PanelNotes:
        """Take the notes of regular series.

        Args:
            ids: ``(series,)`` ids.
            values: ``(rows,)`` values, NaN where nothing was observed.
            indptr: ``(series + 1,)`` row pointers.
            inserted: ``(series,)`` number of rows that were inserted.
            freq: The frequency, for the natural season.

        Returns:
            The notes.
        """
        first = indptr[:-1]
        lowest, highest = np.fmin.reduceat(values, first), np.fmax.reduceat(values, first)
        observed = np.add.reduceat(~np.isnan(values), first, dtype=np.int64)
        gaps = int(inserted.sum())
        rows = np.where(np.isnan(values), -1, np.arange(len(values)))
        waiting = np.where(observed > 0, indptr[1:] - 1 - np.maximum.reduceat(rows, first), 0)
        return cls(
            rows_in=len(values) - gaps,
            gaps=gaps,
            gappy=tuple(ids[inserted > 0].tolist()),
            missing=len(values) - gaps - int(observed.sum()),
            waiting=int(waiting.sum()),
            late=tuple(ids[waiting > 0].tolist()),
            constant=tuple(ids[(lowest == highest) & (observed > 1)].tolist()),
            all_nan=tuple(ids[observed == 0].tolist()),
            short=tuple(ids[observed < 2 * season_length_of(freq)].tolist()),
        )

    @classmethod
    def joined(cls, parts: Sequence[PanelNotes]) -> PanelNotes:
        """Take together the notes of parts of a panel, in the order of their series.

        Args:
            parts: One at least.

        Returns:
            The notes.
        """
        joined: dict[str, Any] = {}
        for name in (field.name for field in fields(cls)):
            values = [getattr(part, name) for part in parts]
            joined[name] = sum(values) if isinstance(values[0], int) else tuple(chain.from_iterable(values))
        return cls(**joined)

    def __str__(self) -> str:
        """Return one line per fact."""
        lines = [f"{counted(self.rows_in, 'row')} read"]
        if self.gaps:
            filled = (
                "filled with rows without a value" if self.gaps > 1 else "filled with a row without a value"
            )
            lines.append(f"{counted(self.gaps, 'stamp')} missing in {_listed(self.gappy)}: {filled}")
        if self.missing:
            lines.append(f"{counted(self.missing, 'row')} without a value")
        if self.waiting:
            lines.append(
                f"{counted(self.waiting, 'row')} of them at the end of {_listed(self.late)}: forecasts begin "
                "after them"
            )
        for ids, fact in (
            (self.constant, "constant"),
            (self.all_nan, "without any value"),
            (self.short, "shorter than two seasons"),
        ):
            if ids:
                lines.append(f"{_listed(ids)} {fact}")
        if self.silent:
            lines.append(_silence(self.silent))
        return "\n".join(lines)


def _listed(ids: tuple[Hashable, ...]) -> str:
    names = ", ".join(map(repr, ids[:3])) + (", ..." if len(ids) > 3 else "")
    return f"{len(ids):,} series ({names})"


def _silence(stretches: tuple[SilentStretch, ...]) -> str:
    longest = sorted(stretches, key=lambda stretch: -stretch.rows)[:3]
    places = "; ".join(
        f"series {s.series!r}: constant at {s.value:g} from {s.first} to {s.last}, {counted(s.rows, 'row')}"
        for s in longest
    )
    more = "" if len(stretches) == len(longest) else "; ..."
    return f"{counted(len(stretches), 'long silence')} ({places}{more})"
