"""A forecaster that computes every origin of a sequence in one causal pass."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.integers import is_integer
from tcn.layers.checks import check_each_positive, check_positive, check_rate, check_seed
from tcn.members import (
    MemberAhead,
    MemberDense,
    MemberGLUBlock,
    MemberHurdleHead,
    MemberLocationScaleHead,
    MemberQuantileHead,
    MemberRMSNorm,
    MemberWaveNetBlock,
    OriginWindow,
    PositionFeatures,
)
from tcn.memory import extend
from tcn.ops import frames
from tcn.receptive_field import receptive_field

__all__ = ["ForkingTCN"]

# What quantiles are made by: class and arguments of each head.
_HEADS: dict[str, tuple[Any, dict[str, Any]]] = {
    "quantile": (MemberQuantileHead, {}),
    "hurdle": (MemberHurdleHead, {}),
    "normal": (MemberLocationScaleHead, {"distribution": "normal"}),
    "laplace": (MemberLocationScaleHead, {"distribution": "laplace"}),
}
_ARCHITECTURES = ("tcn", "wavenet")
# Covariates are clipped there, so that none of any size makes a forecast that is not finite.
_FARTHEST = 100.0


@keras.saving.register_keras_serializable(package="tcn")
class ForkingTCN(keras.Model):
    """Dilated causal convolutions beside a long-kernel path, with a quantile head at every origin.

    Each origin is forecast from its own normalized look-back window (one long causal convolution and a linear
    skip) and from the state of a WaveNet-style stack that runs once over all steps. Several members with
    independent weights are computed as one batched network, and their quantiles are averaged.

    Two weights that training leaves at 1 are there to calibrate it afterwards: `shrink` multiplies the
    distance of the median from the last value, `widen` the distance of the other quantiles from the median.

    A member sees each window relative to its last value and in units of its changes, which carries over to
    series of other sizes; or, with a global scale, values as they are, which keeps the level that covariates
    explain. Both together err less than either.

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
        past_channels: Further channels of the series that are known up to each step.
        ahead_features: Features of each step that are known before it.
        static_features: Features of a series that do not change.
        known_steps: Steps ahead for which each of the features ahead is known, where it is not the whole
            horizon: what stands beyond them is not looked at. None if all are known for all steps.
        further_seasons: Steps in each season beside the main one.
        global_scale: For each member, whether it sees levels, which should be of the size of 1, as they are;
            None if no member does.
        head: What quantiles are made of: "quantile", a number for each; "hurdle", a probability of zero and a
            distribution of the other values, for series that are often zero and never below; "normal" or
            "laplace", location and scale of that distribution.
        fill_gaps: Whether values that were not observed, but follow some that were, are read as they stand in
            the input, as an expectation, and count when windows are scaled; otherwise they are hidden. They
            are marked as missing either way.
        architecture: What the dilated stack is made of: "tcn", blocks that normalize what they read and add
            to it what a linear gate lets through, the last of which is the state; "wavenet", blocks gated by
            tanh and sigmoid, the sum of whose skip outputs is the state.

    Input shape:
        `(batch, time, 5 + past_channels)`: value (the last observed one where `observed` is 0), observed (0
        or 1), offset (what to add to a value to get its level), phase, change (usual size of a change, which
        counts as one more observation when a window is scaled), and what else is known of each step.

        With features ahead or static ones, a dictionary of that as `"series"`, of `"ahead"`, `(batch, time +
        horizon, ahead_features)`, whose step t is that of the series, and of `"static"`, `(batch,
        static_features)`; what there are no features of is left out. Such features, and further channels,
        should be of the size of 1; they are clipped at 100.

    Output shape:
        `(batch, time, horizon, quantiles)`, in the units of the values.

    Raises:
        ValueError: If a size is not a positive integer, a number of channels or features not an integer from
            0, `dropout` not a rate, the quantiles are not as described, `global_scale` does not have a flag
            for each member, there is no such head or architecture, or inputs are missing.

    Example:
        >>> import numpy as np
        >>> from tcn.models import ForkingTCN
        >>> quantiles = (0.1, 0.5, 0.9)
        >>> network = ForkingTCN(horizon=3, quantiles=quantiles, lookback=8, dilations=(1, 2), members=2)
        >>> tuple(network(np.ones((1, 20, 5), "float32")).shape)
        (1, 20, 3, 3)

        What is known of the three steps after the last one comes with it:

        >>> network = ForkingTCN(3, quantiles, lookback=8, dilations=(1, 2), ahead_features=2)
        >>> inputs = {"series": np.ones((1, 20, 5), "float32"), "ahead": np.ones((1, 23, 2), "float32")}
        >>> tuple(network(inputs).shape)
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
        past_channels: int = 0,
        ahead_features: int = 0,
        static_features: int = 0,
        known_steps: Sequence[int] | None = None,
        further_seasons: Sequence[int] = (),
        global_scale: Sequence[bool] | None = None,
        head: str = "quantile",
        fill_gaps: bool = False,
        architecture: str = "tcn",
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
        self.past_channels, self.ahead_features, self.static_features = _counts(
            past_channels=past_channels, ahead_features=ahead_features, static_features=static_features
        )
        self.known_steps = known_steps
        if known_steps is not None:
            [self.known_steps] = check_each_positive(known_steps=known_steps)
        self.further_seasons = tuple(further_seasons)
        if self.further_seasons:
            [self.further_seasons] = check_each_positive(further_seasons=further_seasons)
        self.global_scale = None if global_scale is None else tuple(map(bool, global_scale))
        if self.global_scale is not None and len(self.global_scale) != self.members:
            raise ValueError(
                f"'global_scale' must have a flag for each of the {self.members} members. "
                f"Received: global_scale={global_scale}"
            )

        if head not in _HEADS:
            raise ValueError(f"'head' must be one of {', '.join(_HEADS)}. Received: head={head!r}")
        self.head_name = head
        self.fill_gaps = fill_gaps
        if architecture not in _ARCHITECTURES:
            raise ValueError(
                f"'architecture' must be one of {', '.join(_ARCHITECTURES)}. "
                f"Received: architecture={architecture!r}"
            )
        self.architecture = architecture

        seeds = iter(np.random.SeedSequence(self.seed).generate_state(16 + len(self.dilations)).tolist())
        own: dict[str, Any] = {"further_seasons": self.further_seasons, "global_scale": self.global_scale}
        self.windows = OriginWindow(self.lookback, self.season_length, **own, name="windows")
        self.positions = PositionFeatures(self.season_length, **own, name="positions")
        self.long_kernel = MemberDense(self.width, self.members, seed=next(seeds), name="long_kernel")
        self.stem = MemberDense(self.filters, self.members, seed=next(seeds), name="stem")
        self.blocks = [self._block(i, next(seeds)) for i in range(len(self.dilations))]
        self.norm = MemberRMSNorm(self.members, name="norm")
        self.project = MemberDense(self.width, self.members, seed=next(seeds), name="project")
        self.describe = MemberDense(self.width, self.members, seed=next(seeds), name="describe")
        self.embed = MemberDense(
            self.width, self.members, use_bias=False, scale=0.3, seed=next(seeds), name="embed"
        )
        make, named = _HEADS[head]
        self.head = make(
            self.horizon,
            self.quantiles,
            **named,
            hidden=self.hidden,
            dropout=self.dropout,
            members=self.members,
            seed=next(seeds) // 16,
            name="head",
        )
        self.ahead = None
        if self.ahead_features:
            self.ahead = MemberAhead(
                self.horizon,
                self.head.outputs,
                linear_output=self.head.linear_output,
                known_steps=self.known_steps,
                dropout=self.dropout,
                members=self.members,
                seed=next(seeds) // 16,
                name="ahead",
            )

    @property
    def receptive_field(self) -> int:
        """Steps that a forecast depends on, that of its origin included."""
        return self.context + 1

    @property
    def stack_field(self) -> int:
        """Steps that the dilated stack alone sees."""
        return receptive_field(self.kernel_size, self.dilations)

    @property
    def context(self) -> int:
        """Steps before an origin that its forecast can depend on."""
        return max(self.lookback - 1, self.stack_field - 1 + self.positions.context)

    def build(self, input_shape: Any) -> None:
        """Create the weights; the shape of the inputs does not matter to them."""
        lead = (self.members, None, None)
        self.long_kernel.build((*lead, 2 * self.lookback))
        further = len(self.further_seasons)
        self.stem.build((*lead, 4 + further + self.past_channels))
        for block in self.blocks:
            block.build((*lead, self.filters))
        self.norm.build((*lead, self.filters))
        self.project.build((*lead, self.filters))
        self.describe.build((*lead, 6 + further + self.static_features))
        if self.phases > 1:
            self.embed.build((*lead, self.phases))
        self.head.build((*lead, self.width))
        if self.ahead is not None:
            self.ahead.build((*lead, self.width), (*lead, self.ahead_features))
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
        series, ahead, static = self._split(inputs)
        padded = extend(self, series, self.context)
        members = self.forecast_members(
            padded[None],
            ahead=None if ahead is None else ahead[None, :, 1:],
            static=None if static is None else static[None],
            training=training,
        )
        return ops.mean(members, axis=0)

    def forecast_members(
        self, inputs: Any, ahead: Any = None, static: Any = None, stride: int = 1, training: bool = False
    ) -> Any:
        """Forecast of each member at every `stride`-th step that has its whole context.

        Args:
            inputs: `(members or 1, batch, time, 5 + past_channels)`; a leading axis of 1 is shown to every
                member.
            ahead: `(members or 1, batch, steps, ahead_features)`, features of the steps after the first
                origin, up to `horizon` steps after the last one; None if there are none.
            static: `(members or 1, batch, static_features)`, or None.
            stride: Steps from one origin to the next; the last step need not be an origin.
            training: Whether dropout is active.

        Returns:
            `(members, batch, (time - context - 1) // stride + 1, horizon, quantiles)`.
        """
        if self.global_scale is not None and inputs.shape[0] == 1:
            inputs = ops.repeat(inputs, self.members, axis=0)  # each member sees them in its own way
        phase, rows = inputs[..., 3], [inputs[..., i] for i in (0, 1, 2, 4)]
        begin = self.context - (self.lookback - 1)
        observed = rows[1]
        if self.fill_gaps:  # changes have a size from the first one on
            rows[1] = ops.where(rows[3] > 0.0, ops.ones_like(observed), observed)
        view = self.windows(*(part[..., begin:] for part in rows), stride=stride)
        if self.fill_gaps:
            view = view._replace(observed=frames(observed[..., begin:], self.lookback, stride))
        hidden, center, spread = self._stack(rows, observed, inputs[..., 5:], stride)
        facts = [
            view.facts,
            ops.clip((view.location - center) / spread, -5.0, 5.0),
            ops.clip(ops.log(spread / view.scale), -3.0, 3.0),
        ]
        if static is not None:
            shape = (*ops.shape(view.facts)[:3], self.static_features)
            facts.append(ops.broadcast_to(ops.clip(static, -_FARTHEST, _FARTHEST)[:, :, None], shape))
        state = self.long_kernel(ops.concatenate([view.window, view.observed], axis=-1))
        state = state + self.project(self.norm(hidden)) + self.describe(ops.concatenate(facts, axis=-1))
        if self.phases > 1:
            index = ops.cast(phase[..., self.context :: stride], "int32")
            state = state + self.embed(ops.one_hot(index, self.phases, dtype=state.dtype))
        known = None
        if self.ahead is not None:
            ahead = ops.clip(ahead, -_FARTHEST, _FARTHEST)
            known = self.ahead(state, ahead, stride=stride, training=training)
        quantiles = self.head(
            state,
            self._repeat_seasons(view.window),
            known,
            view=view,
            level=(view.location + rows[2][..., self.context :: stride, None]) / view.scale,
            training=training,
        )
        return view.location[..., None] + view.scale[..., None] * self._calibrated(quantiles, view.last)

    def _split(self, inputs: Any) -> tuple[Any, Any, Any]:
        """Series, features ahead and static features of the inputs, None where there are no features."""
        counts = {"ahead": self.ahead_features, "static": self.static_features}
        wanted = {"series", *(name for name, count in counts.items() if count)}
        given = set(inputs) if isinstance(inputs, dict) else {"series"}
        if given != wanted:
            raise ValueError(
                f"Inputs must be a dictionary of {sorted(wanted)}, or an array if that is the series alone. "
                f"Received: {sorted(given)}"
            )
        if not isinstance(inputs, dict):
            return inputs, None, None
        return inputs["series"], inputs.get("ahead"), inputs.get("static")

    def _calibrated(self, quantiles: Any, last: Any) -> Any:
        """Apply what was found on data held out from training."""
        middle = len(self.quantiles) // 2
        median = quantiles[..., middle : middle + 1]
        spread = self.widen * (quantiles - median)
        if self.global_scale is None:  # the last value is what they are relative to
            return self.shrink * median + spread
        return last[..., None] + self.shrink * (median - last[..., None]) + spread

    def _stack(self, rows: list[Any], observed: Any, past: Any, stride: int) -> tuple[Any, Any, Any]:
        """State of the dilated stack at the origins, with the center and scale of its channels there."""
        begin = self.context - (self.stack_field - 1 + self.positions.context)
        channels, center, scale = self.positions(*(part[..., begin:] for part in rows))
        if self.fill_gaps:
            mask = observed[..., -channels.shape[-2] :, None]
            channels = ops.concatenate([channels[..., :-1], mask], axis=-1)
        if self.past_channels:
            newest = ops.clip(past[..., -channels.shape[-2] :, :], -_FARTHEST, _FARTHEST)
            channels = ops.concatenate([channels, newest], axis=-1)
        hidden = self._deepened(self.stem(channels))
        first = self.stack_field - 1
        return hidden[..., ::stride, :], center[..., first::stride, :], scale[..., first::stride, :]

    def _block(self, number: int, seed: int) -> Any:
        """Block of the dilated stack."""
        sizes = (self.filters, self.kernel_size, self.dilations[number], self.members)
        if self.architecture == "tcn":
            return MemberGLUBlock(*sizes, seed=seed // 2, name=f"block_{number}")
        is_last = number + 1 == len(self.dilations)
        return MemberWaveNetBlock(*sizes, use_residual=not is_last, seed=seed // 3, name=f"block_{number}")

    def _deepened(self, hidden: Any) -> Any:
        """What the blocks of the stack make of its first layer."""
        if self.architecture == "tcn":
            for block in self.blocks:
                hidden = block(hidden)
            return hidden
        skips = []
        for block in self.blocks[:-1]:
            hidden, skip = block(hidden)
            skips.append(skip)
        newest = self.blocks[-1](hidden)
        length = ops.shape(newest)[-2]
        return sum((skip[..., -length:, :] for skip in skips), newest)

    def _repeat_seasons(self, window: Any) -> Any:
        """Linear map of the window to the horizon, `(members, batch, origins, horizon)`."""
        lead, batch, origins, length = ops.shape(window)
        path = ops.matmul(ops.reshape(window, (lead, batch * origins, length)), self.seasons)
        return ops.reshape(path, (self.members, batch, origins, self.horizon))

    def _season_weights(self) -> np.ndarray:
        """Initial linear map: 0.6 of the same phase one season back, 0.3 of two seasons back.

        Several seasons share these weights evenly.
        """
        weights = np.zeros((self.lookback, self.horizon), "float32")
        seasons = (self.season_length, *self.further_seasons)
        for season, step in product(seasons, range(self.horizon)):
            newest = season - 1 - step % season
            for share, age in ((0.6, newest), (0.3, newest + season)):
                if age < self.lookback:
                    weights[self.lookback - 1 - age, step] += share / len(seasons)
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
            "past_channels": self.past_channels,
            "ahead_features": self.ahead_features,
            "static_features": self.static_features,
            "known_steps": None if self.known_steps is None else list(self.known_steps),
            "head": self.head_name,
            "fill_gaps": self.fill_gaps,
            "architecture": self.architecture,
            "further_seasons": list(self.further_seasons),
            "global_scale": None if self.global_scale is None else list(self.global_scale),
        }


def _counts(**values: object) -> list[int]:
    """Integers from 0, as those of Python."""
    for name, value in values.items():
        if not is_integer(value, minimum=0):
            raise ValueError(f"'{name}' must be an integer from 0. Received: {name}={value!r}")
    return [int(value) for value in values.values()]  # type: ignore[call-overload]
