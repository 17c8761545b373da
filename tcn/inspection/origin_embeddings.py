"""What a network makes of the past at each origin, as vectors."""

from typing import Any

import numpy as np

from tcn.inspection.recording import recorded
from tcn.inspection.running import as_array
from tcn.models.forking import ForkingTCN

__all__ = ["origin_embeddings"]


def origin_embeddings(
    network: ForkingTCN, inputs: Any, ahead: Any = None, static: Any = None, stride: int = 1
) -> np.ndarray:
    """Compute the last features of a `ForkingTCN` at each origin: what its output layer reads.

    Windows come scaled, each by itself, and so do these features: those of a series and of a multiple of it
    are the same. Each member has features of its own, normalized to a mean square of 1.

    Args:
        network: A built network.
        inputs: As for `ForkingTCN.forecast_members`, as are the others.
        ahead: Features of the steps ahead, or None.
        static: Features of the series, or None.
        stride: Steps from one origin to the next.

    Returns:
        `(batch, origins, members * width)`.

    Example:
        >>> import numpy as np
        >>> from tcn.inspection import origin_embeddings
        >>> from tcn.models import ForkingTCN
        >>> network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=4, dilations=(1, 2), width=16, members=2)
        >>> network.build((None, None, 5))
        >>> origin_embeddings(network, np.ones((1, 5, network.context + 3, 5), "float32")).shape
        (5, 3, 32)
    """
    with recorded({"last": network.head.norms[-1]}) as calls:
        network.forecast_members(inputs, ahead=ahead, static=static, stride=stride)
    features = np.moveaxis(as_array(calls["last"].outputs), 0, -2)  # (batch, origins, members, width)
    return features.reshape(*features.shape[:2], -1)
