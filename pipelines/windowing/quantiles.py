"""Regressors of quantiles, made of one regressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sklearn.base import clone

_MEDIAN: Final = 0.5


def has_quantiles(regressor: Any) -> bool:
    """Whether a regressor, or the last step of a pipeline, has a quantile loss.

    Args:
        regressor: The regressor.

    Example:
        >>> from sklearn.linear_model import QuantileRegressor, Ridge
        >>> has_quantiles(QuantileRegressor()), has_quantiles(Ridge())
        (True, False)
    """
    return _argument(regressor) is not None


def regressors_of(regressor: Any, probabilities: Sequence[float], seed: int) -> dict[float, Any]:
    """Make a regressor of each quantile.

    Args:
        regressor: What they are copies of; one without a quantile loss is what it is, for the median alone.
        probabilities: Of the quantiles.
        seed: Random state of those that have none.

    Returns:
        Probability to an unfitted regressor.

    Example:
        >>> from sklearn.ensemble import HistGradientBoostingRegressor
        >>> regressors_of(HistGradientBoostingRegressor(), [0.1], seed=0)
        {0.1: HistGradientBoostingRegressor(loss='quantile', quantile=0.1, random_state=0)}
    """
    copy = clone(regressor)
    states = {
        name: seed
        for name, value in copy.get_params().items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    copy.set_params(**states)
    argument = _argument(copy)
    if argument is None:
        return {_MEDIAN: copy}
    loss = argument.removesuffix("quantile") + "loss"
    by_quantile = {loss: "quantile"} if loss in copy.get_params() else {}
    return {
        probability: clone(copy).set_params(**by_quantile, **{argument: probability})
        for probability in probabilities
    }


def _argument(regressor: Any) -> str | None:
    """Name of the argument that is the probability of a quantile."""
    names = [name for name in regressor.get_params() if name.split("__")[-1] == "quantile"]
    return names[0] if len(names) == 1 else None
