"""Outputs over a horizon."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.layers.checks import known_channels
from tcn.members.dense import MemberDense
from tcn.members.gated import MemberRMSNorm
from tcn.members.origin import OriginView

__all__ = ["MemberHead", "MemberQuantileHead"]

# softplus(-1.5) is 0.2: neighboring deciles start about as far apart as those of noise of the window's scale.
SPREAD_BIAS = 1.5


class MemberHead(keras.layers.Layer):
    """Base of heads: residual feed-forward blocks, then numbers of each step that quantiles are made of.

    Subclasses say how many numbers there are, and make the quantiles of them.

    Args:
        horizon: Steps ahead.
        quantiles: Probabilities, strictly increasing in (0, 1), an odd number with 0.5 in the middle.
        hidden: Units inside the residual blocks.
        blocks: Number of residual blocks.
        dropout: Share of hidden units that training switches off, the same ones for all origins of a chunk.
        members: Independent copies of the head.
        seed: Integer that fixes initial weights and dropout.

    Raises:
        ValueError: If the quantiles are not as described.

    Example:
        >>> from tcn.members import MemberHead, MemberQuantileHead
        >>> issubclass(MemberQuantileHead, MemberHead)
        True
    """

    def __init__(
        self,
        horizon: int,
        quantiles: Sequence[float],
        hidden: int = 256,
        blocks: int = 2,
        dropout: float = 0.2,
        members: int = 1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.quantiles = tuple(float(q) for q in quantiles)
        self.middle = len(self.quantiles) // 2
        ordered = all(a < b for a, b in zip((0.0, *self.quantiles), (*self.quantiles, 1.0), strict=True))
        if not ordered or len(self.quantiles) % 2 == 0 or self.quantiles[self.middle] != 0.5:
            raise ValueError(
                "'quantiles' must increase strictly inside (0, 1) with 0.5 in the middle. "
                f"Received: quantiles={self.quantiles}"
            )
        if horizon < 1:
            raise ValueError(f"'horizon' must be at least 1. Received: horizon={horizon}")
        self.horizon = horizon
        self.hidden = hidden
        self.blocks = blocks
        self.dropout = dropout
        self.members = members
        self.seed = seed
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.norms = [MemberRMSNorm(members, name=f"norm_{i}", **own) for i in range(blocks + 1)]
        self.up = [
            MemberDense(hidden, members, seed=seed + 2 * i, name=f"up_{i}", **own) for i in range(blocks)
        ]
        self.drop = [
            keras.layers.Dropout(
                dropout, noise_shape=(members, None, 1, hidden), seed=seed + i, name=f"drop_{i}", **own
            )
            for i in range(blocks)
        ]
        self.down: list[Any] = []
        self.out = MemberDense(
            horizon * self.outputs, members, scale=0.3, seed=seed + 2 * blocks, name="out", **own
        )

    @property
    def outputs(self) -> int:
        """Numbers of each step ahead."""
        raise NotImplementedError

    @property
    def linear_output(self) -> int:
        """Position among them of the one that says how high the forecast is."""
        raise NotImplementedError

    def make_quantiles(self, out: Any, baseline: Any, view: OriginView | None, level: Any) -> Any:
        """Make quantiles of the numbers; for the arguments see `MemberQuantileHead`.

        Args:
            out: `(members, batch, origins, horizon, outputs)`.
            baseline: `(members, batch, origins, horizon)`.
            view: What the origins know of their windows, or None.
            level: Distance of the view's location from zero, in units of its scale, `(members or 1, batch,
                origins, 1)`, or None.

        Returns:
            `(members, batch, origins, horizon, quantiles)`.
        """
        raise NotImplementedError

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        width = known_channels(input_shape)
        self.down = [
            MemberDense(
                width,
                self.members,
                scale=0.5,
                seed=self.seed + 2 * i + 1,
                dtype=self.dtype_policy,
                name=f"down_{i}",
            )
            for i in range(self.blocks)
        ]
        for norm in self.norms:
            norm.build(input_shape)
        for up, down in zip(self.up, self.down, strict=True):
            up.build(input_shape)
            down.build((*input_shape[:-1], self.hidden))
        self.out.build(input_shape)

    def call(
        self,
        state: Any,
        baseline: Any,
        known: Any = None,
        view: OriginView | None = None,
        level: Any = None,
        training: bool = False,
    ) -> Any:
        """Turn the states of origins into their quantiles."""
        for norm, up, drop, down in zip(self.norms, self.up, self.drop, self.down, strict=False):
            state = state + down(drop(ops.silu(up(norm(state))), training=training))
        out = self.out(self.norms[-1](state))
        out = ops.reshape(out, (*ops.shape(out)[:-1], self.horizon, self.outputs))
        if known is not None:
            out = out + known
        return self.make_quantiles(out, baseline, view, level)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "quantiles": list(self.quantiles),
            "hidden": self.hidden,
            "blocks": self.blocks,
            "dropout": self.dropout,
            "members": self.members,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="tcn")
class MemberQuantileHead(MemberHead):
    """Residual feed-forward blocks, then a median and non-negative spreads to both sides of it.

    Quantiles are the median plus cumulative sums of spreads, so they can never cross.

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
        added to the median and, where more is known of the steps ahead, `known` `(members, batch, origins,
        horizon, quantiles)`, which is added to what median and spreads are made of. What other heads ask for,
        the `view` of the window and its `level`, does not matter to this one.

    Output shape:
        `(members, batch, origins, horizon, quantiles)`.

    Raises:
        ValueError: If the quantiles are not as described.

    Example:
        >>> import numpy as np
        >>> from tcn.members import MemberQuantileHead
        >>> head = MemberQuantileHead(horizon=2, quantiles=(0.1, 0.5, 0.9), hidden=4)
        >>> quantiles = np.asarray(head(np.ones((1, 5, 7, 8)), np.zeros((1, 5, 7, 2))))
        >>> quantiles.shape, bool((np.diff(quantiles) >= 0).all())
        ((1, 5, 7, 2, 3), True)
    """

    @property
    def outputs(self) -> int:
        """One number for each quantile."""
        return len(self.quantiles)

    @property
    def linear_output(self) -> int:
        """Position of the median."""
        return self.middle

    def make_quantiles(self, out: Any, baseline: Any, view: OriginView | None, level: Any) -> Any:
        """Add up spreads to both sides of the median."""
        median = out[..., self.middle : self.middle + 1] + baseline[..., None]
        spread = ops.softplus(out - SPREAD_BIAS)
        above = ops.cumsum(spread[..., self.middle + 1 :], axis=-1)
        below = ops.flip(ops.cumsum(ops.flip(spread[..., : self.middle], axis=-1), axis=-1), axis=-1)
        return ops.concatenate([median - below, median, median + above], axis=-1)
