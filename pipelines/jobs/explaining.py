"""Explanations as a job: of a saved network or of one that is fitted to data, into a folder of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines import datasets
from pipelines.errors import ConfigError
from pipelines.jobs.files import plain, write_frame, write_json
from pipelines.jobs.fitting import fit, load_forecaster, plan
from pipelines.jobs.model_jobs import as_in
from pipelines.jobs.outputs import refuse_data
from pipelines.jobs.results_folder import results_folder
from pipelines.jobs.signals import signals_wait
from pipelines.jobs.stages import Progress, Stages
from pipelines.jobs.task import Request, Task
from pipelines.jobs.versions import versions
from pipelines.jobs.warned import note_gaps, warnings_as_notes
from pipelines.panel import panel_digest

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.explaining import Explanation
    from pipelines.forecaster import Forecaster
    from pipelines.panel import Panel

PAGE, FACTS, BUNDLE = "explanation.html", "explanation.json", "bundle"


@dataclass(frozen=True)
class Explained:
    """What an explanation leaves behind.

    Args:
        name: What reports call the data.
        explanation: The explanation.
        files: Files and folders that were published.
        seconds: Stage to the time that it took.
    """

    name: str
    explanation: Explanation
    files: Sequence[Path]
    seconds: Mapping[str, float] = field(default_factory=dict)


def run_explain(
    request: Request | None,
    output: str | Path,
    *,
    bundle: str | Path | None = None,
    future: str | None = None,
    series: Sequence[str] | None = None,
    cutoff: str | None = None,
    quantile: float = 0.5,
    width: int | None = None,
    progress: Progress | None = None,
) -> Explained:
    """Explain forecasts of a saved network, or of one that is fitted to all rows of data first.

    Args:
        request: Data and settings; None for the history of the bundle. With a bundle, none that it has
            already.
        output: Folder of the results, replaced all at once at the very end: ``explanation.html``,
            ``explanation.json``, a Parquet file for each frame, and ``bundle`` if a network was fitted.
        bundle: Folder of a saved network; None to fit one.
        future: File of future covariates for the history of the bundle; with a request, its own counts.
        series: Ids of the series to explain; None for all, or some of many.
        cutoff: Last stamp known; None for the last of each series.
        quantile: Which quantile to explain.
        width: Steps of the past that are hidden together; None for a width that goes with the network.
        progress: Where to show the stages.

    Returns:
        The explanation and where it lies.

    Raises:
        BundleError: The bundle is missing or damaged.
        PanelError: The data are missing or cannot be used.
        ConfigError: A setting is not allowed, there is neither data nor a bundle, TensorFlow is missing, or
            the output cannot be written to.
        BusyError: Another job writes to the output.
    """
    from pipelines.explaining import FRAMES, explain
    from pipelines.explaining.page import write_page

    if request is not None:
        read = partial(_with_data, request, bundle, cutoff is None)
    elif bundle is not None:
        read = partial(_of_history, bundle, future)
    else:
        raise ConfigError("An explanation needs data or a bundle. Received: neither; name one of them.")
    stages = Stages(progress)
    frames = [f"{name}.parquet" for name in FRAMES]
    names = (PAGE, FACTS, *frames, *([BUNDLE] if bundle is None else []))
    files = (future,) if request is None else request.files
    refuse_data(files, *(Path(output) / name for name in names))
    with results_folder(output, names) as folder:
        name, forecaster, panel, ahead = read(stages)
        known = forecaster.panel_ if panel is None else panel
        with stages("explain"), warnings_as_notes(stages):
            found = explain(
                forecaster,
                panel,
                ahead,
                unique_id=None if series is None else _ids(known, series),
                cutoff=cutoff,
                quantile=quantile,
                width="auto" if width is None else width,
            )
        for note in found.notes:
            stages.progress.note(note)
        with stages("write"), warnings_as_notes(stages):
            for frame, file in zip(FRAMES, frames, strict=True):
                write_frame(getattr(found, frame), folder.draft / file)
            facts = {"name": name, "data_sha256": panel_digest(known)}
            write_json(plain({**facts, "versions": versions(), **found.to_dict()}), folder.draft / FACTS)
            write_page(found, folder.draft / PAGE, name)
            if bundle is None:
                forecaster.save(folder.draft / BUNDLE)
        with stages("publish"), signals_wait():
            published = folder.publish(facts)
    return Explained(name, found, published, dict(stages.seconds))


class _Read(NamedTuple):
    """What is explained: None for the panel stands for the history that a bundle keeps."""

    name: str
    forecaster: Forecaster
    panel: Panel | None
    future: pd.DataFrame | None


def _of_history(bundle: str | Path, future: str | None, stages: Stages) -> _Read:
    """A saved forecaster on its own history."""
    saved = load_forecaster(bundle, stages)
    ahead = None if future is None else datasets.read_table(future, id_col=saved.id_col)
    return _Read(Path(bundle).name, saved, None, ahead)


def _with_data(request: Request, bundle: str | Path | None, at_the_end: bool, stages: Stages) -> _Read:
    """A saved forecaster on other data, or one that is fitted to all of them."""
    saved = None if bundle is None else load_forecaster(bundle, stages)
    with stages("read the data"):
        task = Task.load(request if saved is None else as_in(saved, request))
        note_gaps(task.panel, stages)
    forecaster = saved or task.forecaster()
    if saved is None:
        if at_the_end:
            task.check_future(task.panel)
        plan(forecaster, task.panel, stages)
        fit(forecaster, task.panel, stages)
    return _Read(task.name, forecaster, task.panel, task.future)


def _ids(panel: Panel, names: Sequence[str]) -> list[Any]:
    """Ids as the data have them: a command names numbers by their digits."""
    ids = {str(name): name for name in panel.ids.tolist()}
    return [ids.get(name, name) for name in names]
