"""Forecast with a saved forecaster: with as little as that takes, which is not TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import datasets
from pipelines.forecaster import Forecaster
from pipelines.jobs.files import check_finite, write_frame
from pipelines.jobs.fitting import load_forecaster
from pipelines.jobs.outputs import output_path
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import read_source
from pipelines.jobs.warned import note_gaps, warnings_as_notes
from pipelines.panel import Panel
from pipelines.saving import runtime_of
from pipelines.similarity import ColdStart

if TYPE_CHECKING:
    import pandas as pd


def run_predict(
    bundle: str | Path,
    output: str | Path,
    *,
    source: str | None = None,
    future: str | None = None,
    static: str | None = None,
    levels: Sequence[float] | None = None,
    cold_start: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Forecast with a saved forecaster, without training.

    On ONNX Runtime, where that is installed and the bundle has ``model.onnx``; else with Keras.

    Args:
        bundle: Folder of the bundle.
        output: File to write, ``.csv`` or ``.parquet``.
        source: A new history; by default the one in the bundle.
        future: File of future covariates, a row per series and step ahead.
        static: File of static covariates; by default they are columns of the history, or those in the bundle.
        levels: Interval levels in percent; by default those of the bundle.
        cold_start: Whether short series borrow from those in the bundle, see
            ``pipelines.similarity.ColdStart``.
        progress: Where to show the stages.

    Returns:
        The forecasts.

    Raises:
        BundleError: The bundle is missing or damaged.
        PanelError: The data are missing or cannot be used.
        ConfigError: The output is no such file, cannot be written, or is the data or part of earlier results.
        ForecastingError: A forecast is not finite.

    Example:
        >>> run_predict("no-such-bundle", "next.csv")
        Traceback (most recent call last):
        pipelines.errors.BundleError: ...
    """
    stages, path = Stages(progress), output_path(output, source, future, static)
    forecaster = load_for_prediction(bundle, stages)
    history = None
    if source is not None:
        with stages("read the data"):
            frame, _ = read_source(source, forecaster.id_col)
            columns = (forecaster.id_col, forecaster.time_col, forecaster.target_col)
            asked = forecaster.settings_.covariates
            history = Panel.from_frame(frame, forecaster.plan_.freq, *columns, covariates=asked)
            note_gaps(history, stages)
    ahead, constant = (
        None if file is None else datasets.read_table(file, id_col=forecaster.id_col)
        for file in (future, static)
    )
    with stages("forecast"), warnings_as_notes(stages):
        predict = ColdStart(forecaster).predict if cold_start else forecaster.predict
        forecast = predict(history, ahead, constant, levels)
        check_finite(forecast, (forecaster.id_col, forecaster.time_col, forecaster.target_col))
    with stages("write"):
        write_frame(forecast, path)
    return forecast


def load_for_prediction(bundle: str | Path, stages: Stages) -> Forecaster:
    """Load a saved forecaster with ONNX Runtime, or with Keras where that is not to be had.

    Args:
        bundle: Folder of the bundle.
        stages: Where to show and measure the stages.

    Returns:
        The forecaster.

    Raises:
        BundleError: The bundle is missing or damaged.
        ConfigError: Neither is installed.
    """
    if runtime_of(Path(bundle)) == "keras":
        return load_forecaster(bundle, stages)
    with stages("read the bundle"):
        return Forecaster.load(bundle, runtime="onnx")
