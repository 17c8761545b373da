"""A head for values that are often zero."""

from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.members.head import MemberHead
from tcn.members.origin import OriginView

__all__ = ["MemberHurdleHead"]

# A value so near to zero, in units of the window's scale, is zero: float32 holds seven digits.
NEAR_ZERO = 1e-4
# Bound on what the network adds to the logarithm of the usual size, and to the logit of a zero.
FARTHEST = 6.0
# Quantiles of the sizes start there, where their slope is not too steep to learn from.
LEAST = 1e-3
LEAST_SHAPE, SHAPE_BIAS = 0.05, 0.5


@keras.saving.register_keras_serializable(package="tcn")
class MemberHurdleHead(MemberHead):
    """Probability of a zero, and a Weibull distribution of the sizes otherwise: for intermittent demand.

    A forecast crosses two hurdles: is there anything, and how much. With the probability p of a zero, the
    quantile of a probability q up to p is 0, and above it that of the sizes at u = (q - p) / (1 - p), which
    is `size * (-log(1 - u)) ** shape`. Both start from what the window shows: the share of its zeros, and the
    mean of its other values; the network adds to their logit and logarithm.

    Args:
        horizon: Steps ahead.
        quantiles: Probabilities, strictly increasing in (0, 1), an odd number with 0.5 in the middle.
        hidden: Units inside the residual blocks.
        blocks: Number of residual blocks.
        dropout: Share of hidden units that training switches off, the same ones for all origins of a chunk.
        members: Independent copies of the head.
        seed: Integer that fixes initial weights and dropout.

    Input shape:
        State `(members, batch, origins, width)`, a `baseline` `(members, batch, origins, horizon)` that is
        added to the logarithm of the size and, where more is known of the steps ahead, `known` `(members,
        batch, origins, horizon, 3)`, which is added to the numbers; the `view` of the window, and the `level`
        of its location, `(members or 1, batch, origins, 1)`, in units of its scale.

    Output shape:
        `(members, batch, origins, horizon, quantiles)`, relative to the view's location, in units of its
        scale: where a quantile is zero, that is minus the level.

    Raises:
        ValueError: If the quantiles are not as described, or there is no view.

    Example:
        >>> from tcn.members import MemberHurdleHead
        >>> MemberHurdleHead(horizon=2, quantiles=(0.1, 0.5, 0.9)).outputs  # of zero, size, shape
        3

    Reference:
        Cragg (1971), Some Statistical Models for Limited Dependent Variables; Croston (1972), Forecasting and
        Stock Control for Intermittent Demands, for looking at intervals and sizes apart.
    """

    @property
    def outputs(self) -> int:
        """Logit of a zero, logarithm of the size, shape."""
        return 3

    @property
    def linear_output(self) -> int:
        """Position of the size."""
        return 1

    def make_quantiles(self, out: Any, baseline: Any, view: OriginView | None, level: Any) -> Any:
        """Quantiles of the two parts together."""
        if view is None:
            raise ValueError("A hurdle must be given the 'view' of the window. Received: view=None")
        zero, size, shape = (out[..., i] for i in range(3))
        odds, usual = self._window(view, level)
        zero = ops.sigmoid(odds + ops.clip(zero, -FARTHEST, FARTHEST))[..., None]
        size = usual * ops.exp(ops.clip(size + baseline, -FARTHEST, FARTHEST))
        shape = LEAST_SHAPE + ops.softplus(ops.minimum(shape, FARTHEST) + SHAPE_BIAS)
        u = (np.asarray(self.quantiles, "float32") - zero) / (1.0 - zero)
        hazard = -ops.log1p(-ops.maximum(u, LEAST))
        sizes = size[..., None] * ops.exp(shape[..., None] * ops.log(hazard))
        return ops.where(u > 0.0, sizes, 0.0) - level[..., None]

    @staticmethod
    def _window(view: OriginView, level: Any) -> tuple[Any, Any]:
        """Logit of the share of zeros, and mean of the other values, `(members, batch, origins, 1)` each."""
        height = view.window + level
        positive = ops.cast(height > NEAR_ZERO * (1.0 + ops.abs(level)), height.dtype) * view.observed
        count = ops.sum(positive, axis=-1, keepdims=True)
        known = ops.sum(view.observed, axis=-1, keepdims=True)
        odds = ops.log((known - count + 1.0) / (count + 1.0))
        # The usual change, in units of the scale, counts as one more value.
        change = ops.maximum(known + 1.0 - ops.sum(ops.abs(view.window), axis=-1, keepdims=True), 0.1)
        return odds, (ops.sum(height * positive, axis=-1, keepdims=True) + change) / (count + 1.0)
