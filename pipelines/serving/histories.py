"""What is known of each series by now: the history of a bundle, and what has been observed since."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipelines.covariates import Covariates
from pipelines.errors import PanelError
from pipelines.fitted import Fitted
from pipelines.panel import Panel, rows_given, show
from pipelines.reading import not_asked_for
from pipelines.serving.joining import Bools, Overlap, joined, joined_ahead, overlap_of
from pipelines.serving.kinds import Kinds, check_names
from pipelines.serving.problems import Refused


class Appended(NamedTuple):
    """What became of rows.

    Attributes:
        series: Series that they belong to.
        rows: Rows that were new, those of steps ahead among them.
        repeated: Rows that were known already.
        replaced: Rows that took the place of others.
    """

    series: int
    rows: int
    repeated: int
    replaced: int


@dataclass(frozen=True)
class _State:
    """One series; never changed, only replaced."""

    panel: Panel
    future: pd.DataFrame | None = None


class Histories:
    """Histories that grow row by row, and may be corrected; safe to use from several threads.

    A forecast needs the first row of a series as well as its last ones: it is scaled by it. So histories are
    kept whole.

    Args:
        fitted: What was learned, and the histories to begin with.
        kinds: Columns and kinds of their values.
    """

    def __init__(self, fitted: Fitted, kinds: Kinds) -> None:
        self._fitted, self._kinds = fitted, kinds
        panel = fitted.panel
        known = [] if fitted.is_sample else panel.ids.tolist()
        self._place: dict[Hashable, int] = {name: i for i, name in enumerate(known)}
        self._changed: dict[Hashable, _State] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Number of series."""
        return len(self._place)

    def of(self, name: Hashable) -> tuple[Panel, pd.DataFrame | None]:
        """Return the history of a series, and what is known of its steps ahead.

        Args:
            name: Its id.

        Raises:
            Refused: With status 404 if it is not known.
        """
        state = self._state(name)
        return state.panel, state.future

    def together(self) -> tuple[Panel, pd.DataFrame | None]:
        """Return the histories of all series, and what is known of their steps ahead.

        Raises:
            PanelError: If the bundle holds no history.
        """
        if not self._changed:
            return self._fitted.read(None), None
        states = [self._state(name) for name in self._place]
        rows = pd.concat([state.panel.to_frame() for state in states], ignore_index=True)
        ahead = [state.future for state in states if state.future is not None]
        return self._fitted.read(rows), pd.concat(ahead) if ahead else None

    def append(
        self, rows: pd.DataFrame | None, future: pd.DataFrame | None = None, replace: bool = False
    ) -> Appended:
        """Append rows to the histories of their series, or correct some of them: all rows or none.

        Args:
            rows: Rows that follow the last one of their series without a gap; rows that are known already
                may be repeated as they were. What was not observed is null.
            future: Future covariates of steps ahead, which may be repeated likewise; those of steps that are
                over do not matter.
            replace: Whether rows of both take the place of those that are known of the same times.

        Returns:
            What became of the rows.

        Raises:
            PanelError: If a frame cannot be used, or leaves a gap.
            ConfigError: If there are future covariates for a forecaster without any.
            Refused: With status 404 if a series is not known, 409 if a row that is known is another one, and
                none is to be replaced.
        """
        ahead = [] if future is None else self._read_ahead(future)
        piece = None if rows is None or not len(rows) else self._read(rows)
        with self._lock:
            states, known, changed = ({}, 0, 0) if piece is None else self._joined(*piece, replace)
            count = 0 if piece is None else int(piece[1].sum())
            for part in ahead:
                name = part[self._kinds.id_col].iloc[0]
                states[name], rows_ahead, overlap = self._with_ahead(
                    states.get(name) or self._state(name), part, replace
                )
                count, known, changed = count + rows_ahead, known + overlap.known, changed + overlap.changed
            self._changed |= states
        return Appended(len(states), count - known, known - changed, changed)

    def _state(self, name: Hashable) -> _State:
        if name in self._changed:
            return self._changed[name]
        if name not in self._place:
            raise Refused(
                404,
                f"A series must be one of the {len(self)} whose history is known. Received: series "
                f"{show(name)}; send its history to POST /forecast.",
            )
        return _State(self._fitted.panel.select([self._place[name]]))

    def _joined(self, piece: Panel, sent: Bools, replace: bool) -> tuple[dict[Hashable, _State], int, int]:
        """Series of a piece with the rows that were sent, and how many of them were known, and others."""
        states = {name: self._state(name) for name in piece.ids.tolist()}
        parts: list[pd.DataFrame] = []
        known, changed = 0, 0
        for i, state in enumerate(states.values()):
            part, own = piece.select([i]), sent[piece.indptr[i] : piece.indptr[i + 1]]
            overlap = overlap_of(state.panel, part, own, replace)
            known, changed = known + overlap.known, changed + overlap.changed
            if overlap.changed or overlap.known < own.sum():
                parts.append(joined(state.panel, part, own, overlap.begin))
        if parts:
            panel = self._fitted.read(pd.concat(parts, ignore_index=True))
            for i, name in enumerate(panel.ids.tolist()):
                states[name] = _State(panel.select([i]), states[name].future)
        return states, known, changed

    def _with_ahead(self, state: _State, part: pd.DataFrame, replace: bool) -> tuple[_State, int, Overlap]:
        """A series with more of its steps ahead, how many rows these are, and those that were known."""
        time_col = self._kinds.time_col
        last = state.panel.frame_time(state.panel.last_stamps)[0]
        known = state.future
        part, known = part[part[time_col] > last], None if known is None else known[known[time_col] > last]
        frame, overlap = joined_ahead(known, part, time_col, replace)
        return _State(state.panel, frame), len(part), overlap

    def _read(self, rows: pd.DataFrame) -> tuple[Panel, Bools]:
        """Read rows, and see that their series are known; tell which rows of the panel were sent."""
        kinds = self._kinds
        check_names([*rows.columns], kinds.row_columns, "Columns of rows")
        frame = kinds.rows(rows)
        for name in frame[kinds.id_col].drop_duplicates() if kinds.id_col in frame else ():
            self._state(name)
        panel = self._fitted.read(frame)
        return panel, rows_given(panel, frame)

    def _read_ahead(self, future: pd.DataFrame) -> list[pd.DataFrame]:
        """Read the steps ahead, a frame for each series."""
        kinds = self._kinds
        if not kinds.future:
            raise not_asked_for("future")
        keys = kinds.id_col, kinds.time_col, kinds.target_col
        frame = kinds.ahead(future).assign(**{kinds.target_col: np.nan})
        panel = Panel.from_frame(
            frame, self._fitted.plan.freq, *keys, covariates=Covariates(future=kinds.future)
        )
        _check_gaps(panel, kinds.time_col)
        for column in panel.covariates:
            if (column.categories is not None) != (column.name in kinds.categorical):
                learned = "text" if column.name in kinds.categorical else "numbers"
                raise PanelError(
                    f"Column {column.name!r} must hold {learned}, as the forecaster learned it. Received: "
                    "others; convert them."
                )
        frame = panel.to_frame().drop(columns=kinds.target_col)
        return [frame.iloc[i:j] for i, j in pairwise(panel.indptr.tolist())]


def _check_gaps(panel: Panel, time_col: str) -> None:
    if panel.notes.gaps:
        raise PanelError(
            f"Rows of {time_col!r} must leave out no step. Received: {panel.notes.gaps} left out in series "
            f"{show(panel.notes.gappy[0])}; send them too, with null where nothing was observed."
        )
