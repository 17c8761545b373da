"""How a job is doing, for people and for the page that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ForecastingError, StateError
from pipelines.nightly.champions import line_of_succession
from pipelines.nightly.labels import label
from pipelines.nightly.publishing import check_owner
from pipelines.nightly.records import Finding, Night
from pipelines.nightly.sealed import read_sealed
from pipelines.nightly.sinks import open_sink
from pipelines.nightly.state import JobFolder
from pipelines.nightly.status_page import write_status_page

if TYPE_CHECKING:
    from pipelines.nightly.scored import Scored
    from pipelines.nightly.settings import JobSettings

FAILURE: Final = "last_failure.json"
"""File of what ended the last run, in the folder of a job; none if it went well."""


def status(job: JobSettings) -> dict[str, Any]:
    """Say how a job is doing.

    Args:
        job: Settings.

    Returns:
        JSON-able: ``job``, ``folder``, ``champion``, ``versions``, ``promotions``, ``nights`` (the latest
        first), ``published`` (what readers see of the job, None if it is damaged or nothing is), ``failure``
        of the last run, None if it went well, and ``damaged``.
    """
    folder = JobFolder.of(job)
    findings: list[Finding] = []
    line = line_of_succession(job, folder, findings)
    damaged: list[str] = []
    published = _published(job)
    nights = folder.nights(None, job.watch.nights, lambda error: damaged.append(str(error)))
    if published is not None:  # readers may see what other settings have made of a cutoff
        seen = JobFolder(folder.path, published["fingerprint"]).nights(None, job.watch.nights)
        shown = {label(night.cutoff): night for night in seen}.get(published["night"])
        nights = [shown if shown and label(each.cutoff) == published["night"] else each for each in nights]
    try:
        check_owner(job, folder)
    except ForecastingError as error:
        damaged.append(str(error))
    return {
        "job": job.name,
        "folder": str(folder.path),
        "champion": line[0].number if line else None,
        "versions": [_version(each.number, each.record) for each in reversed(folder.versions())],
        "promotions": [asdict(each) for each in reversed(folder.promotions())],
        "nights": [_night(each) for each in reversed(nights)],
        "published": published,
        "failure": _failure(folder),
        "damaged": [*damaged, *(finding.message for finding in findings)],
    }


def write_page(folder: JobFolder, job: JobSettings, scored: Scored, alarms: Sequence[Finding] = ()) -> None:
    """Write the page that shows how the job is doing.

    Args:
        folder: The job's folder.
        job: Settings.
        scored: Scores of its nights.
        alarms: Those that they raise.
    """
    write_status_page(folder.path / "status.html", status(job), scored, alarms)


def _version(number: int, record: Any) -> dict[str, Any]:
    return {"number": number, **{name: record[name] for name in ("cutoff", "scores", "reason")}}


def _night(night: Night) -> dict[str, Any]:
    return {
        "cutoff": label(night.cutoff),
        "fingerprint": night.fingerprint,
        "rows": night.rows,
        "series": night.series,
        "models": dict(night.models),
        "champion": night.record["champion"],
        "findings": night.record["findings"],
    }


def _published(job: JobSettings) -> dict[str, Any] | None:
    try:
        current = open_sink(job).current()
    except ForecastingError:
        return None
    return current if current is not None and current.get("job") == job.name else None


def _failure(folder: JobFolder) -> dict[str, Any] | None:
    path = folder.path / FAILURE
    try:
        return read_sealed(path) if path.exists() else None
    except StateError as error:
        return {"cutoff": "", "error": "StateError", "message": str(error)}
