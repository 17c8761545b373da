"""Metrics of point forecasts; of probabilistic ones, the median is scored."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tcn.losses.counted import divided_by_scale
from tcn.losses.functions import symmetric_error
from tcn.metrics.base import ForecastMetric, check_one_kind
from tcn.quantiles import position_of

__all__ = ["MASE", "SMAPE"]


class _MedianMetric(ForecastMetric):
    """Base of the metrics of this module."""

    outputs = 1

    def __init__(
        self, quantiles: Sequence[float] | None = None, distribution: Any = None, name: str | None = None
    ) -> None:
        check_one_kind(quantiles, distribution)
        super().__init__(quantiles, distribution, name)
        if self.quantiles is not None:
            position_of(0.5, self.quantiles)

    def prepare(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Take the median."""
        is_point = self.quantiles is None and self.distribution is None
        return y_true, y_pred if is_point else self.quantiles_of(y_pred, [0.5])


@keras.saving.register_keras_serializable(package="tcn")
class SMAPE(_MedianMetric):
    """Mean of `|y - f| / (|y| + |f|)`, from 0 to 1; the M4 competition's is 200 times as large.

    Args:
        quantiles: Probabilities of the model's outputs, if they are quantiles; 0.5 among them.
        distribution: Distribution or its name, if the outputs are its parameters.
        name: Name of the metric.

    Raises:
        ValueError: If 0.5 is not among the quantiles, or there are both quantiles and a distribution.

    Example:
        >>> import numpy as np
        >>> from tcn.metrics import SMAPE
        >>> float(SMAPE()(np.array([[3.0]]), np.array([[[1.0]]])))
        0.5

    Reference:
        Makridakis, Spiliotis, Assimakopoulos (2020), The M4 Competition.
    """

    def __init__(
        self, quantiles: Sequence[float] | None = None, distribution: Any = None, name: str | None = "smape"
    ) -> None:
        super().__init__(quantiles, distribution, name)

    def score(self, y_true: Any, y_pred: Any) -> Any:
        """Scores of all elements."""
        return symmetric_error(y_true, y_pred[..., 0])


@keras.saving.register_keras_serializable(package="tcn")
class MASE(_MedianMetric):
    """Mean absolute error in units of the scale of each series.

    The targets come with the scale in one tensor, as `tcn.losses.with_scale` makes it; what has a scale that
    is 0 or NaN does not count.

    Args:
        quantiles: Probabilities of the model's outputs, if they are quantiles; 0.5 among them.
        distribution: Distribution or its name, if the outputs are its parameters.
        name: Name of the metric.

    Raises:
        ValueError: If 0.5 is not among the quantiles, or there are both quantiles and a distribution.

    Example:
        >>> import numpy as np
        >>> from tcn.losses import with_scale
        >>> from tcn.metrics import MASE
        >>> target = with_scale(np.array([[3.0, 5.0]]), np.array([2.0]))
        >>> float(MASE()(target, np.ones((1, 2, 1))))
        1.5

    Reference:
        Hyndman, Koehler (2006), Another Look at Measures of Forecast Accuracy.
    """

    def __init__(
        self, quantiles: Sequence[float] | None = None, distribution: Any = None, name: str | None = "mase"
    ) -> None:
        super().__init__(quantiles, distribution, name)

    def prepare(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Take the median and divide by the scale."""
        return divided_by_scale(*super().prepare(y_true, y_pred))

    def score(self, y_true: Any, y_pred: Any) -> Any:
        """Scores of all elements."""
        return ops.absolute(y_true - y_pred[..., 0])
