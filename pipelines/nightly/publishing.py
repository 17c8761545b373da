"""A night is shown to readers where no later one is, and nobody else's forecasts are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.errors import ConfigError
from pipelines.nightly.labels import label
from pipelines.nightly.sinks import open_sink
from pipelines.nightly.state import JobFolder

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.jobs.stages import Progress
    from pipelines.nightly.records import Cutoff, Night
    from pipelines.nightly.settings import JobSettings


class Publisher:
    """Publishes the nights of a job.

    Args:
        job: Settings.
        folder: The job's folder.
        progress: Takes notes.
    """

    def __init__(self, job: JobSettings, folder: JobFolder, progress: Progress) -> None:
        self.job, self.folder, self.progress = job, folder, progress

    def publish(self, night: Night, frame: pd.DataFrame) -> bool:
        """Show a night to readers.

        Args:
            night: The night.
            frame: The columns of its forecasts that are published.

        Returns:
            Whether they see it: not where a later night is published.

        Raises:
            ConfigError: If the place cannot be used, or holds another job's forecasts.
            BusyError: If it is out of reach for the moment.
        """
        if (later := self.later(night.cutoff)) is not None:
            self.progress.note(later)
            return False
        open_sink(self.job).publish(frame, self._manifest(night))
        return True

    def is_seen(self, night: Night) -> bool:
        """Whether readers see a night, or a later one in its place.

        Args:
            night: The night.
        """
        current = open_sink(self.job).current() or {}
        return self._manifest(night).items() <= current.items() or (
            bool(current) and self.later(night.cutoff) is not None
        )

    def later(self, cutoff: Cutoff) -> str | None:
        """Say which later night takes the place of one, in a place for one night.

        Args:
            cutoff: That of the night.

        Returns:
            A sentence; None if the night may be published.
        """
        sink = open_sink(self.job)
        if not sink.holds_one_night:
            return None
        current = sink.current()
        if current is not None:
            night = str(current.get("night", ""))
            return (
                f"{night} is published, which is later: this night is kept" if night > label(cutoff) else None
            )
        latest = next((label(each.cutoff) for each in self.folder.nights(count=1)), "")
        if latest <= label(cutoff):
            return None
        return f"{latest} is later, and no longer published: this night is kept; run that one again"

    def _manifest(self, night: Night) -> dict[str, Any]:
        place = label(night.cutoff)
        return {
            "job": self.job.name,
            "night": place,
            "cutoff": str(night.cutoff),
            "fingerprint": night.fingerprint,
            "key": f"{self.job.name}/{place}/{night.fingerprint}",
            "models": dict(night.models),
        }


def check_owner(job: JobSettings, folder: JobFolder) -> None:
    """Refuse to work where another job does: its networks are others, and its readers expect its forecasts.

    Args:
        job: Settings.
        folder: The job's folder.

    Raises:
        ConfigError: If the folder or the sink is another job's.
        BusyError: If the sink is out of reach for the moment.
    """
    names = [version.record.get("job") for version in folder.versions()[-1:]]
    names += [night.record.get("job") for night in folder.nights(count=1)]
    if others := [name for name in names if name not in (None, job.name)]:
        raise ConfigError(
            f"A folder keeps the state of one job. Received: {str(folder.path)!r} for job {job.name!r}, "
            f"which holds that of {others[0]!r}; name another one with folder = ..., or the job as before."
        )
    sink = open_sink(job)
    owner = (sink.current() or {}).get("job") if sink.holds_one_night else None
    if owner not in (None, job.name):
        raise ConfigError(
            f"A place holds the forecasts of one job. Received: sink.path {job.sink.path!r} for job "
            f"{job.name!r}, where readers find those of {owner!r}; name another sink.path, or the job as "
            "before."
        )
