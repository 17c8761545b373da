"""Nights in MLflow: a run for each, and one for the job whose metrics go on from night to night."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.errors import ConfigError, ForecastingError
from pipelines.nightly.labels import label
from pipelines.nightly.records import Finding
from pipelines.nightly.secrets import hide
from pipelines.redaction import redacted

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

_DAY: Final = 86_400
KIND: Final = "tcn.kind"


def track_night(
    job: JobSettings,
    home: Path,
    cutoff: Cutoff,
    *,
    facts: Mapping[str, Any],
    figures: Mapping[str, float],
    findings: Sequence[Finding],
    now: datetime,
    failure: BaseException | None = None,
) -> str | None:
    """Write the run of a night; that of an earlier attempt goes on, so that there is one for each key.

    Args:
        job: Settings.
        home: The job's folder.
        cutoff: Last time stamp that the night knew.
        facts: What the run is known by: versions, series, digests.
        figures: Metrics of the night, and of the nights that were scored in it.
        findings: What was odd.
        now: When the night began.
        failure: What ended it; None if it went well.

    Returns:
        Id of the run; None if runs are not kept.

    Raises:
        BusyError: The store cannot be used just now.
        ConfigError: The store cannot be used.
    """
    if not job.tracking.enabled:
        return None
    with _whole_store():
        from pipelines.tracking import Tracker
        from pipelines.tracking.records import finite_points

        store = job.tracking.uri or home / "tracking"
        tracker = Tracker(store, job.name, artifacts=home / "tracking", spool=home / "unsent")
        text, began = label(cutoff), int(now.timestamp() * 1000)
        said = None if failure is None else hide(f"{type(failure).__name__}: {failure}", job)
        run, _ = tracker.open_run(
            f"{job.name} {text}", f"{job.name}|{text}|{job.fingerprint}", {KIND: "night"}, began
        )
        with run:
            run.log_params({name: _text(value) for name, value in facts.items()})
            run.log_points(finite_points((name, value, 0) for name, value in figures.items()))
            run.log_tags({"mlflow.note.content": hide(_note(job, text, findings, said), job)})
            if said is not None:
                run.log_tags({"error": said})
        if said is not None:
            run.end("FAILED")
            return run.run_id
        key = f"{job.name}|all nights"
        watch, _ = tracker.open_run(f"{job.name}: all nights", key, {KIND: "job"}, began)
        with watch:
            step = _step(cutoff)
            watch.log_points(finite_points((name, value, step) for name, value in figures.items()))
    return run.run_id


@contextmanager
def _whole_store() -> Iterator[None]:
    """Give the errors of a damaged store a name, in the place of the pages that MLflow logs of them."""
    told = logging.getLogger("mlflow.store.db.utils")
    before, told.disabled = told.disabled, True
    try:
        yield
    except (ForecastingError, OSError):
        raise
    except Exception as error:
        raise ConfigError(
            f"The MLflow store of a job must be whole. Received: {type(error).__name__}: "
            f"{redacted(str(error)).splitlines()[0]:.300}; put it back from a backup, or move it away: "
            "the next night makes one."
        ) from error
    finally:
        told.disabled = before


def _step(cutoff: Cutoff) -> int:
    """Where a night lies on the axis of metrics: days since 1970, seconds where nights are shorter."""
    if isinstance(cutoff, int):
        return cutoff
    seconds = int(cutoff.timestamp())
    return seconds // _DAY if seconds % _DAY == 0 else seconds


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _note(job: JobSettings, cutoff: str, findings: Sequence[Finding], failure: str | None) -> str:
    state = f"**Failed**: {failure}" if failure is not None else "Published."
    lines = [f"# {job.name}, {cutoff}", "", state, ""]
    lines += [f"- {finding.check} ({finding.severity}): {finding.message}" for finding in findings]
    return "\n".join(lines)
