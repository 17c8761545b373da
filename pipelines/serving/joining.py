"""Rows of a series beside those that are known of it: where they lie, and which of them differ."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import PanelError
from pipelines.panel import Panel, show
from pipelines.serving.problems import Refused

Bools = npt.NDArray[np.bool_]


class Overlap(NamedTuple):
    """How rows of a series lie to those that are known.

    Attributes:
        begin: Row of the known ones that the others begin with.
        known: Rows that are in both.
        changed: Rows of these that are not the same in both.
    """

    begin: int
    known: int
    changed: int


def overlap_of(known: Panel, part: Panel, sent: Bools, replace: bool = False) -> Overlap:
    """Find out which rows are known already, and whether they are the same.

    Args:
        known: One series.
        part: Further rows of it, or some of those that are known, on a grid without gaps.
        sent: ``(rows,)`` which rows of the part were sent; steps between may be left out as far as they are
            known.
        replace: Whether they may say something else of rows that are known.

    Returns:
        The overlap.

    Raises:
        PanelError: If the part leaves a gap, comes before the series, or is off its grid.
        Refused: With status 409 if it says something else without being allowed to.
    """
    begin = _begin(known, part)
    count = min(known.n_rows - begin, part.n_rows)
    if not (after := sent[count:]).all():
        raise PanelError(
            f"Rows of {part.columns.time_col!r} must leave out no step that is not known. Received: "
            f"{(~after).sum()} left out in series {show(part.ids[0])}; send them too, with null where "
            "nothing was observed."
        )
    both = np.flatnonzero(sent[:count])
    if not len(both):
        return Overlap(begin, 0, 0)
    ours, theirs = (
        each.to_frame().iloc[rows].reset_index(drop=True)
        for each, rows in ((known, begin + both), (part, both))
    )
    return Overlap(begin, len(both), _changes(ours, theirs, replace))


def joined_ahead(
    known: pd.DataFrame | None, part: pd.DataFrame, time_col: str, replace: bool = False
) -> tuple[pd.DataFrame, Overlap]:
    """Put what is known of the steps ahead of a series together with further rows of them.

    Args:
        known: Ids, stamps and future covariates; None for none.
        part: Further rows, or some of those that are known; each stamp once.
        time_col: Column of the stamps.
        replace: As for ``overlap_of``.

    Returns:
        All rows, newer ones in the place of older ones, and the overlap.

    Raises:
        Refused: As for ``overlap_of``.
    """
    if known is None:
        return part, Overlap(0, 0, 0)
    ours, theirs = known.set_index(time_col, drop=False), part.set_index(time_col, drop=False)
    both = theirs.index.intersection(ours.index)
    changed = _changes(ours.loc[both], theirs.loc[both], replace)
    frame = pd.concat([known, part]).drop_duplicates(time_col, keep="last")
    return frame, Overlap(0, len(both), changed)


def joined(known: Panel, part: Panel, sent: Bools, begin: int) -> pd.DataFrame:
    """Put rows into the place of those that are known, or after them.

    Args:
        known: One series.
        part: Rows of it.
        sent: As for ``overlap_of``.
        begin: Row of the known ones that they begin with.

    Returns:
        All rows of the series, in no order.
    """
    stays = np.ones(known.n_rows, bool)
    replaced = begin + np.flatnonzero(sent)
    stays[replaced[replaced < known.n_rows]] = False
    return pd.concat([known.to_frame()[stays], part.to_frame()[sent]], ignore_index=True)


def _begin(known: Panel, part: Panel) -> int:
    """Row of the known ones that a part begins with; that after the last one if it follows them."""
    name, columns = f"series {show(part.ids[0])}", part.columns
    first, phase = part.freq.locate(part.starts)
    begin, own = known.freq.locate(known.starts)
    place = int(first[0] - begin[0])
    stamp = part.frame_time(part.starts)[0]
    if phase[0] != own[0]:
        raise PanelError(
            f"Stamps must lie on the grid of their series. Received: {columns.time_col}={stamp} in {name}, "
            f"whose last row is {known.frame_time(known.last_stamps)[0]}; send the stamps of its steps."
        )
    if place > known.n_rows:
        raise PanelError(
            f"Rows of {columns.time_col!r} must follow the last one of their series. Received: "
            f"{columns.time_col}={stamp} in {name}, {place - known.n_rows} after the step that follows "
            f"{known.frame_time(known.last_stamps)[0]}; send those between too, with null where nothing was "
            "observed."
        )
    if place < 0:
        raise PanelError(
            f"Rows must not come before the first one of their series. Received: {columns.time_col}={stamp} "
            f"in {name}; send those after it."
        )
    return place


def _changes(ours: pd.DataFrame, theirs: pd.DataFrame, replace: bool) -> int:
    """Number of rows whose values, which come after id and stamp, differ; an error if none may."""
    if not len(ours):
        return 0
    same = {name: _same(ours[name], theirs[name]) for name in ours.columns[2:]}
    changed = ~np.logical_and.reduce([*same.values()])
    if changed.any() and not replace:
        row = int(np.argmax(changed))
        column = next(name for name, each in same.items() if not each[row])
        series, stamp = ours.iloc[row, :2]
        raise Refused(
            409,
            f"Rows that are known must be repeated as they were. Received: {column}="
            f"{_told(theirs[column].iloc[row])} in series {show(series)} at {stamp}, where it is "
            f'{_told(ours[column].iloc[row])}; send later rows only, or "replace": true with these to '
            "correct what is known.",
        )
    return int(changed.sum())


def _told(value: Any) -> str:
    """A value as messages show it to clients."""
    return "null" if pd.isna(value) else show(value)


def _same(ours: pd.Series[Any], theirs: pd.Series[Any]) -> Any:
    """Which values are equal, missing ones being equal to each other."""
    both = ours.isna().to_numpy() & theirs.isna().to_numpy()
    return both | (ours.astype(object).to_numpy() == theirs.astype(object).to_numpy())
