"""Losses of embeddings: series that belong together shall lie close together."""

from typing import Any

import keras
from keras import ops

__all__ = ["TripletLoss"]


@keras.saving.register_keras_serializable(package="tcn")
class TripletLoss(keras.losses.Loss):
    """Triplet loss over all triplets of a batch: like ones nearer than unlike ones, by a margin.

    Formula: of an anchor `a`, the mean of `max(0, |a - p|^2 - |a - n|^2 + margin)` over those of its triplets
    that are not 0; `p` has the label of the anchor, and `n` another one. An anchor without such a triplet
    has no loss.

    Args:
        margin: How much farther what is unlike shall be; of unit vectors, whose squared distances are from 0
            to 4, some tenths.
        reduction: What to make of the losses of all anchors.
        name: Name of the loss.

    Input shape:
        Labels `(batch,)` or `(batch, 1)`, equal for what belongs together, and embeddings `(batch,
        features)`.

    Raises:
        ValueError: If the margin is not above 0.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import TripletLoss
        >>> labels = np.array([0, 0, 1])
        >>> apart, mixed = np.array([[0.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [0.0]])
        >>> [round(float(TripletLoss(margin=0.5)(labels, x)), 3) for x in (apart, mixed)]
        [0.0, 0.667]

    Reference:
        Schroff, Kalenichenko, Philbin (2015), FaceNet; Hermans, Beyer, Leibe (2017), In Defense of the
        Triplet Loss for Person Re-Identification, section 2 ("batch all").
    """

    def __init__(
        self, margin: float = 0.2, reduction: str | None = "sum_over_batch_size", name: str | None = None
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype="float32")
        if not margin > 0:
            raise ValueError(f"'margin' must be above 0. Received: margin={margin!r}")
        self.margin = float(margin)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all anchors, `(batch,)`."""
        labels = ops.reshape(y_true, (-1,))
        alike = labels[:, None] == labels[None]
        is_self = ops.cast(ops.eye(ops.shape(labels)[0]), "bool")
        distance = squared_distances(y_pred)
        # (anchor, positive, negative)
        shortfall = distance[:, :, None] - distance[:, None, :] + self.margin
        is_triplet = ops.logical_and(alike, ops.logical_not(is_self))[:, :, None] & ~alike[:, None, :]
        counts = ops.logical_and(is_triplet, shortfall > 0.0)
        total = ops.sum(ops.where(counts, shortfall, 0.0), axis=(1, 2))
        return total / ops.maximum(ops.sum(ops.cast(counts, total.dtype), axis=(1, 2)), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "margin": self.margin}


def squared_distances(embeddings: Any) -> Any:
    """Squared distances of all pairs of embeddings.

    Args:
        embeddings: `(batch, features)`.

    Returns:
        `(batch, batch)`, none below 0.
    """
    sizes = ops.sum(ops.square(embeddings), axis=-1)
    products = ops.matmul(embeddings, ops.transpose(embeddings))
    return ops.maximum(sizes[:, None] + sizes[None] - 2.0 * products, 0.0)
