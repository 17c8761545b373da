"""Windows for any regressor of scikit-learn, on the origins that networks are trained on."""

from pipelines.windowing.regressor import RegressorForecaster
from pipelines.windowing.splits import RollingOriginSplit
from pipelines.windowing.transformer import WindowTransformer

__all__ = ["RegressorForecaster", "RollingOriginSplit", "WindowTransformer"]
