"""New series with the past of others before their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.panel import CovariateColumn, Panel
from pipelines.similarity.lenders import Lenders

Ints = npt.NDArray[np.int64]


class Lent(NamedTuple):
    """Series that begin with rows of a lender and end with those of a new series, one for each pair.

    Attributes:
        panel: They, numbered.
        owner: ``(runs,)`` position of the new series.
        own: ``(runs,)`` row at which its own values begin.
    """

    panel: Panel
    owner: Ints
    own: Ints


def lend(new: Panel, seen: Ints, pool: Panel, found: Sequence[Lenders], rows: int) -> Lent:
    """Put the past of lenders before the first values of new series, brought to their size.

    Covariates of such rows are those of the lender; static ones those of the new series.

    Args:
        new: The new series.
        seen: ``(series,)`` row of the first value of each.
        pool: The series that lend.
        found: The lenders of each new series, one at least in all.
        rows: Rows that a series shall have, if the lender has as many.

    Returns:
        The series.
    """
    owner = np.repeat(np.arange(new.n_series), [len(lenders.series) for lenders in found])
    lender, begin, factor, offset = (
        np.concatenate([getattr(lenders, name) for lenders in found])
        for name in ("series", "begin", "factor", "offset")
    )
    kept = (new.indptr[1:] - seen)[owner]
    lent = np.minimum(np.maximum(rows - kept, 0), begin - pool.indptr[lender])
    lengths = lent + kept
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    run = np.repeat(np.arange(len(owner)), lengths)
    row = np.arange(indptr[-1]) - indptr[run]
    is_lent = row < lent[run]
    # Rows of the pool, then those of the new series.
    source = np.where(is_lent, (begin - lent)[run] + row, pool.n_rows + seen[owner[run]] + row - lent[run])
    values = np.concatenate([pool.values, new.values])[source]
    with np.errstate(over="ignore"):
        values[is_lent] = (factor[run] * values + offset[run])[is_lent]
    values[~np.isfinite(values)] = np.nan
    panel = replace(
        new,
        ids=np.arange(len(owner)),
        values=values,
        indptr=indptr,
        starts=new.freq.advance(new.starts[owner], (seen - new.indptr[:-1])[owner] - lent),
        covariates=tuple(
            _stacked(theirs, ours).take(source)
            for theirs, ours in zip(pool.covariates, new.covariates, strict=True)
        ),
        static=tuple(column.take(owner) for column in new.static),
    )
    return Lent(panel, owner, indptr[:-1] + lent)


def _stacked(first: CovariateColumn, second: CovariateColumn) -> CovariateColumn:
    """The values of two columns of the same name, one after the other."""
    if first.categories is None and second.categories is None:
        return CovariateColumn(first.name, np.concatenate([first.values, second.values]))
    texts = tuple(sorted({*(first.categories or ()), *(second.categories or ())}))
    codes = [_codes(column, texts) for column in (first, second)]
    return CovariateColumn(first.name, np.concatenate(codes), texts)


def _codes(column: CovariateColumn, texts: tuple[str, ...]) -> npt.NDArray[np.int32]:
    """Positions of a column's categories in a longer list, -1 where missing; one of numbers has no value."""
    if column.categories is None:
        return np.full(len(column.values), -1, np.int32)
    place = np.array([*(texts.index(text) for text in column.categories), -1], np.int32)  # the last is of -1
    codes: npt.NDArray[np.int32] = place[column.values]
    return codes
