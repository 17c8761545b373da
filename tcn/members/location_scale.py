"""A head for distributions that a location and a scale move and stretch."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.distributions import get
from tcn.distributions.location_scale import LocationScale
from tcn.members.head import MemberHead
from tcn.members.origin import OriginView

__all__ = ["MemberLocationScaleHead"]


@keras.saving.register_keras_serializable(package="tcn")
class MemberLocationScaleHead(MemberHead):
    """Location and scale of a distribution of each step ahead, as quantiles.

    Two numbers of a step make all of its quantiles, so there is less to learn than with a number for each,
    and less that can be said: intervals are symmetric, and of one form.

    Args:
        horizon: Steps ahead.
        quantiles: Probabilities, strictly increasing in (0, 1), an odd number with 0.5 in the middle.
        distribution: "normal" or "laplace", whose tails are longer.
        hidden: Units inside the residual blocks.
        blocks: Number of residual blocks.
        dropout: Share of hidden units that training switches off, the same ones for all origins of a chunk.
        members: Independent copies of the head.
        seed: Integer that fixes initial weights and dropout.

    Input shape:
        As of `MemberQuantileHead`; `known` has a last axis of 2.

    Output shape:
        `(members, batch, origins, horizon, quantiles)`.

    Raises:
        ValueError: If the quantiles are not as described, or the distribution has a shape beside location and
            scale.

    Example:
        >>> import numpy as np
        >>> from tcn.members import MemberLocationScaleHead
        >>> head = MemberLocationScaleHead(horizon=2, quantiles=(0.1, 0.5, 0.9), hidden=4)
        >>> quantiles = np.asarray(head(np.ones((1, 1, 1, 8)), np.zeros((1, 1, 1, 2))))
        >>> low, middle, high = np.moveaxis(quantiles, -1, 0)
        >>> bool(np.allclose(high - middle, middle - low, atol=1e-6))
        True
    """

    def __init__(
        self, horizon: int, quantiles: Sequence[float], distribution: Any = "normal", **kwargs: Any
    ) -> None:
        super().__init__(horizon, quantiles, **kwargs)
        self.distribution = get(distribution)
        if not isinstance(self.distribution, LocationScale) or self.distribution.size != 2:
            raise ValueError(
                "'distribution' must have a location and a scale, and nothing else. "
                f"Received: distribution={distribution!r}"
            )
        self.standard = self.distribution.standard_quantile(np.array(self.quantiles))

    @property
    def outputs(self) -> int:
        """Location and scale."""
        return 2

    @property
    def linear_output(self) -> int:
        """Position of the location."""
        return 0

    def make_quantiles(self, out: Any, baseline: Any, view: OriginView | None, level: Any) -> Any:
        """Stretch and move the quantiles of the standard distribution."""
        location = out[..., :1] + baseline[..., None]
        return location + ops.softplus(out[..., 1:]) * self.standard

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        distribution = keras.saving.serialize_keras_object(self.distribution)
        return {**super().get_config(), "distribution": distribution}
