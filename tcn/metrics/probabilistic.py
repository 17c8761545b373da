"""Metrics of quantiles and distributions."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tcn.losses.functions import crps_from_quantiles, pinball
from tcn.metrics.base import ForecastMetric, check_one_kind
from tcn.quantiles import checked_quantiles, position_of

__all__ = ["CRPS", "WQL", "Coverage", "IntervalWidth", "Pinball"]


@keras.saving.register_keras_serializable(package="tcn")
class Pinball(ForecastMetric):
    """Mean pinball loss.

    Args:
        quantiles: Probabilities of the model's outputs; those to score if there is a distribution.
        distribution: Distribution or its name, if the outputs are its parameters.
        name: Name of the metric.

    Example:
        >>> import numpy as np
        >>> from tcn.metrics import Pinball
        >>> round(float(Pinball([0.9])(np.array([[3.0]]), np.array([[[1.0]]]))), 4)
        1.8

    Reference:
        Koenker, Bassett (1978), Regression Quantiles.
    """

    def __init__(
        self, quantiles: Sequence[float], distribution: Any = None, name: str | None = "pinball"
    ) -> None:
        super().__init__(quantiles, distribution, name)

    def score(self, y_true: Any, y_pred: Any) -> Any:
        """Scores of all elements."""
        if self.distribution is not None:
            y_pred = self.distribution.quantile(y_pred, self.quantiles or ())
        return pinball(y_true, y_pred, np.array(self.quantiles, "float32"))


@keras.saving.register_keras_serializable(package="tcn")
class WQL(Pinball):
    """Weighted quantile loss: twice the sum of the pinball losses, as a share of that of the targets' sizes.

    Args:
        quantiles: Probabilities of the model's outputs; those to score if there is a distribution.
        distribution: Distribution or its name, if the outputs are its parameters.
        name: Name of the metric.

    Example:
        >>> import numpy as np
        >>> from tcn.metrics import WQL
        >>> round(float(WQL([0.5])(np.array([[3.0, 5.0]]), np.array([[[2.0], [4.0]]]))), 4)
        0.25

    Reference:
        Salinas et al. (2020), DeepAR: Probabilistic Forecasting with Autoregressive Recurrent Networks.
    """

    def __init__(
        self, quantiles: Sequence[float], distribution: Any = None, name: str | None = "wql"
    ) -> None:
        super().__init__(quantiles, distribution, name)

    def score(self, y_true: Any, y_pred: Any) -> Any:
        """Scores of all elements."""
        return 2.0 * super().score(y_true, y_pred)

    def size(self, y_true: Any) -> Any:
        """Sizes of the targets."""
        return ops.absolute(y_true)


@keras.saving.register_keras_serializable(package="tcn")
class CRPS(ForecastMetric):
    """Mean continuous ranked probability score; of quantiles, twice their pinball loss.

    Args:
        quantiles: Probabilities of the model's outputs, if they are quantiles.
        distribution: Distribution or its name, if the outputs are its parameters.
        name: Name of the metric.

    With neither, the outputs are point forecasts, whose score is the absolute error.

    Raises:
        ValueError: If there are both quantiles and a distribution.

    Example:
        >>> import numpy as np
        >>> from tcn.metrics import CRPS
        >>> round(float(CRPS(distribution="normal")(np.zeros((1, 1)), np.array([[[0.0, 1.0]]]))), 4)
        0.2337

    Reference:
        Gneiting, Raftery (2007), Strictly Proper Scoring Rules, Prediction, and Estimation.
    """

    def __init__(
        self, quantiles: Sequence[float] | None = None, distribution: Any = None, name: str | None = "crps"
    ) -> None:
        check_one_kind(quantiles, distribution)
        super().__init__(quantiles, distribution, name)

    def score(self, y_true: Any, y_pred: Any) -> Any:
        """Scores of all elements."""
        if self.distribution is not None:
            return self.distribution.crps(y_pred, y_true)
        if self.quantiles is None:
            return ops.absolute(y_true - y_pred[..., 0])
        return crps_from_quantiles(y_true, y_pred, np.array(self.quantiles, "float32"))


class _IntervalMetric(ForecastMetric):
    """Base of those that look at the central interval of a level."""

    def __init__(
        self,
        level: float,
        quantiles: Sequence[float] | None = None,
        distribution: Any = None,
        name: str | None = None,
    ) -> None:
        if not 0 < level < 100:
            raise ValueError(f"'level' must be a percentage between 0 and 100. Received: level={level!r}")
        check_one_kind(quantiles, distribution)
        if quantiles is None and distribution is None:
            raise ValueError(
                "'quantiles' or 'distribution' must tell what the outputs are. Received: neither of them"
            )
        super().__init__(quantiles, distribution, name)
        self.level = level
        self.ends = ((100 - level) / 200, (100 + level) / 200)
        if self.distribution is None:
            for end in self.ends:
                position_of(end, checked_quantiles(quantiles or ()))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "level": self.level}


@keras.saving.register_keras_serializable(package="tcn")
class Coverage(_IntervalMetric):
    """Share of the targets that lie in the central interval of a level; its ends belong to it.

    Args:
        level: Nominal coverage in percent, such as 80.
        quantiles: Probabilities of the model's outputs, if they are quantiles; with the interval's ends.
        distribution: Distribution or its name, if the outputs are its parameters.
        name: Name of the metric; with the level if not told.

    Raises:
        ValueError: If the level is none, the interval's ends are not among the quantiles, or there are both
            quantiles and a distribution, or neither.

    Example:
        >>> import numpy as np
        >>> from tcn.metrics import Coverage
        >>> metric = Coverage(80, quantiles=[0.1, 0.5, 0.9])
        >>> float(metric(np.array([[2.0, 5.0]]), np.array([[[1.0, 2.0, 3.0]] * 2])))
        0.5
    """

    def __init__(
        self,
        level: float,
        quantiles: Sequence[float] | None = None,
        distribution: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(level, quantiles, distribution, name or f"coverage_{level:g}")

    def score(self, y_true: Any, y_pred: Any) -> Any:
        """Scores of all elements."""
        ends = self.quantiles_of(y_pred, self.ends)
        inside = ops.logical_and(ends[..., 0] <= y_true, y_true <= ends[..., 1])
        return ops.cast(inside, "float32")


@keras.saving.register_keras_serializable(package="tcn")
class IntervalWidth(_IntervalMetric):
    """Mean width of the central interval of a level, in the units of the targets.

    Args:
        level: Nominal coverage in percent, such as 80.
        quantiles: Probabilities of the model's outputs, if they are quantiles; with the interval's ends.
        distribution: Distribution or its name, if the outputs are its parameters.
        name: Name of the metric; with the level if not told.

    Raises:
        ValueError: If the level is none, the interval's ends are not among the quantiles, or there are both
            quantiles and a distribution, or neither.

    Example:
        >>> import numpy as np
        >>> from tcn.metrics import IntervalWidth
        >>> metric = IntervalWidth(80, quantiles=[0.1, 0.5, 0.9])
        >>> float(metric(np.array([[2.0, 5.0]]), np.array([[[1.0, 2.0, 3.0]] * 2])))
        2.0
    """

    def __init__(
        self,
        level: float,
        quantiles: Sequence[float] | None = None,
        distribution: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(level, quantiles, distribution, name or f"width_{level:g}")

    def score(self, y_true: Any, y_pred: Any) -> Any:
        """Scores of all elements."""
        ends = self.quantiles_of(y_pred, self.ends)
        return ends[..., 1] - ends[..., 0]
