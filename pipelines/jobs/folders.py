"""Data larger than memory: a folder of Parquet files, read through a store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipelines import datasets
from pipelines.bundle import check_replaceable
from pipelines.errors import ConfigError
from pipelines.forecaster import Forecaster
from pipelines.jobs.files import check_finite, write_frame
from pipelines.jobs.fitting import fit, plan
from pipelines.jobs.predicting import load_for_prediction
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import Request, Task, check_asked_for
from pipelines.jobs.warned import warnings_as_notes
from pipelines.store import PanelStore, check_free, fresh_folder, is_store


def is_folder(source: str | None) -> bool:
    """Whether data are a folder of files rather than a file or a data set.

    Args:
        source: Name or path; None for none.

    Returns:
        Whether it is one.
    """
    return source is not None and source not in datasets.names() and Path(source).is_dir()


def run_fit_folder(
    request: Request,
    bundle: str | Path,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> Forecaster:
    """Fit on all rows of a folder of Parquet files, in bounded memory, and save the forecaster.

    Args:
        request: Data, a folder of files or a store, and settings.
        bundle: Folder of the bundle; a bundle that is there is replaced.
        store: Folder to make and to keep the data in as a store; None for one that is deleted.
        progress: Where to show the stages.

    Returns:
        The fitted forecaster.

    Raises:
        PanelError: The data are missing or cannot be used.
        ConfigError: A setting is not allowed, the fit needs more memory than there is, or an output lies in
            the data.
        BundleError: The folder of the bundle holds something else.

    Example:
        >>> from pipelines.jobs import Request
        >>> run_fit_folder(Request("no-such-folder", horizon=28), "model")
        Traceback (most recent call last):
        pipelines.errors.PanelError: ...
    """
    stages = Stages(progress)
    check_asked_for(request)
    for place in (bundle, store):
        _refuse_inside(request.source, place)
    check_replaceable(Path(bundle))
    columns = (request.id_col, request.time_col, request.target_col)
    with _opened(request.source, request.freq, columns, Path(bundle), store, stages) as data:
        task = Task.of(request, data.select(np.zeros(1, np.int64)))
        forecaster = task.forecaster()
        plan(forecaster, data, stages)
        fit(forecaster, data, stages)
        with stages("write"), warnings_as_notes(stages):
            forecaster.save(bundle)
    return forecaster


def run_predict_folder(
    bundle: str | Path,
    output: str | Path,
    source: str,
    *,
    levels: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> int:
    """Forecast from a folder of Parquet files, in bounded memory.

    Args:
        bundle: Folder of a bundle.
        output: Folder to make: of Parquet files, one for each part, that are there together or not at all.
        source: Folder of files, or a store.
        levels: Interval levels in percent; by default those of the bundle.
        progress: Where to show the stages.

    Returns:
        Number of rows written.

    Raises:
        BundleError: The bundle is missing or damaged.
        PanelError: The data are missing or cannot be used.
        ConfigError: The output is there already, cannot be written, or lies in the data.
        ForecastingError: A forecast is not finite.

    Example:
        >>> run_predict_folder("no-such-bundle", "forecasts", "no-such-folder")
        Traceback (most recent call last):
        pipelines.errors.BundleError: ...
    """
    stages, rows = Stages(progress), 0
    _refuse_inside(source, output)
    check_free(Path(output))
    forecaster = load_for_prediction(bundle, stages)
    columns = (forecaster.id_col, forecaster.time_col, forecaster.target_col)
    with (
        _opened(source, forecaster.plan_.freq, columns, Path(output), None, stages) as data,
        stages("forecast"),
        warnings_as_notes(stages),
        fresh_folder(Path(output)) as folder,
    ):
        for number, forecast in enumerate(forecaster.predict_parts(data, levels)):
            check_finite(forecast, columns)
            write_frame(forecast, folder / f"part-{number:05d}.parquet")
            rows += len(forecast)
    return rows


@contextmanager
def _opened(
    source: str,
    freq: str | None,
    columns: tuple[str, str, str],
    output: Path,
    kept: str | Path | None,
    stages: Stages,
) -> Iterator[PanelStore]:
    """Open data as a store; one that is not to be kept lies beside the output, as long as the block lasts."""
    if is_store(source):
        if kept is not None:
            raise ConfigError(f"A store needs no other one. Received: {source!r}; leave out --store.")
        with stages("read the data"):
            data = PanelStore.open(source)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.absolute().parent) as folder:
        with stages("read the data"):
            data = PanelStore.create(source, kept or Path(folder) / "store", freq, *columns)
        yield data


def _refuse_inside(source: str, place: str | Path | None) -> None:
    if place is not None and Path(place).resolve().is_relative_to(Path(source).resolve()):
        raise ConfigError(
            f"The output must not lie in the data. Received: {str(place)!r}, in {source!r}; name another one."
        )
