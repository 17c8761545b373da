"""Covariates with one value per series: from a frame of their own, or constant columns of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.errors import PanelError
from pipelines.frequency import Ints
from pipelines.panel.covariate_columns import CovariateColumn
from pipelines.panel.frame_columns import place_ids, read_ids, show, take_columns


def read_static(
    frame: Any, id_col: str, names: Sequence[str], ids: npt.NDArray[Any]
) -> tuple[CovariateColumn, ...]:
    """Read the static columns that a frame holds, a row per series.

    Args:
        frame: Any frame with the id column; rows of other series are ignored.
        id_col: Column of the ids.
        names: Static columns that are asked for.
        ids: ``(series,)`` ids of the panel.

    Returns:
        Columns of ``(series,)`` values.

    Raises:
        PanelError: If the frame lacks a series, has one twice, or holds none of the columns.
    """
    taken = take_columns(frame, {"id_col": id_col}, optional=names)
    if len(taken) == 1:
        asked = ", ".join(map(repr, names)) or "none (see Covariates.static)"
        raise PanelError(
            f"A static frame must hold a static covariate beside {id_col!r}. Received: none of {asked}; "
            "rename its columns, or leave the frame out."
        )
    found, codes = read_ids(taken.pop(id_col))
    if len(codes) > len(found):
        row = int(np.argmax(np.bincount(codes)[codes] > 1))
        again = int(np.flatnonzero(codes == codes[row])[1])
        raise PanelError(
            f"A static frame must have one row per series. Received: series {show(found[codes[row]])} in "
            f"rows {row} and {again} (counted from 0); keep one, e.g. with df.drop_duplicates({id_col!r})."
        )
    place = place_ids(found, ids)
    lacking = np.setdiff1d(np.arange(len(ids)), place)
    if len(lacking):
        others = f" and {len(lacking) - 1} more" * (len(lacking) > 1)
        raise PanelError(
            f"A static frame must have a row for every series. Received: none for series "
            f"{show(ids[lacking[0]])}{others}, which needs {', '.join(map(repr, taken))}; add "
            f"{'them' if others else 'it'}, with missing values where nothing is known."
        )
    rows = np.flatnonzero(place[codes] >= 0)
    # Placed first, taken again: categories of other series do not count.
    return tuple(
        CovariateColumn.read(column, found, codes).place(len(ids), place[codes[rows]], rows).take(slice(None))
        for column in taken.values()
    )


def constant_in_series(column: CovariateColumn, ids: npt.NDArray[Any], indptr: Ints) -> CovariateColumn:
    """Reduce a column of rows to its one value in each series.

    Args:
        column: ``(rows,)`` values; missing ones do not count.
        ids: ``(series,)`` ids, for the message.
        indptr: ``(series + 1,)`` row pointers.

    Returns:
        Column of ``(series,)`` values.

    Raises:
        PanelError: If a series has two values.
    """
    values = np.where(column.missing, np.nan, column.values)
    lowest, highest = (ufunc.reduceat(values, indptr[:-1]) for ufunc in (np.fmin, np.fmax))
    changing = np.flatnonzero(lowest < highest)
    if len(changing):
        i = int(changing[0])
        two = [
            show(value if column.categories is None else column.categories[int(value)])
            for value in (lowest[i], highest[i])
        ]
        raise PanelError(
            f"Static column {column.name!r} must have one value in each series. Received: {' and '.join(two)}"
            f" in series {show(ids[i])}; correct it, or declare it as a past or future column."
        )
    if column.categories is None:
        return CovariateColumn(column.name, lowest)
    codes = np.where(np.isnan(lowest), -1, lowest).astype(np.int32)
    return CovariateColumn(column.name, codes, column.categories)
