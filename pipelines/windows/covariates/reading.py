"""The covariates that a panel holds, and whether they reach as far as forecasts need them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.covariates import Covariates
from pipelines.errors import PanelError
from pipelines.panel import CovariateColumn, Panel, show
from pipelines.windows.covariates.scales import ColumnScale

Ints = npt.NDArray[np.int64]


class PanelColumns(NamedTuple):
    """Columns in the order in which they are asked for.

    Attributes:
        rows: Past, then future columns, ``(rows,)`` each.
        static: Static columns, ``(series,)`` each.
    """

    rows: tuple[CovariateColumn, ...]
    static: tuple[CovariateColumn, ...]


def columns_of(covariates: Covariates, panel: Panel) -> PanelColumns:
    """Take the columns that are asked for from a panel.

    Args:
        covariates: What is asked for.
        panel: The rows.

    Returns:
        The columns.

    Raises:
        PanelError: If one is not there.
    """
    rows = {column.name: column for column in panel.covariates}
    static = {column.name: column for column in panel.static}
    for name in covariates.rows:
        if name not in rows:
            raise PanelError(
                f"The panel must hold the covariate {name!r}. Received: "
                f"{', '.join(map(repr, rows)) or 'none'}; read it with Panel.from_frame(df, covariates=...), "
                "or pass the frame itself."
            )
    for name in covariates.static:
        if name not in static:
            raise PanelError(
                f"The static covariate {name!r} must be a column of the data, constant in each series, or "
                f"of a static frame. Received: {', '.join(map(repr, static)) or 'none'}; pass static=, a row "
                "per series."
            )
    return PanelColumns(
        tuple(rows[name] for name in covariates.rows), tuple(static[name] for name in covariates.static)
    )


def check_targets(panel: Panel, steps: Mapping[str, int], series: Ints, newest: Ints) -> None:
    """Refuse origins of a backtest whose horizon runs beyond what is known of a future column.

    Args:
        panel: The rows of the backtest.
        steps: Future column to the number of steps ahead that it is known for.
        series: ``(runs,)`` positions of series.
        newest: ``(runs,)`` row of the newest origin of each.

    Raises:
        PanelError: If a column ends before a horizon does.
    """
    for column in (column for column in panel.covariates if column.name in steps):
        row = np.where(column.missing, -1, np.arange(panel.n_rows))
        last_known = np.maximum.reduceat(row, panel.indptr[:-1])[series]
        needed = newest + steps[column.name]
        short = np.flatnonzero(last_known < needed)
        if not len(short):
            continue
        run = int(short[0])
        i = int(series[run])
        first = max(int(last_known[run]) + 1, int(panel.indptr[i]))
        begin, end = panel.frame_time(panel.stamps(i)[[first, int(needed[run])] - panel.indptr[i]])
        others = f", and {len(short) - 1} more series" * (len(short) > 1)
        raise PanelError(
            f"A backtest needs {column.name!r} for every step that it forecasts. Received: none for series "
            f"{show(panel.ids[i])} from {begin} to {end}{others}; fill it in, or leave these rows out."
        )


def surprises(
    scales: Collection[ColumnScale], columns: PanelColumns, future: tuple[CovariateColumn, ...]
) -> tuple[str, ...]:
    """Say where there are categories, or missing values, that the fit did not see.

    Args:
        scales: What the fit learned.
        columns: Columns of a panel.
        future: Columns of the steps ahead.

    Returns:
        Lines.
    """
    known = {scale.name: scale for scale in scales}
    here = (*columns.rows, *columns.static)
    # Steps ahead may lack what their lag does not let be known.
    notes = [known[column.name].lacking(column) for column in here]
    notes += [known[column.name].unseen(column) for column in (*here, *future)]
    return tuple(dict.fromkeys(note for note in notes if note is not None))
