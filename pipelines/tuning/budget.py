"""How long a search goes on: trials, minutes, and patience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pipelines.errors import ConfigError
from pipelines.tuning.records import TrialRecord
from pipelines.wording import counted

_ALIKE = 3  # trials that fail for the same reason, the first of a study, until it is given up


@dataclass(frozen=True)
class Budget:
    """What a search may take.

    Args:
        max_trials: Trials; None for no limit.
        minutes: Minutes; None for no limit. No trial starts that would probably end after them.
        patience: Trials without gain after which the search ends; None for no limit.

    Raises:
        ConfigError: If a number is not allowed, or nothing limits the search.

    Example:
        >>> Budget(max_trials=1).reason([], 0.0)
        >>> Budget(max_trials=1).reason([TrialRecord("0000", 0, {}, "COMPLETED", 0.5)], 0.0)
        '1 trial'
    """

    max_trials: int | None = 20
    minutes: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_trials", "patience"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ConfigError(
                    f"{name} must be a positive integer or None. Received: {value!r}; pass 1 or more, or "
                    "None for no limit."
                )
        if self.minutes is not None and not (_is_number(self.minutes) and self.minutes > 0):
            raise ConfigError(
                f"budget_minutes must be a positive number or None. Received: {self.minutes!r}; pass some "
                "minutes, such as 0.5, or None for no limit."
            )
        if self.max_trials is None and self.minutes is None:
            raise ConfigError("A search needs max_trials or budget_minutes. Received: neither; set one.")

    def reason(self, trials: Sequence[TrialRecord], elapsed: float) -> str | None:
        """Say why no further trial may start.

        Args:
            trials: All trials so far by number.
            elapsed: Seconds of the search so far.

        Returns:
            What is spent; None if a trial may start.
        """
        if self.max_trials is not None and len(trials) >= self.max_trials:
            more = f", {len(trials)} before it went on" * (len(trials) > self.max_trials)
            return f"{counted(self.max_trials, 'trial')}{more}"
        ended = [trial for trial in trials if trial.status != "RUNNING"]
        if self.minutes is not None and ended:  # without any, one is owed
            typical = median(trial.seconds for trial in ended)
            if elapsed + typical > 60 * self.minutes:
                return f"{self.minutes:g} minute{'s' * (self.minutes != 1)}"
        scores = [trial.score for trial in ended if trial.score is not None]
        if self.patience is not None and scores:
            best = next(place for place, trial in enumerate(ended) if trial.score == min(scores))
            if len(ended) - 1 - best >= self.patience:
                return f"{self.patience} trials without gain"
        first = ended[:_ALIKE]
        if len(first) == _ALIKE and first[0].error and len({trial.error for trial in first}) == 1:
            return "the first trials failed for the same reason"
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
