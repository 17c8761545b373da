"""A forecaster that computes every origin of a sequence in one causal pass."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.layers.checks import check_each_positive, check_positive, check_rate, check_seed
from tcn.members import (
    MemberDense,
    MemberGLUBlock,
    MemberQuantileHead,
    MemberRMSNorm,
    OriginWindow,
    PositionFeatures,
)
from tcn.memory import extend
from tcn.receptive_field import receptive_field

__all__ = ["ForkingTCN"]


@keras.saving.register_keras_serializable(package="tcn")
class ForkingTCN(keras.Model):
    """Dilated causal convolutions beside a long-kernel path, with a quantile head at every origin.

    Each origin is forecast from its own normalized look-back window (one long causal convolution and a linear
    skip) and from the state of a WaveNet-style stack that runs once over all steps. Several members with
    independent weights are computed as one batched network, and their quantiles are averaged.

    Two weights that training leaves at 1 are there to calibrate it afterwards: `shrink` multiplies the
    distance of the median from the last value, `widen` the distance of the other quantiles from the median.

    Args:
        horizon: Steps ahead.
        quantiles: Probabilities, strictly increasing, 0.5 in the middle.
        lookback: Steps of the long-kernel window.
        season_length: Steps in a season.
        phases: Number of calendar positions that the phase channel may hold; 1 to ignore it.
        filters: Channels of the dilated stack.
        kernel_size: Taps of its convolutions.
        dilations: Dilation rate of each of its blocks.
        width: Channels of an origin's state.
        hidden: Units inside the head's residual blocks.
        dropout: Dropout rate in the head.
        members: Size of the ensemble.
        seed: Integer that fixes all initial weights and dropout.

    Input shape:
        `(batch, time, 5)`: value (the last observed one where `observed` is 0), observed (0 or 1), offset
        (what to add to a value to get its level), phase, change (usual size of a change, which counts as one
        more observation when a window is scaled).

    Output shape:
        `(batch, time, horizon, quantiles)`, in the units of the values.

    Raises:
        ValueError: If a size is not a positive integer, `dropout` not a rate, or the quantiles are not as
            described.

    Example:
        >>> import numpy as np
        >>> from tcn.models import ForkingTCN
        >>> quantiles = (0.1, 0.5, 0.9)
        >>> network = ForkingTCN(horizon=3, quantiles=quantiles, lookback=8, dilations=(1, 2), members=2)
        >>> tuple(network(np.ones((1, 20, 5), "float32")).shape)
        (1, 20, 3, 3)

    Reference:
        van den Oord et al. (2016), WaveNet; Wen et al. (2017), A Multi-Horizon Quantile Recurrent Forecaster,
        for training at every origin ("forking sequences").
    """

    def __init__(
        self,
        horizon: int,
        quantiles: Sequence[float],
        lookback: int,
        season_length: int = 1,
        phases: int = 1,
        filters: int = 32,
        kernel_size: int = 3,
        dilations: Sequence[int] = (1, 2, 4, 8, 16),
        width: int = 128,
        hidden: int = 256,
        dropout: float = 0.2,
        members: int = 1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.horizon, self.lookback, self.season_length, self.phases = check_positive(
            horizon=horizon, lookback=lookback, season_length=season_length, phases=phases
        )
        self.filters, self.kernel_size, self.width, self.hidden, self.members = check_positive(
            filters=filters, kernel_size=kernel_size, width=width, hidden=hidden, members=members
        )
        [self.dilations] = check_each_positive(dilations=dilations)
        self.quantiles = tuple(float(q) for q in quantiles)
        [self.dropout] = check_rate(dropout=dropout)
        self.seed = check_seed(seed)

        seeds = iter(np.random.SeedSequence(self.seed).generate_state(16 + len(self.dilations)).tolist())
        self.windows = OriginWindow(self.lookback, self.season_length, name="windows")
        self.positions = PositionFeatures(self.season_length, name="positions")
        self.long_kernel = MemberDense(self.width, self.members, seed=next(seeds), name="long_kernel")
        self.stem = MemberDense(self.filters, self.members, seed=next(seeds), name="stem")
        self.blocks = [
            MemberGLUBlock(
                self.filters, self.kernel_size, rate, self.members, seed=next(seeds) // 2, name=f"block_{i}"
            )
            for i, rate in enumerate(self.dilations)
        ]
        self.norm = MemberRMSNorm(self.members, name="norm")
        self.project = MemberDense(self.width, self.members, seed=next(seeds), name="project")
        self.describe = MemberDense(self.width, self.members, seed=next(seeds), name="describe")
        self.embed = MemberDense(
            self.width, self.members, use_bias=False, scale=0.3, seed=next(seeds), name="embed"
        )
        self.head = MemberQuantileHead(
            self.horizon,
            self.quantiles,
            self.hidden,
            dropout=self.dropout,
            members=self.members,
            seed=next(seeds) // 16,
            name="head",
        )

    @property
    def receptive_field(self) -> int:
        """Steps that the dilated stack sees."""
        return receptive_field(self.kernel_size, self.dilations)

    @property
    def context(self) -> int:
        """Steps before an origin that its forecast can depend on."""
        return max(self.lookback - 1, self.receptive_field - 1 + self.positions.context)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        lead = (self.members, None, None)
        self.long_kernel.build((*lead, 2 * self.lookback))
        self.stem.build((*lead, 4))
        for block in self.blocks:
            block.build((*lead, self.filters))
        self.norm.build((*lead, self.filters))
        self.project.build((*lead, self.filters))
        self.describe.build((*lead, 6))
        if self.phases > 1:
            self.embed.build((*lead, self.phases))
        self.head.build((*lead, self.width))
        self.seasons = self.add_weight(
            name="seasons",
            shape=(self.members, self.lookback, self.horizon),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(
                np.broadcast_to(self._season_weights(), shape).copy(), dtype=dtype
            ),
        )

        self.shrink = self.add_weight(name="shrink", shape=(), initializer="ones", trainable=False)
        self.widen = self.add_weight(name="widen", shape=(), initializer="ones", trainable=False)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Forecast from every step, those without a full window included."""
        padded = extend(self, inputs, self.context)
        return ops.mean(self.forecast_members(padded[None], training=training), axis=0)

    def forecast_members(self, inputs: Any, stride: int = 1, training: bool = False) -> Any:
        """Forecast of each member at every `stride`-th step that has its whole context.

        Args:
            inputs: `(members or 1, batch, time, 5)`; a leading axis of 1 is shown to every member.
            stride: Steps from one origin to the next; the last step need not be an origin.
            training: Whether dropout is active.

        Returns:
            `(members, batch, (time - context - 1) // stride + 1, horizon, quantiles)`.
        """
        phase, rows = inputs[..., 3], [inputs[..., i] for i in (0, 1, 2, 4)]
        begin = self.context - (self.lookback - 1)
        view = self.windows(*(part[..., begin:] for part in rows), stride=stride)
        hidden, center, spread = self._stack(rows, stride)
        facts = [
            view.facts,
            ops.clip((view.location - center) / spread, -5.0, 5.0),
            ops.clip(ops.log(spread / view.scale), -3.0, 3.0),
        ]
        state = self.long_kernel(ops.concatenate([view.window, view.observed], axis=-1))
        state = state + self.project(self.norm(hidden)) + self.describe(ops.concatenate(facts, axis=-1))
        if self.phases > 1:
            index = ops.cast(phase[..., self.context :: stride], "int32")
            state = state + self.embed(ops.one_hot(index, self.phases, dtype=state.dtype))
        quantiles = self.head(state, self._repeat_seasons(view.window), training=training)
        return view.location[..., None] + view.scale[..., None] * self._calibrated(quantiles)

    def _calibrated(self, quantiles: Any) -> Any:
        """Apply what was found on data held out from training."""
        middle = len(self.quantiles) // 2
        median = quantiles[..., middle : middle + 1]
        return self.shrink * median + self.widen * (quantiles - median)

    def _stack(self, rows: list[Any], stride: int) -> tuple[Any, Any, Any]:
        """State of the dilated stack at the origins, with the center and scale of its channels there."""
        begin = self.context - (self.receptive_field - 1 + self.positions.context)
        channels, center, scale = self.positions(*(part[..., begin:] for part in rows))
        hidden = self.stem(channels)
        for block in self.blocks:
            hidden = block(hidden)
        first = self.receptive_field - 1
        return hidden[..., ::stride, :], center[..., first::stride, :], scale[..., first::stride, :]

    def _repeat_seasons(self, window: Any) -> Any:
        """Linear map of the window to the horizon, `(members, batch, origins, horizon)`."""
        lead, batch, origins, length = ops.shape(window)
        path = ops.matmul(ops.reshape(window, (lead, batch * origins, length)), self.seasons)
        return ops.reshape(path, (self.members, batch, origins, self.horizon))

    def _season_weights(self) -> np.ndarray:
        """Initial linear map: 0.6 of the same phase one season back, 0.3 of two seasons back."""
        weights = np.zeros((self.lookback, self.horizon), "float32")
        for step in range(self.horizon):
            newest = self.season_length - 1 - step % self.season_length
            for share, age in ((0.6, newest), (0.3, newest + self.season_length)):
                if age < self.lookback:
                    weights[self.lookback - 1 - age, step] = share
        return weights

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "quantiles": list(self.quantiles),
            "lookback": self.lookback,
            "season_length": self.season_length,
            "phases": self.phases,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilations": list(self.dilations),
            "width": self.width,
            "hidden": self.hidden,
            "dropout": self.dropout,
            "members": self.members,
            "seed": self.seed,
        }
