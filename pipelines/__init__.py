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
    from pipelines import datasets
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
    "datasets",
    "evaluate",
]

# Public name to the module that defines it; None for a public module.
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
    "datasets": None,
    "evaluate": "metrics",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    home = _HOME[name]
    if home is None:
        return import_module(f"pipelines.{name}")
    value = getattr(import_module(f"pipelines.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
