"""Base of the metrics."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.distributions.base import get
from tcn.losses.counted import counted, mask_of
from tcn.quantiles import checked_quantiles, position_of

__all__ = ["ForecastMetric", "check_one_kind"]


class ForecastMetric(keras.metrics.Metric):
    """Weighted mean of a score over everything that counts, in all batches together.

    A target that is NaN, a sample weight of 0 and a step that the model's mask leaves out do not count. If
    nothing counts, the result is 0, as of Keras' own metrics.

    Args:
        quantiles: Probabilities of the model's outputs, if they are quantiles.
        distribution: Distribution or its name, if the outputs are its parameters.
        name: Name of the metric.

    With neither, the outputs are point forecasts.

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> from tcn.metrics import ForecastMetric
        >>> class Worst(ForecastMetric):
        ...     def score(self, y_true, y_pred):
        ...         return ops.abs(y_true - y_pred[..., 0])
        >>> metric = Worst()
        >>> metric.update_state(np.array([[1.0, np.nan]], "float32"), np.array([[[3.0], [9.0]]], "float32"))
        >>> float(metric.result())
        2.0
    """

    def __init__(
        self, quantiles: Sequence[float] | None = None, distribution: Any = None, name: str | None = None
    ) -> None:
        super().__init__(name=name, dtype="float32")
        self.quantiles = None if quantiles is None else checked_quantiles(quantiles)
        self.distribution = None if distribution is None else get(distribution)
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    @property
    def outputs(self) -> int:
        """Size of the last axis of the forecasts."""
        if self.distribution is not None:
            return self.distribution.size
        return 1 if self.quantiles is None else len(self.quantiles)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: Targets, `(..., horizon)`; NaN where there is none.
            y_pred: Forecasts, `(..., horizon, outputs)`.
            sample_weight: `(batch,)`, `(batch, time)` or `(batch, time, horizon)`.
        """
        mask = mask_of(y_pred)
        y_true, y_pred = self.prepare(y_true, y_pred)
        y_true, y_pred, weights = counted(y_true, y_pred, sample_weight, mask, self.outputs)
        self.total.assign_add(ops.sum(weights * self.score(y_true, y_pred)))
        self.count.assign_add(ops.sum(weights * self.size(y_true)))

    def result(self) -> Any:
        """Mean of the scores so far."""
        return ops.divide_no_nan(self.total, self.count)

    def prepare(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Make targets and forecasts of what the model is given.

        Args:
            y_true: Targets as the model is given them.
            y_pred: What the model puts out.

        Returns:
            Targets `(..., horizon)` and forecasts `(..., horizon, outputs)`.
        """
        return y_true, y_pred

    def score(self, y_true: Any, y_pred: Any) -> Any:
        """Scores of all elements.

        Args:
            y_true: `(..., horizon)`.
            y_pred: `(..., horizon, outputs)`.

        Returns:
            `(..., horizon)`.
        """
        raise NotImplementedError

    def size(self, y_true: Any) -> Any:
        """What the sum of the scores is divided by: the sum of this.

        Args:
            y_true: `(..., horizon)`.

        Returns:
            `(..., horizon)`.
        """
        return ops.ones_like(y_true)

    def quantiles_of(self, y_pred: Any, probabilities: Sequence[float]) -> Any:
        """Quantiles that the forecasts hold or describe.

        Args:
            y_pred: `(..., outputs)`.
            probabilities: In (0, 1).

        Returns:
            `(..., probabilities)`; a point forecast is every quantile of itself.
        """
        if self.distribution is not None:
            return self.distribution.quantile(y_pred, probabilities)
        if self.quantiles is None:
            return ops.repeat(y_pred, len(probabilities), axis=-1)
        return ops.stack([y_pred[..., position_of(p, self.quantiles)] for p in probabilities], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that all metrics have."""
        return {
            "name": self.name,
            "quantiles": None if self.quantiles is None else list(self.quantiles),
            "distribution": keras.saving.serialize_keras_object(self.distribution),
        }


def check_one_kind(quantiles: Any, distribution: Any) -> None:
    """Raise if the outputs are said to be quantiles and parameters of a distribution at once.

    Args:
        quantiles: Probabilities or None.
        distribution: Distribution, its name or None.

    Raises:
        ValueError: If neither is None.

    Example:
        >>> from tcn.metrics.base import check_one_kind
        >>> check_one_kind([0.5], None)
    """
    if quantiles is not None and distribution is not None:
        raise ValueError(
            "'quantiles' or 'distribution' must tell what the outputs are, not both. "
            f"Received: quantiles={quantiles!r}, distribution={distribution!r}. Leave out 'quantiles' if the "
            "outputs are parameters, else 'distribution'."
        )
