"""What composite layers make their children with: seeds and initializers that differ, and normalizations."""

from typing import Any

import keras
import numpy as np

__all__ = [
    "apply_normalization",
    "check_normalization",
    "derived_seeds",
    "make_normalization",
    "own_initializer",
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


def own_initializer(initializer: Any, seed: int | None) -> Any:
    """Initializer of one child of several that share the argument of their parent.

    Initializers of Keras are functions of their seed, and one without has drawn its own when it was made: it
    gives the same numbers whenever it is called. So each child gets one of its own, with the child's seed.

    Args:
        initializer: As `keras.initializers.get` gives it. One that has a seed is meant to give the same
            numbers again, and one that knows no seed does what it does: both are returned as they are.
        seed: Of the child, or None for numbers that differ in each run.

    Returns:
        An initializer.

    Example:
        >>> import keras
        >>> shared = keras.initializers.GlorotUniform()
        >>> own_initializer(shared, seed=3).seed
        3
        >>> fixed = keras.initializers.GlorotUniform(seed=5)
        >>> own_initializer(fixed, seed=3) is fixed
        True
    """
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    config = initializer.get_config()
    if "seed" not in config or config["seed"] is not None:
        return initializer
    return type(initializer).from_config({**config, "seed": seed})


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
