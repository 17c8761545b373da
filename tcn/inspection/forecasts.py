"""What the parts of a forking network add to a quantile that it forecasts, in the units of its values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from keras import ops

from tcn.inspection.origins import Divided, divide
from tcn.inspection.running import as_array
from tcn.models.forking import ForkingTCN

__all__ = ["ForecastContributions", "forecast_contributions"]

# A number of the head that is nearer to 0 has no slope to be read off its way from there; in its own units,
# which are of the size of 1.
_NEAR: Final = 0.01


@dataclass(frozen=True, eq=False)
class ForecastContributions:
    """What parts of a `ForkingTCN` add to a quantile: `output = sum(parts.values())`.

    Attributes:
        parts: Name to `(members, batch, origins, horizon)`, in the units of the values: "level", where the
            window stands, what the network says if all that its head is told is 0; then the parts of
            `origin_contributions`.
        output: The quantile that each member forecasts, of the same shape.

    Example:
        >>> import numpy as np
        >>> from tcn.models import ForkingTCN
        >>> network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=4, dilations=(1, 2))
        >>> network.build((None, None, 5))
        >>> from tcn.inspection import forecast_contributions
        >>> found = forecast_contributions(network, np.ones((1, 1, network.context + 1, 5), "float32"))
        >>> next(iter(found.parts)), found.output.shape
        ('level', (1, 1, 1, 3))
    """

    parts: Mapping[str, np.ndarray]
    output: np.ndarray


def forecast_contributions(
    network: ForkingTCN, inputs: Any, ahead: Any = None, static: Any = None, quantile: float = 0.5
) -> ForecastContributions:
    """Divide a quantile that a `ForkingTCN` forecasts exactly among the parts that it comes from.

    A head makes quantiles of a few numbers of each step, and each number is a sum of parts (see
    `origin_contributions`). The median of most heads is one of these numbers, so that its parts are known.
    Where quantiles are no linear function of the numbers, these take their values one after the other,
    beginning at 0, in their order and in the reverse one. What a number changes on its way, on average over
    both, is shared by its parts in proportion.

    Args:
        network: A built network.
        inputs: As for `ForkingTCN.forecast_members`, as are the others.
        ahead: Features of the steps ahead, or None.
        static: Features of the series, or None.
        quantile: Which one; a probability that the network has.

    Returns:
        The contributions, after the calibration of the network. They sum to the output as float32 sums do.

    Raises:
        ValueError: If the network has no such quantile.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import forecast_contributions
        >>> from tcn.models import ForkingTCN
        >>> network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=4, dilations=(1, 2), head="hurdle")
        >>> network.build((None, None, 5))
        >>> x = np.ones((1, 1, network.context + 1, 5), "float32")
        >>> found = forecast_contributions(network, x, quantile=0.9)
        >>> list(found.parts)[:4]
        ['level', 'seasons', 'look-back', 'newest step']
        >>> bool(np.allclose(sum(found.parts.values()), found.output, atol=1e-5))
        True

    Reference:
        Shapley (1953), A Value for n-Person Games, for taking the mean over orders.
    """
    if quantile not in network.quantiles:
        raise ValueError(f"'quantile' must be one of {network.quantiles}. Received: quantile={quantile!r}")
    place = network.quantiles.index(quantile)
    found = divide(network, inputs, ahead, static)
    view = found.head.arguments["view"]
    location, scale = (_exact(part) for part in (view.location, view.scale))

    def forecast(numbers: np.ndarray) -> np.ndarray:
        """The quantile, relative to the location of the window and in units of its scale."""
        out = ops.convert_to_tensor(numbers.astype("float32"))
        made = network.head.make_quantiles(
            out, ops.zeros_like(out[..., 0]), view, found.head.arguments["level"]
        )
        return _exact(network._calibrated(made, view.last)[..., place])

    base, shares = _shares(forecast, found)
    parts = {"level": location + scale * base} | {name: scale * share for name, share in shares.items()}
    made = network._calibrated(found.head.outputs, view.last)[..., place]
    return ForecastContributions(parts, location + scale * _exact(made))


def _shares(
    function: Callable[[np.ndarray], np.ndarray], found: Divided
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What a function of the numbers is at 0, and what each part of them adds to that."""
    parts = {name: _exact(numbers) for name, numbers in found.numbers.items()}
    whole: np.ndarray = sum(parts.values(), np.zeros_like(parts["constant"]))
    changes = np.zeros_like(whole)
    every = range(whole.shape[-1])
    for order in (every, reversed(every)):
        numbers = np.zeros_like(whole)
        before = function(numbers)
        for output in order:
            numbers[..., output] = whole[..., output]
            after = function(numbers)
            changes[..., output] += (after - before) / 2
            before = after
    slopes = np.divide(changes, whole, out=np.zeros_like(whole), where=np.abs(whole) >= _NEAR)
    for output in every:
        near = np.abs(whole[..., output]) < _NEAR
        if near.any():
            slopes[..., output] = np.where(near, _slope(function, whole, output), slopes[..., output])
    shares = {name: (numbers * slopes).sum(axis=-1) for name, numbers in parts.items()}
    shares["constant"] += (changes - slopes * whole).sum(axis=-1)
    return function(np.zeros_like(whole)), shares


def _slope(function: Callable[[np.ndarray], np.ndarray], whole: np.ndarray, output: int) -> np.ndarray:
    """Slope of a function at some numbers, in one of them."""
    step = np.zeros_like(whole)
    step[..., output] = _NEAR
    slope: np.ndarray = (function(whole + step) - function(whole - step)) / (2 * _NEAR)
    return slope


def _exact(tensor: Any) -> np.ndarray:
    """A tensor as an array of float64."""
    array: np.ndarray = as_array(tensor).astype("float64")
    return array
