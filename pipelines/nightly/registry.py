"""The registered model of a job: its alias is followed where people move it, and moved where the job does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipelines.errors import StateError
from pipelines.nightly.champions import line_of_succession, version_record
from pipelines.nightly.history import last_known
from pipelines.nightly.labels import label
from pipelines.nightly.records import Finding, Version
from pipelines.nightly.sealed import read_sealed, write_sealed
from pipelines.nightly.state import JobFolder
from pipelines.redaction import redacted

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

_SEEN: Final = "registry.json"


def follow(job: JobSettings, folder: JobFolder, cutoff: Cutoff, findings: list[Finding]) -> None:
    """Make the version that the registry calls champion the job's, if somebody has moved the alias.

    A job that has never trained begins with it.

    Args:
        job: Settings.
        folder: The job's folder.
        cutoff: Of the night.
        findings: Takes what has changed, and what keeps the registry from being asked.
    """
    if job.tracking.model is None:
        return
    try:
        _follow(job, folder, cutoff, findings)
    except Exception as error:  # MLflow's own, too: a damaged store must not keep the night from its forecast
        text = redacted(str(error))
        findings.append(
            Finding("registry", "warn", f"The registry could not be followed, the champion stays: {text}")
        )


def announce(job: JobSettings, folder: JobFolder, findings: list[Finding]) -> None:
    """Register the champion, if the registry does not have it yet, and move the alias to it.

    Args:
        job: Settings.
        folder: The job's folder.
        findings: Takes what keeps it from being registered; the next night tries again.
    """
    line = line_of_succession(job, folder, [])
    if job.tracking.model is None or not line:
        return
    digest = line[0].record["bundle_sha256"]
    if digest == _seen(folder):
        return
    try:
        from pipelines.serving import Reference, Registry, register

        registry = Registry(store_of(job, folder))
        known = [each for each in registry.list() if (each.name, each.digest) == (job.tracking.model, digest)]
        if known:
            registry.promote(Reference(job.tracking.model, version=known[0].version))
        else:
            register(line[0].bundle, job.tracking.model, store_of(job, folder), "champion")
    except Exception as error:  # MLflow's own, too: the forecast is out
        findings.append(
            Finding("registry", "warn", f"The champion could not be registered: {redacted(str(error))}")
        )
    else:
        write_sealed(folder.path / _SEEN, {"sha256": digest})


def store_of(job: JobSettings, folder: JobFolder) -> str:
    """Return where runs and models are kept: by default in the folder of the job.

    Args:
        job: Settings.
        folder: The job's folder.
    """
    return job.tracking.uri or str(folder.path / "tracking")


def _follow(job: JobSettings, folder: JobFolder, cutoff: Cutoff, findings: list[Finding]) -> None:
    from pipelines.serving import Registry
    from pipelines.serving.registry import fetched

    name, seen = str(job.tracking.model), _seen(folder)
    if seen is None and not folder.is_fresh:
        return  # the job has registered nothing yet
    registered = Registry(store_of(job, folder)).list()
    chosen = next((each for each in registered if each.name == name and "champion" in each.aliases), None)
    if chosen is None or chosen.digest in (seen, None):
        return
    known = {version.record["bundle_sha256"]: version for version in folder.versions()}
    version = known.get(chosen.digest)
    if version is None:
        with fetched(f"{name}/{chosen.version}", store_of(job, folder)) as (bundle, _):
            version = _adopt(job, folder, bundle, chosen.version)
    reason = f"Version {chosen.version} of {name!r} was made champion in the registry."
    folder.promote(version.number, reason, label(cutoff))
    write_sealed(folder.path / _SEEN, {"sha256": chosen.digest})
    findings.append(Finding("registry", "warn", f"{reason} It is the job's version {version.number}."))


def _adopt(job: JobSettings, folder: JobFolder, bundle: Path, number: str) -> Version:
    """Keep a bundle that another process has made, once it has shown that it forecasts."""
    from pipelines.forecaster import Forecaster
    from pipelines.saving import runtime_of

    forecaster = Forecaster.load(bundle, runtime_of(bundle))
    cutoff = last_known(forecaster.panel_)
    reason = f"Taken over from version {number} of the registry."
    record = version_record(forecaster, job.name, cutoff, reason, promoted=True, scores={}, facts=None)
    return folder.write_version(lambda place: _copy(bundle, place), record)


def _copy(bundle: Path, place: Path) -> None:
    shutil.copytree(bundle, place)


def _seen(folder: JobFolder) -> str | None:
    """Checksum of the bundle that the registry was last seen to call champion; None if that is not known."""
    try:
        return str(read_sealed(folder.path / _SEEN)["sha256"])
    except StateError:
        return None
