"""A bundle as a model of MLflow; nothing of it is pickled."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel
from mlflow.pyfunc.model import PythonModel

from pipelines.errors import ForecastingError, PanelError
from pipelines.forecaster import Forecaster
from pipelines.saving import runtime_of
from pipelines.serving.forecasts import Forecasts, Wanted
from pipelines.serving.kinds import check_names

ARTIFACT: Final = "bundle"
"""Name of the bundle among the artifacts of the model."""
PARAMS: Final = ("horizon", "levels")


class BundleModel(PythonModel):
    """Forecasts of a bundle; what a client sends is brought to what the bundle learned, see ``Kinds``."""

    def load_context(self, context: Any) -> None:
        """Read the bundle; MLflow calls this when the model is loaded.

        Args:
            context: Where the artifacts are.

        Raises:
            BundleError: If the bundle is damaged or was changed.
        """
        path = Path(context.artifacts[ARTIFACT])
        self._forecasts = Forecasts.of(Forecaster.load(path, runtime_of(path)).fitted_)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Forecast the steps after each series' last row.

        Args:
            context: What ``load_context`` was given.
            model_input: Rows as for ``Forecaster.predict``; without any, the history of the bundle. Future
                covariates of the steps ahead stand in rows after the last value of their series.
            params: ``horizon``, at most that of the fit, and ``levels`` of intervals, in percent.

        Returns:
            What ``Forecaster.predict`` returns.

        Raises:
            MlflowException: If a row, column or param cannot be used; servers answer it with status 400.
        """
        rows, given = as_given(model_input, params)
        try:
            check_names([*given], PARAMS, "Params")
            if not isinstance(rows, pd.DataFrame):
                check_names(_columns(rows), self._forecasts.kinds.columns, "Columns of rows")
                rows = model_input  # MLflow has made a frame of it
            wanted = Wanted((params or {}).get("levels"), None, (params or {}).get("horizon"))
            frame = self._forecasts.predict_together(rows, wanted).frame
        except ForecastingError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return frame


def _columns(rows: Any) -> list[Any]:
    """Columns of what is no frame."""
    if isinstance(rows, dict):
        return [*rows]
    if isinstance(rows, list) and all(isinstance(record, dict) for record in rows):
        return list(dict.fromkeys(name for record in rows for name in record))
    raise PanelError(
        f"Rows must be a frame, a list of records, or an object of columns. Received: {type(rows).__name__}; "
        "send dataframe_records or dataframe_split."
    )


def as_given(model_input: Any, params: dict[str, Any] | None) -> tuple[Any, dict[str, Any]]:
    """Return what was asked of the model, with the columns and params that its signature does not know.

    MLflow drops those before the model sees them, and says so in a log only. A misspelt column or param
    would then change the forecast without an error. What the caller passed is still known to the method of
    MLflow that it called.

    Args:
        model_input: What is left of the rows.
        params: What is left of the params.

    Returns:
        Rows and params as the caller passed them.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code is PyFuncModel.predict.__code__:
            return frame.f_locals["data"], frame.f_locals["params"] or {}
        frame = frame.f_back
    return model_input, params or {}
