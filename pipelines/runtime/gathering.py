"""What a network is shown at the last origin of each series, gathered with NumPy alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.windows import SeriesTable

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def gather(table: SeriesTable, series: Ints, origin: Ints, before: int) -> dict[str, Floats]:
    """Gather the rows up to an origin of each given series, and what is known in advance of those after it.

    Args:
        table: The series.
        series: ``(runs,)`` positions of series.
        origin: ``(runs,)`` row of the origin of each.
        before: Rows to gather up to and including the origin; those before the first are unobserved.

    Returns:
        Inputs of the network by name: ``"series"``, ``(runs, before, 5 + past channels)``; with covariates
        known ahead ``"ahead"``, ``(runs, horizon, features)``; with static ones ``"static"``, ``(runs,
        features)``.
    """
    row = origin[:, None] + np.arange(1 - before, 1)
    begin = table.indptr[series][:, None]
    inside = row >= begin
    row = np.maximum(row, begin)
    channels = [
        np.where(inside, table.values[row], np.float32(0)),
        inside & table.observed[row],
        np.broadcast_to(table.offset[series, None], row.shape),
        table.phase[row],
        np.where(inside, table.change[row], np.float32(0)),
    ]
    inputs = {"series": np.stack([part.astype(np.float32) for part in channels], axis=-1)}
    known = table.covariates
    if known is None:
        return inputs
    past = np.where(inside[..., None], known.past[row], np.float32(0))
    inputs["series"] = np.concatenate([inputs["series"], past], axis=-1)
    if known.ahead.shape[1]:
        # Each series has `horizon` rows more there than in the panel.
        ahead = origin + known.horizon * series
        inputs["ahead"] = known.ahead[ahead[:, None] + np.arange(1, known.horizon + 1)]
    if known.static.shape[1]:
        inputs["static"] = known.static[series]
    return inputs
