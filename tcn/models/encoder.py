"""Whole sequences as points on a sphere."""

from typing import Any

import keras
from keras import ops

from tcn.layers.checks import check_positive, check_seed
from tcn.layers.children import derived_seeds
from tcn.layers.global_pooling import GlobalPooling1D
from tcn.models.task import TaskModel

__all__ = ["SequenceEncoder"]


@keras.saving.register_keras_serializable(package="tcn")
class SequenceEncoder(TaskModel):
    """A unit vector for each sequence, from a backbone's features pooled over time.

    `v / |v|` with `v = W pool(backbone(x)) + b`: how alike two sequences are is the angle between their
    vectors. Masked steps do not count: a padded series gives what it gives alone. To be compiled with
    `TripletLoss`.

    Args:
        backbone: Layer or model, `(batch, time, channels)` to `(batch, time, features)`, causal or not. One
            that is built already keeps its weights.
        units: Length of the vectors.
        pooling: "average", "max" or "last", the last observed step.
        seed: Integer that fixes the initial weights of the projection.

    Input shape:
        `(batch, time, channels)`; any length.

    Output shape:
        `(batch, units)`.

    Raises:
        ValueError: If the backbone is no layer or returns no sequence, `units` is not a positive integer,
            or there is no such pooling.

    Example:
        >>> import numpy as np
        >>> from tcn import TCN
        >>> from tcn.models import SequenceEncoder
        >>> model = SequenceEncoder(TCN(8, dilations=(1, 2), return_sequences=True, seed=0), units=4, seed=0)
        >>> vectors = np.asarray(model(np.ones((2, 30, 1), "float32")))
        >>> vectors.shape, round(float((vectors[0] ** 2).sum()), 3)
        ((2, 4), 1.0)

    Reference:
        Schroff, Kalenichenko, Philbin (2015), FaceNet: A Unified Embedding for Face Recognition and
        Clustering.
    """

    def __init__(
        self,
        backbone: Any,
        units: int = 32,
        pooling: str = "average",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, **kwargs)
        [self.units] = check_positive(units=units)
        self.pooling = pooling
        self.seed = check_seed(seed)
        [kernel_seed] = derived_seeds(self.seed, 1)
        own: dict[str, Any] = {"dtype": self.dtype_policy}
        self.pool = GlobalPooling1D(pooling, name="pool", **own)
        self.project = keras.layers.Dense(
            self.units,
            kernel_initializer=keras.initializers.GlorotUniform(kernel_seed),
            name="project",
            **own,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        features = self.build_backbone(input_shape)
        self.project.build(self.pool.compute_output_shape(features))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Embed each sequence."""
        vectors = self.project(self.pool(self.features(inputs, mask)))
        vectors = ops.cast(vectors, keras.backend.result_type(self.compute_dtype, "float32"))
        return ops.normalize(vectors, axis=-1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: time is gone."""
        return None

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return `(batch, units)`."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "pooling": self.pooling,
            "seed": self.seed,
        }
