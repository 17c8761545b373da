"""What people do with a job between its nights: look, make up for missed nights, go back, train by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError
from pipelines.frequency import Freq
from pipelines.jobs.stages import Progress, Stages
from pipelines.nightly.afterwards import Outcome
from pipelines.nightly.alarms import alarms_of
from pipelines.nightly.champions import check_bundle, line_of_succession, with_freq
from pipelines.nightly.history import read_night
from pipelines.nightly.labels import label, unlabeled
from pipelines.nightly.limits import time_limit
from pipelines.nightly.matching import read_nights
from pipelines.nightly.publishing import check_owner
from pipelines.nightly.records import Cutoff, Finding
from pipelines.nightly.running import run_night
from pipelines.nightly.scored import Scored
from pipelines.nightly.scoring import score_nights
from pipelines.nightly.snapshot import read_snapshot
from pipelines.nightly.state import JobFolder

if TYPE_CHECKING:
    from pipelines.nightly.settings import JobSettings


def backfill(
    job: JobSettings,
    first: Cutoff,
    last: Cutoff,
    *,
    now: datetime,
    progress: Progress | None = None,
    begins: Callable[[Cutoff], object] | None = None,
) -> list[Outcome]:
    """Run every night from one cutoff to another, in their order; those that were run give what they gave.

    Each night has the time limit to itself, as it has when a scheduler starts it.

    Args:
        job: Settings.
        first: First cutoff.
        last: Last cutoff.
        now: When the work begins.
        progress: Where to show the stages.
        begins: Is told each cutoff before the stages of its night.

    Returns:
        An outcome for each.

    Raises:
        ConfigError: If there are no cutoffs between the two, or the frequency is unknown.
        LateError: If a night takes too long.
        ForecastingError: As ``run_night``; nights before that one stay.
    """
    outcomes = []
    for cutoff in cutoffs(job, first, last):
        if begins is not None:
            begins(cutoff)
        with time_limit(job.limits.minutes):
            outcomes.append(run_night(job, cutoff, now=now, progress=progress))
    return outcomes


def cutoffs(job: JobSettings, first: Cutoff, last: Cutoff) -> list[Cutoff]:
    """List the cutoffs from one to another, a step of the frequency apart.

    Args:
        job: Settings; without ``model.freq`` the frequency is that of the last training.
        first: First cutoff.
        last: Last cutoff.

    Returns:
        The cutoffs, both ends included where they lie on the grid.

    Raises:
        ConfigError: If there are none, or the frequency is unknown.
    """
    import pandas as pd

    freq = frequency(job)
    kinds = [_kind(first), _kind(last)]
    if kinds[0] != kinds[1] or freq.is_integer != isinstance(first, int):
        asked = "numbers" if freq.is_integer else "times without a zone, or both in the same one"
        raise ConfigError(
            f"The cutoffs of a backfill at freq={freq.text!r} must be {asked}. Received: {first} "
            f"({kinds[0]}) and {last} ({kinds[1]})."
        )
    if isinstance(first, int) and isinstance(last, int):
        found: list[Cutoff] = [*range(first, last + 1, freq.step)]
    else:
        found = [*pd.date_range(first, last, freq=freq.offset)]
    if not found:
        raise ConfigError(
            f"A backfill must go from a cutoff to a later one, {freq.text!r} apart. Received: {first} to "
            f"{last}."
        )
    return found


def _kind(cutoff: Cutoff) -> str:
    if isinstance(cutoff, int):
        return "a number"
    return "a time without a zone" if cutoff.tz is None else f"a time in {cutoff.tz}"


def frequency(job: JobSettings) -> Freq:
    """Return the frequency of a job's data.

    Args:
        job: Settings.

    Returns:
        That of the settings, or of the last training.

    Raises:
        ConfigError: If neither says.
    """
    if job.model.freq is not None:
        return Freq.parse(job.model.freq)
    trained = JobFolder.of(job).versions()
    if not trained:
        raise ConfigError(
            "A job must know the frequency of its data. Received: none, and nothing was trained yet; set "
            "model.freq."
        )
    return Freq.parse(trained[-1].record["freq"])


def zone(job: JobSettings) -> str | None:
    """Return the time zone of a job's data, as its last night has found it; None if that is not known.

    Args:
        job: Settings.
    """
    last = next(iter(JobFolder.of(job).nights(count=1)), None)
    tz: str | None = None if last is None else last.record.get("traits", {}).get("tz")
    return tz


def score_stored(
    job: JobSettings, cutoff: Cutoff, progress: Progress | None = None
) -> tuple[Scored, list[Finding]]:
    """Score the stored forecasts by what was observed up to a cutoff.

    Args:
        job: Settings.
        cutoff: Last time stamp to know.
        progress: Where to show the stages.

    Returns:
        The scores, and the alarms that they raise.

    Raises:
        PanelError: If the data cannot be used.
    """
    stages, folder = Stages(progress), JobFolder.of(job)
    with stages("read the data"):
        snapshot = read_snapshot(job, cutoff)
    with stages("score"):
        past = folder.past(cutoff, job.watch.nights)
        scored = score_nights(read_nights(past, job), snapshot.history, job, snapshot.static)
    return scored, alarms_of(scored, job)


def rollback(
    job: JobSettings, *, now: datetime, progress: Progress | None = None
) -> tuple[dict[str, Any], Outcome | None]:
    """Set the champion aside for the version before it, and forecast the last night again if it was its own.

    Args:
        job: Settings.
        now: When that is.
        progress: Where to show the stages.

    Returns:
        Numbers of the versions ``from`` and ``to``, and what came of the last night; None if it was not run
        again.

    Raises:
        ConfigError: If there is no version to go back to.
        BundleError: If the files of that version are damaged.
        BusyError: If the job runs just now.
        ForecastingError: As ``run_night``.
    """
    folder = JobFolder.of(job)
    with folder.held():
        check_owner(job, folder)
        findings: list[Finding] = []
        line = line_of_succession(job, folder, findings)
        if len(line) < 2:
            raise ConfigError(
                "A rollback needs a champion and a version before it. Received: "
                f"{', '.join(f'version {each.number}' for each in line) or 'no champion'} in "
                f"{str(folder.path)!r}; let one be trained (tcn job retrain). Only retrain.keep of them stay."
            )
        champion, former = line[:2]
        check_bundle(former.bundle, former.record["bundle_sha256"])
        last = next(iter(folder.nights(count=1)), None)
        folder.promote(
            former.number,
            f"Rollback from version {champion.number}.",
            label(last.cutoff) if last else "",
            withdrawn=(champion.number,),
        )
    moved = {"from": champion.number, "to": former.number}
    if last is None or last.record["champion"] != champion.number:
        return moved, None
    return moved, run_night(job, last.cutoff, now=now, progress=progress)


def retrain_now(job: JobSettings, cutoff: Cutoff, progress: Progress | None = None) -> dict[str, Any]:
    """Train a challenger by hand, and promote it if it is better.

    Args:
        job: Settings.
        cutoff: Last time stamp to know.
        progress: Where to show the stages.

    Returns:
        ``version``, ``promoted``, ``reason`` and ``scores``.

    Raises:
        BusyError: If the job runs just now.
        PanelError: If the data cannot be used.
        ConfigError: If a setting does not fit.
        ForecastingError: If training fails.
    """
    from pipelines.nightly.retraining import retrain

    folder = JobFolder.of(job)
    with folder.held():
        check_owner(job, folder)
        stages, line = Stages(progress), line_of_succession(job, folder, [])
        with stages("read the data"):
            snapshot, _, cutoff = read_night(job, cutoff, with_freq(job, line).model)
        if line and line[0].record["cutoff"] > label(cutoff):
            raise ConfigError(
                f"A challenger must know at least what the champion has learned. Received: cutoff {cutoff}, "
                f"where version {line[0].number} was trained up to {unlabeled(line[0].record['cutoff'])}; "
                "give a later --cutoff."
            )
        return asdict(retrain(snapshot, job, cutoff, folder, line, stages))
