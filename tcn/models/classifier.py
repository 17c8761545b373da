"""Classification of whole sequences."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive, check_rate, check_seed
from tcn.layers.children import derived_seeds
from tcn.layers.global_pooling import GlobalPooling1D
from tcn.models.task import TaskModel

__all__ = ["SequenceClassifier"]


@keras.saving.register_keras_serializable(package="tcn")
class SequenceClassifier(TaskModel):
    """Probabilities of classes, from a backbone's features pooled over time.

    `softmax(W pool(backbone(x)) + b)`, or with `multi_label` the sigmoid, one for each class. Masked steps do
    not count: a padded series gives what it gives alone. To be compiled with the loss
    "sparse_categorical_crossentropy" for class numbers, "categorical_crossentropy" for one-hot rows, and
    "binary_crossentropy" with `multi_label`.

    Args:
        backbone: Layer or model, `(batch, time, channels)` to `(batch, time, features)`, causal or not. One
            that is built already keeps its weights.
        classes: Number of classes.
        multi_label: Whether a series may belong to several classes, or to none.
        pooling: "average", "max" or "last", the last observed step; "last" for causal backbones only: what
            sees both sides has seen least there.
        dropout: Share of the pooled features that training switches off.
        seed: Integer that fixes the initial weights of the output, and the dropout.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, classes)`.

    Raises:
        ValueError: If the backbone is no layer or returns no sequence, `classes` is not an integer of at
            least 2 (1 with `multi_label`), `dropout` not a rate, or there is no such pooling.

    Example:
        >>> import numpy as np
        >>> from tcn.models import InceptionTime, SequenceClassifier
        >>> model = SequenceClassifier(InceptionTime(8, depth=3, kernel_sizes=(3, 5)), classes=4)
        >>> probabilities = np.asarray(model(np.ones((2, 100, 1), "float32")))
        >>> probabilities.shape, round(float(probabilities[0].sum()), 3)
        ((2, 4), 1.0)

    Reference:
        Wang, Yan, Oates (2017), Time Series Classification from Scratch with Deep Neural Networks, for global
        pooling.
    """

    def __init__(
        self,
        backbone: Any,
        classes: int,
        multi_label: bool = False,
        pooling: str = "average",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, **kwargs)
        [self.classes] = check_positive(classes=classes)
        if self.classes == 1 and not multi_label:
            raise ValueError(
                "'classes' must be at least 2: the softmax of one class is always 1. Count both, or pass "
                "multi_label=True for the probability of one. Received: classes=1"
            )
        [self.dropout] = check_rate(dropout=dropout)
        self.multi_label = multi_label
        self.pooling = pooling
        self.seed = check_seed(seed)
        kernel_seed, dropout_seed = derived_seeds(self.seed, 2)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.pool = GlobalPooling1D(pooling, name="pool", **own)
        self.drop = keras.layers.Dropout(self.dropout, seed=dropout_seed, name="drop", **own)
        self.logits = keras.layers.Dense(
            self.classes,
            kernel_initializer=keras.initializers.GlorotUniform(kernel_seed),
            name="logits",
            **own,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        features = self.build_backbone(input_shape)
        self.logits.build(self.pool.compute_output_shape(features))

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Classify each series."""
        logits = self.logits(self.drop(self.embed(inputs, mask), training=training))
        logits = ops.cast(logits, keras.backend.result_type(self.compute_dtype, "float32"))
        return ops.sigmoid(logits) if self.multi_label else ops.softmax(logits)

    def embed(self, inputs: Any, mask: Any = None) -> Any:
        """Pooled features, to compare series by.

        Args:
            inputs: `(batch, time, channels)`.
            mask: Boolean, `(batch, time)`, or None.

        Returns:
            `(batch, features)`.
        """
        return self.pool(self.features(inputs, mask))

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: time is gone."""
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return `(batch, classes)`."""
        return (input_shape[0], self.classes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "multi_label": self.multi_label,
            "pooling": self.pooling,
            "dropout": self.dropout,
            "seed": self.seed,
        }
