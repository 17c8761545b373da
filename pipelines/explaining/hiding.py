"""What a forecast would have been, had some of the past not been observed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.explaining.subjects import Floats, Ints, Subject
from pipelines.explaining.targets import in_target_units
from pipelines.panel import CovariateColumn, Panel
from pipelines.preparing import prepare_again
from pipelines.runtime import gather

Mask = npt.NDArray[np.bool_]

# Seasons of history that are read again for each change. What lies further back than the field of a forecast
# matters by the usual size of changes alone, in which a weight halves every four seasons.
_SEASONS: Final = 100
_LEAST: Final = 1000
# Rows of all copies that are read at once.
_ROWS: Final = 2**20
# Stretches of the past that are hidden one by one, where nobody chooses their width.
_STRETCHES: Final = 128
_SHARES: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7)
_RANDOM_ORDERS: Final = 5


def auto_width(field: int) -> int:
    """Choose how many steps to hide at once: so many that there are at most 128 stretches."""
    return -(-field // _STRETCHES)


def hidden_steps(subject: Subject, width: int) -> Floats:
    """Find what each stretch of the past adds to a forecast: the forecast less that without the stretch.

    Args:
        subject: What is explained.
        width: Steps that are hidden together, counted from the origin.

    Returns:
        ``(field, horizon)`` in the units of the target, the origin last; steps of a stretch have its number.
    """
    field = len(subject.rows)
    stretch = (field - 1 - np.arange(field)) // width
    masks = stretch == np.arange(stretch.max() + 1)[:, None]
    return changes_when_hidden(subject, masks)[stretch]


def deletion_curves(subject: Subject, importance: Mapping[str, Floats], seed: int = 0) -> dict[str, Floats]:
    """Hide more and more of the past, the most important steps first, and see how far the forecast moves.

    Args:
        subject: What is explained.
        importance: Name of an order to ``(field,)`` how much each step matters.
        seed: Fixes random orders, whose mean is "random".

    Returns:
        "share" to ``(shares,)`` the part of the observed steps that is hidden, and the name of each order to
        ``(shares,)`` the mean distance that the forecast moves by.
    """
    seen = np.flatnonzero(np.isfinite(subject.values))
    rng = np.random.default_rng(seed)
    orders = {name: seen[np.argsort(-weights[seen], kind="stable")] for name, weights in importance.items()}
    orders |= {f"random {i}": rng.permutation(seen) for i in range(_RANDOM_ORDERS)}
    counts = np.unique(np.round(np.array(_SHARES) * len(seen)).astype(np.int64).clip(min(1, len(seen))))
    masks = np.zeros((len(orders), len(counts), len(subject.rows)), bool)
    for number, order in enumerate(orders.values()):
        for place, count in enumerate(counts):
            masks[number, place, order[:count]] = True
    moved = np.abs(changes_when_hidden(subject, masks.reshape(-1, masks.shape[-1]))).mean(axis=1)
    by_order = dict(zip(orders, moved.reshape(len(orders), -1), strict=True))
    found = {name: by_order[name] for name in importance}
    found["random"] = np.mean([by_order[f"random {i}"] for i in range(_RANDOM_ORDERS)], axis=0)
    return {"share": counts / max(len(seen), 1)} | found


def changes_when_hidden(subject: Subject, masks: Mask) -> Floats:
    """Forecast with values of the past taken out of the data, and everything derived from them anew.

    What is hidden is missing, as a value that was not observed is: the network knows how to read that.

    Args:
        subject: What is explained.
        masks: ``(n, field)`` which of the steps to hide.

    Returns:
        ``(n, horizon)`` the forecast less that without the steps, in the units of the target.
    """
    from pipelines.network import forecast_inputs

    fitted, context = subject.fitted, subject.network.context
    read, shown = [], []
    for panel, future, series, rows in _variants(subject, np.concatenate([masks[:1] & False, masks])):
        table, _ = prepare_again(
            fitted.settings, fitted.plan, fitted.covariates, fitted.transform, panel, future
        )
        read.append((table, series, rows))
        shown.append(gather(table, series, rows, context + 1))
    inputs = {name: np.concatenate([each[name] for each in shown]) for name in shown[0]}
    made = forecast_inputs(subject.network, inputs, subject.quantile)[:, None]
    parts = np.split(made, np.cumsum([len(series) for _, series, _ in read])[:-1])
    forecasts = np.concatenate(
        [in_target_units(*place, part)[:, 0] for place, part in zip(read, parts, strict=True)]
    )
    changes: Floats = forecasts[:1] - forecasts[1:]
    return changes


def _variants(
    subject: Subject, masks: Mask
) -> Iterator[tuple[Panel, tuple[CovariateColumn, ...], Ints, Ints]]:
    """Panels without the hidden values, what is known ahead, and the series and rows to forecast from."""
    panel, future, series = subject.panel, subject.future, subject.series
    since_end = int(panel.indptr[series + 1]) - 1 - subject.row
    history = max(_LEAST, _SEASONS * subject.fitted.plan.season_length, 2 * masks.shape[1])
    panel = panel.tail(history + since_end)
    if not subject.fitted.settings.multivariate:
        horizon = subject.fitted.plan.horizon
        own = slice(series * horizon, (series + 1) * horizon)
        future = tuple(_part(column, own) for column in future)
        panel, series = panel.select([series]), 0
    row = int(panel.indptr[series + 1]) - 1 - since_end
    of_mask = slice(row + 1 - masks.shape[1], row + 1)
    copies = 1 if subject.fitted.settings.multivariate else max(1, _ROWS // panel.n_rows)
    for i in range(0, len(masks), copies):
        some = masks[i : i + copies]
        values = np.tile(panel.values, (len(some), 1))
        values[:, of_mask][some] = np.nan
        if subject.fitted.settings.multivariate:
            yield replace(panel, values=values[0]), future, np.array([series]), np.array([row])
        else:
            many = np.arange(len(some))
            yield (
                _repeated(panel, values),
                tuple(_tiled(column, len(some)) for column in future),
                many,
                many * panel.n_rows + row,
            )


def _repeated(panel: Panel, values: Floats) -> Panel:
    """Copies of a series under its own id, with other values."""
    count = len(values)
    return replace(
        panel,
        ids=np.repeat(panel.ids, count),
        values=values.ravel(),
        indptr=np.arange(count + 1) * panel.n_rows,
        starts=np.repeat(panel.starts, count),
        covariates=tuple(_tiled(column, count) for column in panel.covariates),
        static=tuple(_tiled(column, count) for column in panel.static),
    )


def _tiled(column: CovariateColumn, count: int) -> CovariateColumn:
    return CovariateColumn(column.name, np.tile(column.values, count), column.categories)


def _part(column: CovariateColumn, some: slice) -> CovariateColumn:
    return CovariateColumn(column.name, column.values[some], column.categories)
