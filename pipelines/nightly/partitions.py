"""Many series in partitions: the same ones in the same order, wherever they are computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pipelines.errors import LackingError, PanelError
from pipelines.nightly.settings import Notify, Sink, Source, Tracking
from pipelines.panel import Panel
from pipelines.workers import open_workers

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.nightly.settings import JobSettings
    from pipelines.workers import Workers

Forecasts: TypeAlias = "tuple[pd.DataFrame | None, dict[Any, str]]"
"""Of the series that have what it takes, None without any; and what each of the others lacks."""


@contextmanager
def open_partitions(job: JobSettings, n_series: int) -> Iterator[Workers | None]:
    """Open the workers that share the series of a night, if there are enough of them for that.

    Args:
        job: Settings.
        n_series: Number of series.

    Yields:
        The workers; None where one process does it.
    """
    how = job.partitions
    if how.kind == "single" or n_series <= how.series:
        yield None
        return
    with open_workers(how.kind, how.workers, how.address) as workers:
        yield workers


def parts_of(panel: Panel, job: JobSettings) -> list[Panel]:
    """Part series.

    Args:
        panel: The series.
        job: Settings, with the size of the partitions.

    Returns:
        Panels of so many series each, the last one of the rest.
    """
    size = job.partitions.series
    if panel.n_series <= size:
        return [panel]
    return [
        panel.select(np.arange(begin, min(begin + size, panel.n_series)))
        for begin in range(0, panel.n_series, size)
    ]


def told_to_workers(job: JobSettings) -> JobSettings:
    """Return settings that may leave this process: no place, and so no password.

    Args:
        job: Settings.
    """
    places = {"source": Source(path="-"), "sink": Sink(path="-"), "tracking": Tracking(), "notify": Notify()}
    return job.model_copy(update=places).seen_from_file({})


def forecast_partitions(
    forecaster: Forecaster,
    bundle: Path,
    panel: Panel,
    future: pd.DataFrame | None,
    job: JobSettings,
    workers: Workers | None = None,
) -> tuple[pd.DataFrame, dict[Any, str]]:
    """Forecast all series that have what it takes, partition by partition.

    Args:
        forecaster: What was loaded from the bundle.
        bundle: Where workers load it from.
        panel: The series.
        future: Future covariates.
        job: Settings: levels, and the size of the partitions.
        workers: Who forecasts the partitions; None for this process.

    Returns:
        A row per series and step, as ``Forecaster.predict`` gives them, to the bit the same for every kind of
        worker; and of each series that lacks something, its id and what that is.

    Raises:
        PanelError: If all of them lack something.
    """
    import pandas as pd

    levels = job.model.levels
    # Series that see each other cannot be parted.
    parts = [panel] if forecaster.settings_.multivariate else parts_of(panel, job)
    if workers is None or len(parts) == 1:
        made = [_forecast(forecaster, part, future, levels) for part in parts]
    else:
        calls = [workers.submit(_forecast_part, str(bundle), part, future, levels) for part in parts]
        made = [call.result() for call in calls]
    lacking = {name: why for _, lacks in made for name, why in lacks.items()}
    frames = [frame for frame, _ in made if frame is not None]
    if not frames:
        raise PanelError(next(iter(lacking.values())))
    return pd.concat(frames, ignore_index=True), lacking


def _forecast(
    forecaster: Forecaster, part: Panel, future: pd.DataFrame | None, levels: tuple[float, ...]
) -> Forecasts:
    """Forecast those of some series that lack nothing, if any."""
    lacking: dict[Any, str] = {}
    while True:
        try:
            return forecaster.predict(part, future, levels=levels), lacking
        except LackingError as error:
            if forecaster.settings_.multivariate:
                raise
            lacking |= dict.fromkeys(error.series, str(error))
            good = ~np.isin(part.ids, np.asarray(error.series, part.ids.dtype))
            if not good.any():
                return None, lacking
            part = part.select(good)


def _forecast_part(
    bundle: str, part: Panel, future: pd.DataFrame | None, levels: tuple[float, ...]
) -> Forecasts:
    return _forecast(_loaded(bundle), part, future, levels)


@lru_cache(maxsize=1)
def _loaded(bundle: str) -> Forecaster:
    from pipelines.forecaster import Forecaster
    from pipelines.saving import runtime_of

    return Forecaster.load(bundle, runtime_of(Path(bundle)))
