"""Forecasts at many origins: the dilated stack runs once over a series, whatever the number of origins."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.network.gather import DeviceTable
from pipelines.windows import SeriesTable

# Floats that the windows of one call may hold.
_BUDGET = 4_000_000


def forecast_origins(
    network: Any,
    table: SeriesTable,
    series: npt.NDArray[np.int64],
    newest: npt.NDArray[np.int64],
    count: int = 1,
    stride: int = 1,
) -> npt.NDArray[np.float64]:
    """Forecast from ``count`` origins of each given series, ``stride`` rows apart.

    Args:
        network: The network.
        table: The series.
        series: ``(runs,)`` positions of series.
        newest: ``(runs,)`` row of the newest origin of each run.
        count: Origins in a run.
        stride: Rows from one origin to the next.

    Returns:
        ``(runs, count, horizon, quantiles)`` in the original units, oldest origin first. Origins before a
        series' first row hold forecasts without meaning.
    """
    width = max(network.lookback, network.horizon * len(network.quantiles)) * network.members
    # Far apart, origins share nothing worth computing together.
    run = 1 if stride > network.context else min(count, max(1, _BUDGET // (8 * width)))
    parts = -(-count // run)
    batch = int(min(len(series) * parts, max(1, _BUDGET // (run * width))))
    before = network.context + (run - 1) * stride + 1
    device = DeviceTable.from_table(table)

    @tf.function(jit_compile=True, autograph=False)
    def step(values: Any, phase: Any, begin: Any, end: Any, offset: Any, which: Any, last: Any) -> Any:
        inputs, _ = DeviceTable(values, phase, begin, end, offset).chunk(which, last, before, 0)
        members = network.forecast_members(inputs[None], stride=stride)
        return tf.reduce_mean(members, axis=0)

    # The newest part comes last; the oldest may reach past the first wanted origin.
    ends = newest[:, None] - stride * run * np.arange(parts - 1, -1, -1)
    which, last = np.repeat(series, parts).astype(np.int32), ends.ravel().astype(np.int32)
    total = len(which)
    filled = -(-total // batch) * batch
    which, last = np.resize(which, filled), np.resize(last, filled)
    out = np.empty((total, run, network.horizon, len(network.quantiles)), np.float32)
    tensors = (device.values, device.phase, device.begin, device.end, device.offset)
    for k in range(0, filled, batch):
        piece = step(*tensors, which[k : k + batch], last[k : k + batch]).numpy()
        out[k : k + batch] = piece[: total - k]
    out = out.reshape(len(series), parts * run, *out.shape[2:])[:, parts * run - count :]
    shape = (-1, 1, 1, 1)
    return table.base[series].reshape(shape) + table.unit[series].reshape(shape) * out.astype(np.float64)
