"""Forecasts at many origins: the dilated stack runs once over a series, whatever the number of origins."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.network.gather import DeviceTable
from pipelines.windows import SeriesTable, in_original_units

# Floats that the windows of one call may hold.
_BUDGET = 4_000_000
# Network to its compiled functions by stride. These must not hold the network, or it would never be freed.
_COMPILED: weakref.WeakKeyDictionary[Any, dict[int, Callable[..., Any]]] = weakref.WeakKeyDictionary()


def forecast_origins(
    network: Any,
    table: SeriesTable,
    series: npt.NDArray[np.int64],
    newest: npt.NDArray[np.int64],
    count: int = 1,
    stride: int = 1,
) -> npt.NDArray[np.float64]:
    """Forecast from ``count`` origins of each given series, ``stride`` rows apart.

    Until a series has changed for the first time, its forecast is the value that it has had so far, and 0
    before there is one.

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
    width = max(network.lookback, network.horizon * _numbers_of_a_step(network)) * network.members
    # Far apart, origins share nothing worth computing together.
    run = 1 if stride > network.context else min(count, max(1, _BUDGET // (8 * width)))
    parts = -(-count // run)
    # A power of two, so that panels of about the same size share a compiled function.
    most = max(1, _BUDGET // (run * width))
    batch = min(1 << (len(series) * parts - 1).bit_length(), 1 << (most.bit_length() - 1))
    before = network.context + (run - 1) * stride + 1
    device = DeviceTable.from_table(table)
    forecast = _compiled(network, stride if run > 1 else 1)

    # The newest part comes last; the oldest may reach past the first wanted origin.
    ends = newest[:, None] - stride * run * np.arange(parts - 1, -1, -1)
    which, last = np.repeat(series, parts).astype(np.int32), ends.ravel().astype(np.int32)
    total = len(which)
    filled = -(-total // batch) * batch
    which, last = np.resize(which, filled), np.resize(last, filled)
    out = np.empty((total, run, network.horizon, len(network.quantiles)), np.float32)
    for k in range(0, filled, batch):
        chosen = which[k : k + batch], last[k : k + batch]
        inputs, _ = device.chunk(*chosen, before, 0)
        features = device.features(*chosen, (run - 1) * stride)
        out[k : k + batch] = forecast(inputs, features).numpy()[: total - k]
    out = out.reshape(len(series), parts * run, *out.shape[2:])[:, parts * run - count :]
    return in_original_units(out, table, series, newest[:, None] - stride * np.arange(count - 1, -1, -1))


def _numbers_of_a_step(network: Any) -> int:
    """Floats that a step ahead of an origin takes: its quantiles, or what they are made of."""
    return len(network.quantiles) if network.ahead is None else 2 * network.ahead.hidden


def _compiled(network: Any, stride: int) -> Callable[..., Any]:
    """Return the compiled function from inputs and features to the mean forecast of the members."""
    functions = _COMPILED.setdefault(network, {})
    if stride not in functions:
        owner = weakref.ref(network)

        @tf.function(jit_compile=True, autograph=False)
        def forecast(inputs: Any, features: dict[str, Any]) -> Any:
            shared = {name: values[None] for name, values in features.items()}
            members = owner().forecast_members(inputs[None], **shared, stride=stride)  # type: ignore[union-attr]
            return tf.reduce_mean(members, axis=0)

        functions[stride] = forecast
    return functions[stride]
