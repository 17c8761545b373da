"""Forecasting pipelines around temporal convolution networks: data, training, backtests, tracking, commands.

Names are imported when they are first used, so ``import pipelines`` loads neither TensorFlow nor pandas.

Example:
    >>> from pipelines import PanelError, datasets
    >>> datasets.names()
    ('bike_sharing', 'nyc_airport_weather', 'us_unemployment')
    >>> issubclass(PanelError, ValueError)
    True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.errors import (
        BundleError,
        BusyError,
        ConfigError,
        ForecastingError,
        NotFittedError,
        PanelError,
    )
    from pipelines.forecaster import Forecaster
    from pipelines.metrics import Scores, evaluate
    from pipelines.panel import Panel

__version__ = "0.1.0"

__all__ = [
    "BundleError",
    "BusyError",
    "ConfigError",
    "Forecaster",
    "ForecastingError",
    "NotFittedError",
    "Panel",
    "PanelError",
    "Scores",
    "__version__",
    "evaluate",
]

_HOME = {
    "BundleError": "errors",
    "BusyError": "errors",
    "ConfigError": "errors",
    "Forecaster": "forecaster",
    "ForecastingError": "errors",
    "NotFittedError": "errors",
    "Panel": "panel",
    "PanelError": "errors",
    "Scores": "metrics",
    "evaluate": "metrics",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    value = getattr(import_module(f"pipelines.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
