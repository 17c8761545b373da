"""Runs of one store written to another, so that doing it twice, or half and then again, is doing it once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pipelines.errors import BusyError
from pipelines.tracking.tags import CONTINUES, KEY, PARENT, SPOOLED

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

_PAGE: Final = 1000
_NAME: Final = "mlflow.runName"


def send_runs(source: MlflowClient, from_experiment: str, target: MlflowClient, to_experiment: str) -> int:
    """Write all runs of an experiment to another store, with their times and as the tree that they are.

    A run that is there already, or began there, gets what it lacks.

    Args:
        source: Client of the store that has the runs.
        from_experiment: Id of their experiment.
        target: Client of the other store.
        to_experiment: Id of the experiment there.

    Returns:
        How many runs were written.

    Raises:
        BusyError: A run has not arrived whole.
    """
    found = {run.info.run_id: run for run in source.search_runs([from_experiment], max_results=_PAGE * 50)}
    ids: dict[str, str] = {}
    for run in _parents_first(found):
        known = _find(run, target, to_experiment)
        left_out = (CONTINUES, _NAME) if CONTINUES in run.data.tags else ()
        tags = {name: text for name, text in run.data.tags.items() if name not in left_out}
        if PARENT in tags:
            tags[PARENT] = ids.get(tags[PARENT], tags[PARENT])
        if known is None:
            tags[SPOOLED] = run.info.run_id
            name, start = run.info.run_name, run.info.start_time
            known = target.create_run(to_experiment, start_time=start, run_name=name, tags=tags)
        ids[run.info.run_id] = known.info.run_id
        _write(source, run, target, known, tags)
    return len(ids)


def _parents_first(runs: dict[str, Run]) -> Iterator[Run]:
    def depth(run: Run) -> int:
        parent = runs.get(run.data.tags.get(PARENT, ""))
        return 0 if parent is None else 1 + depth(parent)

    return iter(sorted(runs.values(), key=lambda run: (depth(run), run.info.start_time)))


def _find(run: Run, target: MlflowClient, experiment: str) -> Run | None:
    """The run at the target that this one belongs to."""
    from mlflow.exceptions import MlflowException

    if CONTINUES in run.data.tags:
        try:
            return target.get_run(run.data.tags[CONTINUES])
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    for tag, value in ((SPOOLED, run.info.run_id), (KEY, run.data.tags.get(KEY))):
        if value:
            found = target.search_runs([experiment], f"tags.`{tag}` = '{value}'", max_results=1)
            if found:
                return found[0]
    return None


def _write(source: MlflowClient, run: Run, target: MlflowClient, known: Run, tags: dict[str, str]) -> None:
    from mlflow.entities import DatasetInput, Param, RunTag

    run_id = known.info.run_id
    params = [Param(name, text) for name, text in run.data.params.items() if name not in known.data.params]
    every = [RunTag(name, text) for name, text in tags.items() if text]
    target.log_batch(run_id, metrics=_lacking(source, run, target, known), params=params, tags=every)
    if run.inputs and run.inputs.dataset_inputs:
        inputs = [DatasetInput(one.dataset, one.tags) for one in run.inputs.dataset_inputs]
        target.log_inputs(run_id, datasets=inputs)
    files = Path(url2pathname(urlsplit(run.info.artifact_uri).path))
    if files.is_dir():
        target.log_artifacts(run_id, str(files))
    if "error" in known.data.tags and "error" not in tags:
        target.delete_tag(run_id, "error")
    # Of a process that was killed while it wrote.
    status = "KILLED" if run.info.status == "RUNNING" else run.info.status
    target.set_terminated(run_id, status=status, end_time=run.info.end_time)
    _check(run, files, target, run_id)


def _lacking(source: MlflowClient, run: Run, target: MlflowClient, known: Run) -> list[Metric]:
    """Points that the target does not have; the same point has the same step and value."""
    points = []
    for name in run.data.metrics:
        there = set()
        if name in known.data.metrics:
            run_id = known.info.run_id
            there = {(point.step, point.value) for point in target.get_metric_history(run_id, name)}
        own = source.get_metric_history(run.info.run_id, name)
        points += [point for point in own if (point.step, point.value) not in there]
    return points


def _check(run: Run, files: Path, target: MlflowClient, run_id: str) -> None:
    arrived = target.get_run(run_id)
    missing: set[Any] = {*run.data.params} - {*arrived.data.params}
    missing |= {*run.data.metrics} - {*arrived.data.metrics}
    if files.is_dir():
        sizes = {
            path.relative_to(files).as_posix(): path.stat().st_size
            for path in files.rglob("*")
            if path.is_file()
        }
        missing |= sizes.items() - dict(_files(target, run_id)).items()
    if missing:
        raise BusyError(
            f"A run must arrive whole. Received: {run.info.run_name!r} without "
            f"{', '.join(map(str, sorted(missing, key=str)[:5]))}; try again later."
        )


def _files(client: MlflowClient, run_id: str, path: str | None = None) -> Iterator[tuple[str, int]]:
    for entry in client.list_artifacts(run_id, path):
        if entry.is_dir:
            yield from _files(client, run_id, entry.path)
        else:
            yield entry.path, int(entry.file_size or 0)
