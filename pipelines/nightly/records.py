"""What the parts of a scheduled job hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

Cutoff: TypeAlias = "pd.Timestamp | int"
"""The last time stamp that a night may know."""


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
    """

    history: pd.DataFrame
    future: pd.DataFrame | None = None
    static: pd.DataFrame | None = None
    duplicates: int = 0


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
