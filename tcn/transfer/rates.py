"""Learning rates that differ by depth, for any optimizer."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.transfer.depth import blocks_by_depth

__all__ = ["LayerwiseLearningRates", "multipliers_by_depth"]


@keras.saving.register_keras_serializable(package="tcn")
class LayerwiseLearningRates(keras.optimizers.Optimizer):
    """An optimizer whose steps are scaled weight by weight.

    A weight w that the inner optimizer moves to w' moves to m · w' + (1 - m) · w, m being its multiplier.
    Scaled gradients would not do: Adam and its like divide by their size. With 0 a weight stays as it is, bit
    for bit; weight decay is scaled too, so that what is frozen does not decay.

    Multipliers are part of the optimizer's state: they are saved with it, and `set_multipliers` changes them
    during training without compiling the model again.

    Args:
        inner: Optimizer, or the name of one.
        multipliers: Multiplier of each trainable weight of the model, in their order (see
            `multipliers_by_depth`); 1 unless told.
        use_ema: Whether to average the weights over the steps, as for any Keras optimizer; the inner
            optimizer must not.
        ema_momentum: Momentum of that average.
        ema_overwrite_frequency: Steps after which the weights are set to their average; None for the end of
            training.
        name: Name of the optimizer.

    Raises:
        ValueError: If a multiplier is negative or not finite, there is not one for each weight, or the inner
            optimizer averages weights.

    Example:
        >>> import keras, numpy as np
        >>> from tcn.transfer import LayerwiseLearningRates, multipliers_by_depth
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
        >>> rates = multipliers_by_depth(model, decay=2.5)
        >>> rates
        [0.4, 0.4, 1.0, 1.0]
        >>> model.compile(LayerwiseLearningRates(keras.optimizers.Adam(1e-3), rates), loss="mse")
        >>> before = model.get_weights()
        >>> _ = model.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
        >>> moved = [abs(a - b).max() for a, b in zip(model.get_weights(), before)]
        >>> [round(1000 * float(m), 2) for m in moved]
        [0.4, 0.4, 1.0, 1.0]

    Reference:
        Howard, Ruder (2018), Universal Language Model Fine-tuning for Text Classification, section 3.2.
    """

    def __init__(
        self,
        inner: Any,
        multipliers: Sequence[float] | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(
            learning_rate=0.0,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            name=name,
        )
        self.inner = keras.optimizers.get(inner)
        if self.inner.use_ema:
            raise ValueError(
                "The inner optimizer must not average weights, which it would do before steps are scaled. "
                "Received: use_ema=True; pass it to LayerwiseLearningRates instead."
            )
        self._initial = None if multipliers is None else _checked(multipliers)

    def build(self, variables: Any) -> None:
        """Create the state for the weights that are trained."""
        variables = list(variables)
        self.inner.build(variables)
        start = [1.0] * len(variables) if self._initial is None else self._initial
        _check_count(start, len(variables))
        self._factors = self.add_variable(
            (len(variables),), initializer=keras.initializers.Constant(start), name="multipliers"
        )
        super().build(variables)

    @property
    def multipliers(self) -> list[float]:
        """Multiplier of each trainable weight, in their order, once the optimizer is built."""
        self._check_built()
        return [float(m) for m in self._factors.numpy()]

    def set_multipliers(self, multipliers: Sequence[float]) -> None:
        """Scale the steps from now on by other multipliers.

        Args:
            multipliers: Multiplier of each trainable weight, in their order.

        Raises:
            ValueError: If one is negative or not finite, there is not one for each weight, or the optimizer
                is not built.
        """
        self._check_built()
        values = _checked(multipliers)
        _check_count(values, self._factors.shape[0])
        self._factors.assign(np.asarray(values, "float32"))

    def _check_built(self) -> None:
        if not self.built:
            raise ValueError(
                "Multipliers are known once the optimizer is built. Received: one that is not; call "
                "optimizer.build(model.trainable_variables)."
            )

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        before = [ops.copy(variable) for variable in trainable_variables]
        self.inner.apply(grads, trainable_variables)
        for variable, start in zip(trainable_variables, before, strict=True):
            factor = ops.cast(self._factors[self._get_variable_index(variable)], start.dtype)
            variable.assign(factor * variable + (1 - factor) * start)

    @property
    def variables(self) -> list[Any]:
        """State of both optimizers."""
        return [*super().variables, *self.inner.variables]

    @property
    def learning_rate(self) -> Any:
        """Learning rate of the inner optimizer."""
        return self.inner.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner.learning_rate = learning_rate

    def scale_loss(self, loss: Any) -> Any:
        """Scale the loss as the inner optimizer, which undoes it, wants it."""
        return self.inner.scale_loss(loss)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "inner": keras.saving.serialize_keras_object(self.inner),
            "multipliers": self._initial,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LayerwiseLearningRates":
        """Make one of the arguments that `get_config` returned."""
        inner = keras.saving.deserialize_keras_object(config["inner"], custom_objects=custom_objects)
        return cls(**{**config, "inner": inner})


def multipliers_by_depth(model: Any, decay: float = 2.6) -> list[float]:
    """Multipliers that fall from 1 at the output by a factor for each block towards the input.

    Args:
        model: A built model, compiled with `LayerwiseLearningRates` afterwards.
        decay: Factor from block to block (see `blocks_by_depth`), 1 or more; 2.6 as in the paper.

    Returns:
        A number for each trainable weight of the model, in their order.

    Raises:
        ValueError: If `decay` is less than 1 or not finite.

    Example:
        >>> from tcn import PointHead, SequenceForecaster, TCN
        >>> backbone = TCN(4, 2, dilations=(1, 2), return_sequences=True)
        >>> model = SequenceForecaster(backbone, PointHead(horizon=1))
        >>> model.build((None, None, 1))
        >>> from tcn.transfer import multipliers_by_depth
        >>> sorted({round(one, 2) for one in multipliers_by_depth(model, decay=2.0)})
        [0.25, 0.5, 1.0]

    Reference:
        Howard, Ruder (2018), Universal Language Model Fine-tuning for Text Classification, section 3.2.
    """
    if not 1 <= decay < float("inf"):
        raise ValueError(f"'decay' must be a finite number of 1 or more. Received: decay={decay!r}")
    blocks = blocks_by_depth(model)
    factor = {
        id(weight): decay ** (number + 1 - len(blocks))
        for number, block in enumerate(blocks)
        for weight in block.weights
    }
    return [factor.get(id(weight), 1.0) for weight in model.trainable_variables]


def _checked(multipliers: Sequence[float]) -> list[float]:
    values = [float(m) for m in multipliers]
    for place, multiplier in enumerate(values):
        if not 0 <= multiplier < float("inf"):
            raise ValueError(
                "'multipliers' must be finite numbers of 0 or more. "
                f"Received: {multiplier!r}, the multiplier of weight {place}"
            )
    return values


def _check_count(multipliers: Sequence[float], weights: int) -> None:
    if len(multipliers) != weights:
        raise ValueError(
            f"There must be a multiplier for each of the {weights} trainable weights. "
            f"Received: {len(multipliers)} multipliers; multipliers_by_depth(model) gives as many."
        )
