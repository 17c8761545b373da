"""Forecasts of many series in partitions: the same ones in the same order, wherever they are computed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.panel import Panel
from pipelines.workers import open_workers

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.nightly.settings import JobSettings


def forecast_partitions(
    forecaster: Forecaster, bundle: Path, panel: Panel, future: pd.DataFrame | None, job: JobSettings
) -> pd.DataFrame:
    """Forecast all series, partition by partition.

    Args:
        forecaster: What was loaded from the bundle.
        bundle: Where workers load it from.
        panel: The series.
        future: Future covariates.
        job: Settings: levels, size of the partitions, and who computes them.

    Returns:
        A row per series and step, as ``Forecaster.predict`` gives them; to the bit the same for every kind of
        worker.
    """
    import pandas as pd

    how, levels = job.partitions, job.model.levels
    # Series that see each other cannot be parted.
    parts = [panel] if forecaster.settings_.multivariate else list(_parts(panel, how.series))
    if how.kind == "single" or len(parts) == 1:
        frames = [forecaster.predict(part, future, levels=levels) for part in parts]
    else:
        with open_workers(how.kind, how.workers, how.address) as workers:
            calls = [workers.submit(_forecast_part, str(bundle), part, future, levels) for part in parts]
            frames = [call.result() for call in calls]
    return pd.concat(frames, ignore_index=True)


def _parts(panel: Panel, size: int) -> Iterator[Panel]:
    for begin in range(0, panel.n_series, size):
        yield panel.select(np.arange(begin, min(begin + size, panel.n_series)))


def _forecast_part(
    bundle: str, part: Panel, future: pd.DataFrame | None, levels: tuple[float, ...]
) -> pd.DataFrame:
    return _loaded(bundle).predict(part, future, levels=levels)


@lru_cache(maxsize=1)
def _loaded(bundle: str) -> Forecaster:
    from pipelines.forecaster import Forecaster
    from pipelines.saving import runtime_of

    return Forecaster.load(bundle, runtime_of(Path(bundle)))
