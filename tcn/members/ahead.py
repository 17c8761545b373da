"""What is known of the steps ahead, read step by step with the same weights."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.layers.checks import check_each_positive, known_channels
from tcn.members.dense import MemberDense
from tcn.members.gated import MemberRMSNorm

__all__ = ["MemberAhead"]


@keras.saving.register_keras_serializable(package="tcn")
class MemberAhead(keras.layers.Layer):
    """Turns the features of the steps ahead, and the state of an origin, into outputs of every step ahead.

    An encoder with the same weights for all steps makes a code of the features of a step,
    `e = W2 silu(W1 f + b1) + b2`. The origin's state r asks about each step ahead, `g = Wg rms(r)`. Both meet
    in `v = silu(rms(e) A + g B + b)`, and the outputs of the step are `v Wo`. One of them also gets a linear
    function of the step's features, with weights of each step ahead that start at zero.

    Codes belong to steps and not to origins, so they are made once, however many origins look at a step. Of
    features that are known for a part of the horizon only, there are as many codes of a step as there are
    sets of features that are known at once. What stands where a feature is not known does not matter.

    Args:
        horizon: Steps ahead.
        outputs: Outputs of each step ahead.
        linear_output: Position of the output that gets the linear function.
        known_steps: Steps ahead for which each feature is known; None if each is for the whole horizon.
        filters: Channels of the code.
        hidden: Channels in which code and question meet.
        dropout: Share of them that training switches off, the same ones for all origins of a chunk.
        members: Independent copies of the layer.
        seed: Integer that fixes initial weights and dropout.

    Input shape:
        State `(members, batch, origins, width)`, and features `(members or 1, batch, steps, features)` of the
        steps after the first origin, at least `(origins - 1) * stride + horizon` of them.

    Output shape:
        `(members, batch, origins, horizon, outputs)`.

    Raises:
        ValueError: If a size is smaller than 1, or there is not one of `known_steps` for each feature.

    Example:
        >>> import numpy as np
        >>> from tcn.members import MemberAhead
        >>> state, features = np.ones((2, 1, 5, 8), "float32"), np.ones((1, 1, 7, 4), "float32")
        >>> tuple(MemberAhead(horizon=3, outputs=2, members=2)(state, features).shape)
        (2, 1, 5, 3, 2)
    """

    def __init__(
        self,
        horizon: int,
        outputs: int,
        linear_output: int = 0,
        known_steps: Sequence[int] | None = None,
        filters: int = 32,
        hidden: int = 64,
        dropout: float = 0.2,
        members: int = 1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if min(horizon, outputs, filters, hidden, members) < 1:
            raise ValueError(
                "'horizon', 'outputs', 'filters', 'hidden' and 'members' must be positive. Received: "
                f"horizon={horizon}, outputs={outputs}, filters={filters}, hidden={hidden}, "
                f"members={members}"
            )
        self.horizon = horizon
        self.outputs = outputs
        self.linear_output = linear_output
        self.known_steps = known_steps
        if known_steps is not None:
            [self.known_steps] = check_each_positive(known_steps=known_steps)
        self.filters = filters
        self.hidden = hidden
        self.dropout = dropout
        self.members = members
        self.seed = seed
        own: dict[str, Any] = {"members": members, "dtype": self.dtype_policy}
        self.up = MemberDense(filters, seed=seed, name="up", **own)
        self.down = MemberDense(filters, seed=seed + 1, name="down", **own)
        self.code_norm = MemberRMSNorm(name="code_norm", **own)
        self.place = MemberDense(hidden, seed=seed + 2, name="place", **own)
        self.state_norm = MemberRMSNorm(name="state_norm", **own)
        self.ask = MemberDense(horizon * filters, seed=seed + 3, name="ask", **own)
        self.meet = MemberDense(hidden, use_bias=False, seed=seed + 4, name="meet", **own)
        self.drop = keras.layers.Dropout(
            dropout,
            noise_shape=(members, None, 1, 1, hidden),
            seed=seed + 5,
            dtype=self.dtype_policy,
            name="drop",
        )
        self.out = MemberDense(outputs, use_bias=False, scale=0.3, seed=seed + 6, name="out", **own)

    def build(self, state_shape: tuple[int | None, ...], features_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        count = known_channels(features_shape)
        steps = self.known_steps or (self.horizon,) * count
        if len(steps) != count:
            raise ValueError(
                f"'known_steps' must have a number for each of the {count} features. "
                f"Received: known_steps={self.known_steps}"
            )
        lead = (self.members, None, None)
        self.up.build((*lead, count))
        self.down.build((*lead, self.filters))
        self.code_norm.build((*lead, self.filters))
        self.place.build((*lead, self.filters))
        self.state_norm.build(state_shape)
        self.ask.build(state_shape)
        self.meet.build((*lead, None, self.filters))
        self.out.build((*lead, None, self.hidden))
        self.linear = self.add_weight(
            name="linear", shape=(self.members, self.horizon, count), initializer="zeros"
        )
        # Whether a feature is known so many steps ahead.
        self.known = np.arange(self.horizon)[:, None] < np.array(steps)

    def call(self, state: Any, features: Any, stride: int = 1, training: bool = False) -> Any:
        """Answer the origins, which are `stride` steps apart."""
        lead, batch, origins, _ = ops.shape(state)
        first = stride * np.arange(origins)[:, None]
        question = self.ask(self.state_norm(state))
        question = ops.reshape(question, (lead, batch, origins, self.horizon, self.filters))
        hidden = ops.silu(self._placed(features, first) + self.meet(question))
        outputs = self.out(self.drop(hidden, training=training))
        seen = ops.take(features, first + np.arange(self.horizon), axis=2)
        linear = ops.sum(self._hide(seen, self.known) * self.linear[:, None, None], axis=-1, keepdims=True)
        return outputs + linear * ops.one_hot(self.linear_output, self.outputs, dtype=linear.dtype)

    def _placed(self, features: Any, first: np.ndarray) -> Any:
        """Codes of the steps ahead of every origin, mapped to the channels where they meet its questions."""
        parts = []
        # Neighboring steps ahead at which the same features are known.
        changes = np.flatnonzero((self.known[1:] != self.known[:-1]).any(axis=1)) + 1
        for steps in np.split(np.arange(self.horizon), changes):
            shown = self._hide(features, self.known[steps[0]])
            code = self.down(ops.silu(self.up(shown)))
            parts.append(ops.take(self.place(self.code_norm(code)), first + steps, axis=2))
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=3)

    @staticmethod
    def _hide(features: Any, known: np.ndarray) -> Any:
        """Features that are not known are 0, whatever stands there."""
        return features if known.all() else ops.where(known, features, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "horizon": self.horizon,
            "outputs": self.outputs,
            "linear_output": self.linear_output,
            "known_steps": None if self.known_steps is None else list(self.known_steps),
            "filters": self.filters,
            "hidden": self.hidden,
            "dropout": self.dropout,
            "members": self.members,
            "seed": self.seed,
        }
