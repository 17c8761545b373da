"""Which of its inputs a forecast of a network comes from: forecasts of changed inputs, and gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tcn.inspection import EffectiveField, effective_field
from tcn.models import ForkingTCN

Inputs = Mapping[str, npt.NDArray[np.float32]]
Floats = npt.NDArray[np.float64]

# Numbers that the windows of one call may hold.
_BUDGET: Final = 2_000_000
# Steps ahead that the effective field is measured at.
_STEPS: Final = 8
# Points of a path, doubled until the gradients tell the whole change, or there are too many.
_FIRST: Final = 8
_MOST: Final = 64
# Rows of a batch that gradients are computed of.
_ROWS: Final = 128


class PathGradients(NamedTuple):
    """How far each input moves a forecast on the straight way from a baseline.

    Attributes:
        inputs: Name of the input to ``(horizon, *its shape)``; sums over all inputs to ``end - begin``, but
            for ``gap``.
        begin: ``(horizon,)`` forecast of the baseline.
        end: ``(horizon,)`` forecast of the inputs.
        points: Points of the path that were computed.
    """

    inputs: dict[str, Floats]
    begin: Floats
    end: Floats
    points: int

    @property
    def gap(self) -> Floats:
        """``(horizon,)`` what the inputs do not tell of the change."""
        told = [part.reshape(len(part), -1).sum(axis=1) for part in self.inputs.values()]
        gap: Floats = self.end - self.begin - np.sum(told, axis=0)
        return gap


def forecast_inputs(network: ForkingTCN, inputs: Inputs, quantile: float) -> Floats:
    """Forecast from inputs as they are, without compiling.

    Args:
        network: The network.
        inputs: As ``pipelines.runtime.gather`` makes them, ``(batch, ...)``.
        quantile: Which of the network's quantiles.

    Returns:
        ``(batch, horizon)`` in the units of the network's values.
    """
    batch = len(inputs["series"])
    size = max(1, _BUDGET // (network.members * 8 * max(network.context, network.horizon * 64)))
    parts = []
    for i in range(0, batch, size):
        some = {name: tf.constant(values[i : i + size]) for name, values in inputs.items()}
        parts.append(_forecast(network, some, quantile).numpy())
    return np.concatenate(parts).astype(np.float64)


def integrated_gradients(
    network: ForkingTCN, inputs: Inputs, baseline: Inputs, quantile: float, tolerance: float
) -> PathGradients:
    """Attribute the difference between the forecasts of inputs and of a baseline to single inputs.

    An input's share is its own distance from the baseline times the mean of the forecast's slope in it, along
    the straight line between both (Gauss-Legendre points).

    Args:
        network: The network.
        inputs: Of one origin, ``(1, ...)``.
        baseline: Of the same shapes.
        quantile: Which of the network's quantiles.
        tolerance: Share of the largest change of a step, by which none of the sums may miss it: points are
            doubled until none does, or there are 64.

    Returns:
        The attributions.

    Reference:
        Sundararajan, Taly, Yan (2017), Axiomatic Attribution for Deep Networks.
    """
    begin, end = (forecast_inputs(network, each, quantile)[0] for each in (baseline, inputs))
    limit = tolerance * np.abs(end - begin).max() + 1e-6 * np.abs(end).max()
    points = _FIRST
    while True:
        found = PathGradients(_along(network, inputs, baseline, quantile, points), begin, end, points)
        if np.abs(found.gap).max() <= limit or points >= _MOST:
            return found
        points *= 2


def _along(
    network: ForkingTCN, inputs: Inputs, baseline: Inputs, quantile: float, points: int
) -> dict[str, Floats]:
    """Attributions by so many points of the path.

    Rows of a batch do not touch each other, so the path is laid out once for each of some steps ahead, and
    one pass back gives the slopes of all of them.
    """
    places, weights = np.polynomial.legendre.leggauss(points)
    share = (places.astype(np.float32) + 1) / 2
    away = {name: inputs[name] - baseline[name] for name in inputs}
    path = {
        name: baseline[name] + share.reshape(-1, *(1,) * (change.ndim - 1)) * change
        for name, change in away.items()
    }
    found: dict[str, list[Floats]] = {name: [] for name in path}
    many = max(1, _ROWS // points)
    for first in range(0, network.horizon, many):
        steps = np.arange(first, min(first + many, network.horizon))
        rows = {
            name: tf.constant(np.tile(values, (len(steps), *(1,) * (values.ndim - 1))))
            for name, values in path.items()
        }
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(rows)
            own = tf.gather(
                _forecast(network, rows, quantile), np.repeat(steps, points), axis=1, batch_dims=1
            )
            total = tf.reduce_sum(own * np.tile(weights.astype(np.float32) / 2, len(steps)))
        slopes = tape.gradient(total, rows, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        for name, slope in slopes.items():
            change = away[name][0].astype(np.float64)
            of_step = slope.numpy().astype(np.float64).reshape(len(steps), points, *change.shape).sum(axis=1)
            # Where nothing changes there is nothing to attribute, however steep the slope.
            found[name].append(np.where(change == 0, 0.0, of_step) * change)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def used_field(network: ForkingTCN, inputs: Inputs, quantile: float) -> EffectiveField | None:
    """Find how far back forecasts depend on the values of their series.

    Args:
        network: The network.
        inputs: Of some dozens of origins, ``(batch, ...)``.
        quantile: Which of the network's quantiles.

    Returns:
        The effective field of up to eight steps ahead, every window in units of its own spread; None where no
        window changes, or none matters to the forecast.
    """
    values, observed = inputs["series"][..., 0], inputs["series"][..., 1] > 0
    count = np.maximum(observed.sum(axis=1, keepdims=True), 1)
    center = np.sum(values * observed, axis=1, keepdims=True, dtype=np.float64) / count
    away = np.where(observed, values - center, 0.0)
    spread = np.sqrt(np.sum(away**2, axis=1, keepdims=True) / count)
    moving = np.flatnonzero(spread[:, 0] > 0)
    if not len(moving):
        return None
    some = {name: part[moving] for name, part in inputs.items()}
    scale = spread[moving].astype(np.float32)
    try:
        return effective_field(
            _OfValues(network, some, scale, quantile), (some["series"][..., :1] / scale[..., None])
        )
    except ValueError:  # no value has an influence
        return None


class _OfValues:
    """A network as a function of the values of its series alone, both in units of the series' spread."""

    def __init__(self, network: ForkingTCN, inputs: Inputs, scale: Any, quantile: float) -> None:
        self.network, self.inputs, self.scale, self.quantile = network, inputs, scale, quantile

    def __call__(self, values: Any) -> Any:
        scale = self.scale[: values.shape[0]]
        inputs = {name: part[: values.shape[0]] for name, part in self.inputs.items()}
        series = tf.concat([values * scale[..., None], inputs["series"][..., 1:]], axis=-1)
        some = np.unique(np.linspace(0, self.network.horizon - 1, _STEPS).round().astype(np.int32))
        forecast = _forecast(self.network, {**inputs, "series": series}, self.quantile)
        return tf.gather(forecast, some, axis=1) / scale

    call: Callable[..., Any] = __call__


def _forecast(network: ForkingTCN, inputs: Mapping[str, Any], quantile: float) -> Any:
    """A quantile at the last origin of each input, ``(batch, horizon)``, as a tensor."""
    shown = {name: values[None] for name, values in inputs.items()}
    members = network.forecast_members(shown["series"], shown.get("ahead"), shown.get("static"))
    return tf.reduce_mean(members[..., network.quantiles.index(quantile)], axis=0)[:, 0]
