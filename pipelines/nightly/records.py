"""What the parts of a scheduled job hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

Cutoff: TypeAlias = "pd.Timestamp | int"
"""The last time stamp that a night may know."""
JUDGED: Final = "judged"
"""Folder of the network that was tested, beside the one that forecasts."""


@dataclass(frozen=True)
class Finding:
    """A check that does not hold, or an alarm.

    Args:
        check: Name of the check, as in the job's file.
        severity: What it does.
        message: The rule, what was received, the cure.
        value: What was measured.
        limit: What it may be at most, or at least.
    """

    check: str
    severity: Literal["fail", "warn"]
    message: str
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """The data as they were known at a cutoff.

    Args:
        history: Rows up to the cutoff, by id and time: id, time and target column, then covariates.
        future: Covariates of the rows after the cutoff, as far as the horizon; None where there are none.
        static: Static covariates, a row per series; None where there are none.
        duplicates: Rows that came twice, dropped but for the last.
        findings: What was odd about reading them.
    """

    history: pd.DataFrame
    future: pd.DataFrame | None = None
    static: pd.DataFrame | None = None
    duplicates: int = 0
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Night:
    """What a night has left behind.

    Args:
        cutoff: The last time stamp that it knew.
        fingerprint: That of the job's settings.
        rows: Rows of its snapshot.
        series: Series of its snapshot.
        models: Name of each model that it published, and of how many series.
        record: All else: findings, digests, versions, alarms; JSON-able.
    """

    cutoff: Cutoff
    fingerprint: str
    rows: int
    series: int
    models: Mapping[str, int]
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """A network that the job has trained.

    Args:
        number: Counted from 1.
        bundle: Folder of the network.
        record: Cutoff of its training, scores, facts of its data.
    """

    number: int
    bundle: Path
    record: Mapping[str, Any]

    @property
    def judged(self) -> tuple[Path, str]:
        """Folder and checksum of the network that was tested: another one where the bundle's was refitted."""
        if "judged_sha256" in self.record:
            return self.bundle.with_name(JUDGED), self.record["judged_sha256"]
        return self.bundle, self.record["bundle_sha256"]


@dataclass(frozen=True)
class Promotion:
    """A decision which version forecasts.

    Args:
        number: Counted from 1; the last one holds.
        version: The champion from then on; None for seasonal naive.
        reason: Why, in a sentence.
        cutoff: Cutoff of the night it was made in, as text.
        withdrawn: Versions that a rollback has set aside.
    """

    number: int
    version: int | None
    reason: str
    cutoff: str
    withdrawn: tuple[int, ...] = ()
