"""Base of the losses."""

from typing import Any

import keras

from tcn.losses.counted import counted, mask_of

__all__ = ["ForecastLoss"]


class ForecastLoss(keras.losses.Loss):
    """Loss of forecasts over a horizon: the weighted mean over what counts.

    A target that is NaN, a sample weight of 0 and a step that the model's mask leaves out do not count.

    Args:
        reduction: What to make of the losses of all elements: their weighted mean, or another of Keras'
            reductions, such as `"sum"` or `"none"`.
        name: Name of the loss.

    Attributes:
        outputs: Size of the last axis of the forecasts; None if it does not matter.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> from tcn.losses import ForecastLoss
        >>> class Cubic(ForecastLoss):
        ...     def call(self, y_true, y_pred):
        ...         return ops.abs(y_true - y_pred[..., 0]) ** 3
        >>> float(Cubic()(np.array([[1.0, np.nan]], "float32"), np.array([[[3.0], [9.0]]], "float32")))
        8.0
    """

    outputs: int | None = None

    def __init__(self, reduction: str | None = "mean_with_sample_weight", name: str | None = None) -> None:
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Loss of a batch.

        Args:
            y_true: Targets, `(..., horizon)`; NaN where there is none.
            y_pred: Forecasts, `(..., horizon, outputs)`.
            sample_weight: `(batch,)`, `(batch, time)` or `(batch, time, horizon)`.

        Returns:
            A number.
        """
        mask = mask_of(y_pred)
        y_true, y_pred = self.prepare(y_true, y_pred)
        return super().__call__(*counted(y_true, y_pred, sample_weight, mask, self.outputs))

    def prepare(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Make targets and forecasts of what the model is given.

        Args:
            y_true: Targets as the model is given them.
            y_pred: What the model puts out.

        Returns:
            Targets `(..., horizon)` and forecasts `(..., horizon, outputs)`.
        """
        return y_true, y_pred

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Losses of all elements.

        Args:
            y_true: `(..., horizon)`.
            y_pred: `(..., horizon, outputs)`.

        Returns:
            `(..., horizon)`.
        """
        raise NotImplementedError
