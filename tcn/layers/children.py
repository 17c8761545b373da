"""What composite layers make their children with: seeds that differ, and the normalization asked for."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

__all__ = [
    "apply_normalization",
    "check_each_positive",
    "check_normalization",
    "check_rate",
    "derived_seeds",
    "make_normalization",
]


def derived_seeds(seed: int | None, count: int) -> list[int | None]:
    """Different seeds that follow from one.

    Args:
        seed: Integer, or None for children that are random in each run.
        count: How many.

    Returns:
        `count` seeds below 2^31, or as many None.

    Example:
        >>> derived_seeds(0, 3) == derived_seeds(0, 3)
        True
        >>> derived_seeds(None, 2)
        [None, None]
    """
    if seed is None:
        return [None] * count
    return [int(word) >> 1 for word in np.random.SeedSequence(seed).generate_state(count)]


def check_each_positive(**sequences: Sequence[object]) -> None:
    """Raise unless every sequence holds positive integers, one at least.

    Args:
        **sequences: Sequences by the name of their argument.

    Raises:
        ValueError: If one does not.

    Example:
        >>> check_each_positive(dilations=(1, 0))
        Traceback (most recent call last):
        ValueError: 'dilations' must hold positive integers, one at least. Received: dilations=(1, 0)
    """
    for name, values in sequences.items():
        fits = isinstance(values, Sequence) and not isinstance(values, str) and len(values) > 0
        if not fits or any(isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in values):
            raise ValueError(
                f"'{name}' must hold positive integers, one at least. Received: {name}={values!r}"
            )


def check_normalization(normalization: object) -> None:
    """Raise unless there is such a normalization.

    Args:
        normalization: "layer" (over the channels of a step: causal in training too), "batch" (over batch and
            time: in training, its statistics see the future) or None.

    Raises:
        ValueError: If there is not.
    """
    if normalization not in ("layer", "batch", None):
        raise ValueError(
            f"'normalization' must be 'layer', 'batch' or None. Received: normalization={normalization!r}"
        )


def check_rate(**values: float) -> None:
    """Raise unless every value is a share that may be switched off.

    Args:
        **values: Values by the name of their argument.

    Raises:
        ValueError: If one is not.

    Example:
        >>> check_rate(dropout=1.5)
        Traceback (most recent call last):
        ValueError: 'dropout' must be at least 0 and below 1. Received: dropout=1.5
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"'{name}' must be at least 0 and below 1. Received: {name}={value!r}")


def make_normalization(normalization: str | None, momentum: float = 0.99, **arguments: Any) -> Any:
    """A layer that normalizes channels.

    Args:
        normalization: As `check_normalization` takes it.
        momentum: Of the moving statistics of batches. With Keras' 0.99 they are of use after some hundreds of
            training steps, with 0.9 after some tens.
        **arguments: `name` and `dtype` of the layer.

    Returns:
        A Keras layer, or None.
    """
    if normalization is None:
        return None
    if normalization == "layer":
        return keras.layers.LayerNormalization(**arguments)
    return keras.layers.BatchNormalization(momentum=momentum, **arguments)


def apply_normalization(norm: Any, inputs: Any, mask: Any, training: bool | None) -> Any:
    """Normalize what was observed.

    Args:
        norm: As `make_normalization` gave it.
        inputs: `(batch, time, channels)`.
        mask: Boolean, `(batch, time)`, or None; masked steps have no part in the statistics of a batch.
        training: Whether the layer is called to be trained.

    Returns:
        As `inputs`.
    """
    if norm is None:
        return inputs
    if isinstance(norm, keras.layers.BatchNormalization):
        return norm(inputs, mask=mask, training=training)
    return norm(inputs)
