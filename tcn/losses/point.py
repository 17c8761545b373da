"""Losses of point forecasts."""

from typing import Any

import keras
from keras import ops

from tcn.losses.base import ForecastLoss
from tcn.losses.counted import divided_by_scale
from tcn.losses.functions import symmetric_error

__all__ = ["HuberForecastLoss", "MASELoss", "Masked", "SMAPELoss"]

# Losses of Keras that need all numbers of the last axis at once, by their names without case and underscores.
_OF_WHOLE_VECTORS = {
    "categoricalcrossentropy",
    "categoricalfocalcrossentropy",
    "categoricalgeneralizedcrossentropy",
    "categoricalhinge",
    "circle",
    "cosinesimilarity",
    "ctc",
    "dice",
    "kldivergence",
    "tversky",
}


@keras.saving.register_keras_serializable(package="tcn")
class Masked(ForecastLoss):
    """A loss of Keras, over what counts: `Masked("mse")`, `Masked("mae")`, `Masked(keras.losses.Poisson())`.

    Args:
        loss: Loss of Keras or its name that compares numbers one by one, or "sparse_categorical_crossentropy"
            for classes.
        reduction: As of `ForecastLoss`.
        name: Name of the loss.

    Raises:
        ValueError: If the loss needs all numbers of an axis at once, as `"categorical_crossentropy"` does.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import Masked
        >>> target = np.array([[3.0, np.nan, 1.0]])
        >>> float(Masked("mae")(target, np.zeros((1, 3, 1))))
        2.0
    """

    def __init__(self, loss: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.loss = keras.losses.get(loss)
        known = getattr(self.loss, "__name__", type(self.loss).__name__)
        if known.replace("_", "").lower() in _OF_WHOLE_VECTORS:
            raise ValueError(
                "'loss' must compare numbers one by one, or be sparse_categorical_crossentropy, whose "
                f"targets are classes. Received: {known}, which needs all numbers of an axis at once; use it "
                "by itself where nothing is missing."
            )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all elements."""
        # Losses of Keras take the mean over the last axis, so that it has to be one element long.
        function = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        return function(ops.expand_dims(y_true, -1), y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "loss": keras.losses.serialize(self.loss)}


@keras.saving.register_keras_serializable(package="tcn")
class HuberForecastLoss(ForecastLoss):
    """Squared near the target and absolute beyond: not led by outliers, and smooth where it is small.

    Formula: `e^2 / 2` for an absolute error `e` up to `delta`, `delta (e - delta / 2)` above. That of Keras,
    over what counts; and `delta` is saved with the model, which `keras.losses.Huber` does not do.

    Args:
        delta: Where the one becomes the other, in the units of the target.
        reduction: As of `ForecastLoss`.
        name: Name of the loss.

    Raises:
        ValueError: If `delta` is not positive.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import HuberForecastLoss
        >>> target = np.array([[1.0, np.nan, 5.0]])
        >>> float(HuberForecastLoss(delta=2.0)(target, np.zeros((1, 3, 1))))  # of 0.5 and 8
        4.25

    Reference:
        Huber (1964), Robust Estimation of a Location Parameter.
    """

    outputs = 1

    def __init__(self, delta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not delta > 0:
            raise ValueError(f"'delta' must be positive. Received: delta={delta!r}")
        self.delta = float(delta)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all elements."""
        return keras.losses.huber(ops.expand_dims(y_true, -1), y_pred, self.delta)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "delta": self.delta}


@keras.saving.register_keras_serializable(package="tcn")
class SMAPELoss(ForecastLoss):
    """Absolute error as a share of the sum of the absolute values of target and forecast, from 0 to 1.

    Formula: `|y - f| / (|y| + |f|)`, 0 if both are 0; the M4 competition's is 200 times as large.

    Args:
        reduction: As of `ForecastLoss`.
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import SMAPELoss
        >>> float(SMAPELoss()(np.array([[3.0]]), np.array([[[1.0]]])))
        0.5

    Reference:
        Makridakis, Spiliotis, Assimakopoulos (2020), The M4 Competition.
    """

    outputs = 1

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all elements."""
        return symmetric_error(y_true, y_pred[..., 0])


@keras.saving.register_keras_serializable(package="tcn")
class MASELoss(ForecastLoss):
    """Absolute error in units of the scale of each series, so that large series do not count for more.

    Formula: `|y - f| / scale`. The targets come with the scale in one tensor, as `with_scale` makes it;
    what has a scale that is 0 or NaN does not count.

    Args:
        reduction: As of `ForecastLoss`.
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import MASELoss, with_scale
        >>> target = with_scale(np.array([[3.0, 5.0]]), np.array([2.0]))
        >>> float(MASELoss()(target, np.ones((1, 2, 1))))
        1.5

    Reference:
        Hyndman, Koehler (2006), Another Look at Measures of Forecast Accuracy.
    """

    outputs = 1

    def prepare(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Divide both by the scale."""
        return divided_by_scale(y_true, y_pred)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all elements."""
        return ops.absolute(y_true - y_pred[..., 0])
