"""The log of a run: a JSON object a line, which programs read."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from pipelines.jobs.stages import Silent
from pipelines.nightly.secrets import hidden

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

Level = Literal["info", "warning", "error"]
_EVERY: Final = 10.0  # seconds between lines of a training


def run_key(job: JobSettings, cutoff: Cutoff) -> str:
    """Id of a run: the same for the same job, cutoff and settings.

    Args:
        job: Settings.
        cutoff: Last time stamp to know.

    Returns:
        Sixteen hexadecimal digits.
    """
    return hashlib.sha256(f"{job.name}|{cutoff}|{job.fingerprint}".encode()).hexdigest()[:16]


class JsonLines(Silent):
    """Progress of a job as lines of JSON: time, run id, level, stage, message, seconds.

    Args:
        write: Takes a line, without its end.
        clock: Tells the time.
        run_id: What all lines of a run have in common; None while it is unknown.
        job: Whose secrets are taken out; None while it is unknown.

    Example:
        >>> from datetime import UTC
        >>> log = JsonLines(print, lambda: datetime(2026, 11, 23, tzinfo=UTC), "0f3a")
        >>> log.say("all went well")
        {"time": "2026-11-23T00:00:00+00:00", "run_id": "0f3a", "level": "info", "message": "all went well"}
    """

    def __init__(
        self,
        write: Callable[[str], object],
        clock: Callable[[], datetime],
        run_id: str | None = None,
        job: JobSettings | None = None,
    ) -> None:
        self.run_id = run_id
        self.job = job
        self._write = write
        self._clock = clock
        self._stage: str | None = None
        self._last = 0.0

    def say(self, message: str, level: Level = "info", **more: Any) -> None:
        """Write a line.

        Args:
            message: A sentence.
            level: How grave it is.
            more: Further facts, JSON-able.
        """
        line: dict[str, Any] = {
            "time": self._clock().isoformat(timespec="seconds"),
            "run_id": self.run_id,
            "level": level,
        }
        if self._stage is not None:
            line["stage"] = self._stage
        line |= hidden({"message": message, **more}, self.job)
        self._write(json.dumps(line, default=str, ensure_ascii=False))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Write a line when the stage is over, or has failed."""
        outer, self._stage = self._stage, name
        self._last = start = time.monotonic()
        try:
            yield
        except BaseException as error:
            self.say("failed", "error", seconds=_since(start), error=type(error).__name__)
            raise
        else:
            self.say("done", seconds=_since(start))
        finally:
            self._stage = outer

    def loading(self, library: str) -> Any:
        """Write a line when the library is there."""
        return self.stage(f"load {library}")

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Write where the training is, every ten seconds."""
        if time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self.say("training", **{name: record[name] for name in ("step", "loss") if name in record})

    def note(self, text: str) -> None:
        """Write what is special about the data."""
        self.say(text)


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)
