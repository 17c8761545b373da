"""What the parts of a network add to forecasts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tcn.inspection import forecast_contributions, origin_contributions
from tcn.models import ForkingTCN


def sizes_of_parts(
    network: ForkingTCN, inputs: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Mean size of what each part adds to the median at the last origin.

    Args:
        network: The network.
        inputs: As ``pipelines.runtime.gather`` makes them.

    Returns:
        Name of the part to ``(horizon,)``, in units of each window's scale.
    """
    shown = {name: values[None] for name, values in inputs.items()}
    found = origin_contributions(network, shown["series"], shown.get("ahead"), shown.get("static"))
    return {name: np.abs(part, dtype=np.float64).mean(axis=(0, 1, 2)) for name, part in found.parts.items()}


def parts_of_forecasts(
    network: ForkingTCN, inputs: Mapping[str, npt.NDArray[np.float32]], quantile: float
) -> dict[str, npt.NDArray[np.float64]]:
    """Divide a quantile at the last origin among the parts of the network that it comes from, exactly.

    Args:
        network: The network.
        inputs: As ``pipelines.runtime.gather`` makes them.
        quantile: Which of the network's quantiles.

    Returns:
        Name of the part to ``(batch, horizon)``, the mean over the members, in the units of the network's
        values; "level" first.
    """
    shown = {name: values[None] for name, values in inputs.items()}
    found = forecast_contributions(
        network, shown["series"], shown.get("ahead"), shown.get("static"), quantile
    )
    return {name: part.mean(axis=0)[:, 0] for name, part in found.parts.items()}
