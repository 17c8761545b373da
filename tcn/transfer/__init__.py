"""Transfer learning: what of a trained model trains on, when, and how fast."""

from tcn.transfer.depth import (
    blocks_by_depth,
    freeze,
    freeze_batch_norm,
    restore_trainable,
    trainable_state,
    unfreeze,
)
from tcn.transfer.rates import LayerwiseLearningRates, multipliers_by_depth
from tcn.transfer.unfreezing import GradualUnfreezing

__all__ = [
    "GradualUnfreezing",
    "LayerwiseLearningRates",
    "blocks_by_depth",
    "freeze",
    "freeze_batch_norm",
    "multipliers_by_depth",
    "restore_trainable",
    "trainable_state",
    "unfreeze",
]
