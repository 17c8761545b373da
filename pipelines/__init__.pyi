from . import datasets, similarity
from .covariates import Covariates
from .errors import (
    BundleError,
    BusyError,
    ConfigError,
    ForecastingError,
    NotFittedError,
    PanelError,
    WorkerError,
)
from .explaining import Explanation, explain
from .forecaster import Forecaster
from .metrics import Scores, evaluate
from .panel import Panel
from .ranking import leaderboard
from .store import PanelStore
from .tuning import SearchSpace, tune
from .windowing import RegressorForecaster, RollingOriginSplit, WindowTransformer

__version__: str
__all__ = [
    "BundleError",
    "BusyError",
    "ConfigError",
    "Covariates",
    "Explanation",
    "Forecaster",
    "ForecastingError",
    "NotFittedError",
    "Panel",
    "PanelError",
    "PanelStore",
    "RegressorForecaster",
    "RollingOriginSplit",
    "Scores",
    "SearchSpace",
    "WindowTransformer",
    "WorkerError",
    "datasets",
    "evaluate",
    "explain",
    "leaderboard",
    "similarity",
    "tune",
]
