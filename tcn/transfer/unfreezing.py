"""Training that reaches deeper from epoch to epoch."""

from typing import Any

import keras

from tcn.layers.checks import check_positive
from tcn.transfer.depth import blocks_by_depth
from tcn.transfer.rates import LayerwiseLearningRates

__all__ = ["GradualUnfreezing"]


class GradualUnfreezing(keras.callbacks.Callback):
    """Trains the last block alone at first, and one block more, towards the input, every few epochs.

    The model is compiled with `LayerwiseLearningRates`, whose multipliers are set to 0 where a block is not
    reached yet. So nothing is compiled again, and the optimizer keeps its state; it has seen the gradients of
    a block before the block moves. After training the multipliers are what they were before.

    What is not reached yet is held by the optimizer only: its dropout is active, and batch normalization
    updates its statistics, unless `freeze_batch_norm` is called before the model is compiled.

    Args:
        epochs_per_block: Epochs until the next block trains.

    Raises:
        ValueError: If `epochs_per_block` is not a positive integer, or, in training, the model is compiled
            with another optimizer.

    Example:
        >>> import keras, numpy as np
        >>> from tcn.transfer import GradualUnfreezing, LayerwiseLearningRates
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
        >>> model.compile(LayerwiseLearningRates("adam"), loss="mse")
        >>> first = model.layers[0].get_weights()[0]
        >>> data = {"x": np.ones((8, 3)), "y": np.ones((8, 1)), "callbacks": [GradualUnfreezing()]}
        >>> _ = model.fit(epochs=1, verbose=0, **data)
        >>> bool((model.layers[0].get_weights()[0] == first).all())
        True
        >>> _ = model.fit(epochs=2, verbose=0, **data)
        >>> bool((model.layers[0].get_weights()[0] == first).all())
        False

    Reference:
        Howard, Ruder (2018), Universal Language Model Fine-tuning for Text Classification, section 3.3.
    """

    def __init__(self, epochs_per_block: int = 1) -> None:
        super().__init__()
        check_positive(epochs_per_block=epochs_per_block)
        self.epochs_per_block = epochs_per_block
        self._optimizer: Any = None
        self._open: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Find blocks and multipliers."""
        optimizer = _layerwise(self.model.optimizer)
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        if optimizer is not self._optimizer:  # else training was interrupted, and some are held
            self._optimizer, self._open = optimizer, optimizer.multipliers
        blocks = blocks_by_depth(self.model)
        from_output = {
            id(weight): number for number, block in enumerate(reversed(blocks)) for weight in block.weights
        }
        self._turns = [from_output.get(id(weight), 0) for weight in self.model.trainable_variables]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Hold what is not reached yet."""
        reached = epoch // self.epochs_per_block
        self._optimizer.set_multipliers(
            [
                multiplier if turn <= reached else 0.0
                for multiplier, turn in zip(self._open, self._turns, strict=True)
            ]
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Give the multipliers back."""
        self._optimizer.set_multipliers(self._open)
        self._optimizer = None


def _layerwise(optimizer: Any) -> LayerwiseLearningRates:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    if not isinstance(optimizer, LayerwiseLearningRates):
        raise ValueError(
            "GradualUnfreezing needs a model compiled with LayerwiseLearningRates. "
            f"Received: {type(optimizer).__name__}; "
            "pass model.compile(LayerwiseLearningRates(optimizer), ...)."
        )
    return optimizer
