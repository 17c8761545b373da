"""What must hold of the data before anything is forecast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.errors import BusyError
from pipelines.nightly.continuity import check_continuity
from pipelines.nightly.facts import shift_of
from pipelines.nightly.history import unobserved_since, up_to
from pipelines.nightly.records import Finding
from pipelines.nightly.scoring import group_column
from pipelines.panel import show
from pipelines.wording import percent

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from pipelines.nightly.continuity import Before
    from pipelines.nightly.records import Cutoff, Snapshot
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel

_NAMED: Final = 5  # series that a message names


def check_snapshot(
    snapshot: Snapshot,
    panel: Panel,
    job: JobSettings,
    cutoff: Cutoff,
    *,
    before: Before | None,
    facts: dict[str, Any] | None,
    now: datetime,
) -> list[Finding]:
    """Check the data of a night.

    Args:
        snapshot: The data.
        panel: Its series, as ``read_history`` reads them.
        job: Settings.
        cutoff: Last time stamp to know.
        before: The night before; None if there is none.
        facts: Those of the champion's training data, see ``facts_of``; None without a champion.
        now: When the night begins; without a time zone, UTC.

    Returns:
        The checks that do not hold, but for those that are off.

    Raises:
        BusyError: If the data are stale and may still come before the deadline.
        ConfigError: If there is no column to group by.
    """
    if job.watch.group is not None:
        group_column(snapshot.history, snapshot.static, job.watch.group)
    lags = unobserved_since(up_to(panel, cutoff))
    stale = [*_freshness(job, cutoff, lags), *_stale_series(job, panel, lags, before)]
    found = [
        *stale,
        *(check_continuity(panel, len(snapshot.history), job, before) if before is not None else ()),
        *_duplicates(job, snapshot),
        *_gaps(job, panel),
        *_shift(job, panel, facts),
    ]
    awaited = [each for each in stale if each.check == "freshness" or each.severity == "fail"]
    until = _deadline(job, cutoff, panel.tz)
    if awaited and until is not None and _in_utc(now) < until:
        raise BusyError(
            f"{awaited[0].message} They are awaited until {until:%Y-%m-%d %H:%M} UTC; try again before."
        )
    return found


def _freshness(job: JobSettings, cutoff: Cutoff, lags: npt.NDArray[np.int64]) -> Iterator[Finding]:
    asked, lag = job.checks, int(lags.min())
    if asked.freshness != "off" and lag > asked.max_lag:
        yield Finding(
            "freshness",
            asked.freshness,
            f"The data must reach to {_steps(asked.max_lag)} before the cutoff {cutoff}. Received: values up "
            f"to {_steps(lag)} before it; see whether what delivers them has run{_known(job)}.",
            lag,
            asked.max_lag,
        )


def _known(job: JobSettings) -> str:
    """Where rows may be that are not seen, for they became known too late."""
    if job.source.known_at is None:
        return ""
    hours = f"{job.source.known_hours:g} hours after it" if job.source.known_hours else "it"
    return (
        f", or, if it loads rows later than {hours}, raise source.known_hours: rows whose "
        f"{job.source.known_at!r} is later are not known"
    )


def _stale_series(
    job: JobSettings, panel: Panel, lags: npt.NDArray[np.int64], before: Before | None
) -> Iterator[Finding]:
    """Series that end early where others do not, but for those that had ended long before already."""
    asked = job.checks
    if asked.stale_series == "off":
        return
    gone = set(before.night.record.get("vanished", ())) if before is not None else set()
    alive = np.array([str(name) not in gone for name in panel.ids.tolist()])
    late = alive & (lags > max(asked.max_lag, int(lags.min())))
    share = float(late.sum() / max(alive.sum(), 1))
    if share > asked.stale_share:
        yield Finding(
            "stale_series",
            asked.stale_series,
            f"At most {percent(asked.stale_share)} of the series may end more than {_steps(asked.max_lag)} "
            f"before the cutoff. Received: {percent(share)}: {_named(panel, late, lags)}; see whether their "
            "data are late, or raise checks.stale_share.",
            share,
            asked.stale_share,
        )


def _duplicates(job: JobSettings, snapshot: Snapshot) -> Iterator[Finding]:
    if job.checks.duplicates != "off" and snapshot.duplicates:
        yield Finding(
            "duplicates",
            job.checks.duplicates,
            f"A series must have one row for each {job.model.time_col!r}. Received: {snapshot.duplicates:,} "
            "rows that come again; remove them where they are made, or set checks.duplicates to 'warn': the "
            "last one counts.",
            snapshot.duplicates,
            0,
        )


def _gaps(job: JobSettings, panel: Panel) -> Iterator[Finding]:
    asked, missing = job.checks, np.isnan(panel.values)
    share = float(missing.mean())
    if asked.gaps != "off" and share > asked.max_gaps:
        of_series = np.bincount(panel.series_of_rows[missing], minlength=panel.n_series)
        yield Finding(
            "gaps",
            asked.gaps,
            f"At most {percent(asked.max_gaps)} of the values of {job.model.target_col!r} may be missing. "
            f"Received: {percent(share)}, most of them in {_named(panel, of_series > 0, of_series)}; see "
            "where they are lost, or raise checks.max_gaps.",
            share,
            asked.max_gaps,
        )


def _shift(job: JobSettings, panel: Panel, facts: dict[str, Any] | None) -> Iterator[Finding]:
    asked = job.checks
    if asked.shift == "off" or facts is None:
        return
    least = (facts.get("range") or [-np.inf])[0]
    below = panel.values < 0
    if least >= 0 and below.any():
        count = np.bincount(panel.series_of_rows[below], minlength=panel.n_series)
        yield Finding(
            "shift",
            asked.shift,
            f"Values must be of the sign that they were of in training: none was below 0. Received: "
            f"{int(below.sum()):,} that are, in {_named(panel, count > 0, count)}; see whether they are "
            "returns, or codes that stand for missing values.",
            float(np.nanmin(panel.values)),
            0,
        )
    found = shift_of(panel, facts, job)
    if found is None:
        return
    limit = max(asked.max_psi, facts["usual_psi"])
    if found.index > limit:
        usual = "" if limit == asked.max_psi else ", which stretches of the training data have had"
        yield Finding(
            "shift",
            asked.shift,
            f"The latest values must be distributed as in training: a population stability index of at most "
            f"{limit:.3g}{usual}. Received: {found.index:.4g}; see whether units or definitions have "
            "changed, and train again if the change is real.",
            found.index,
            limit,
        )
    if found.far:
        named = ", ".join(map(show, found.far[:_NAMED])) + _more(len(found.far))
        yield Finding(
            "shift",
            asked.shift,
            f"The latest values must be of the size of those in training. Received: far larger or smaller "
            f"ones in {named}; see whether units have changed or codes such as -999 stand for missing "
            "values.",
            len(found.far),
            0,
        )


def _named(panel: Panel, chosen: npt.NDArray[np.bool_], size: npt.NDArray[np.int64]) -> str:
    """Name the chosen series of the largest size."""
    order = np.flatnonzero(chosen)[np.argsort(-size[chosen], kind="stable")]
    return ", ".join(show(panel.ids[i]) for i in order[:_NAMED]) + _more(len(order))


def _more(count: int) -> str:
    return f" and {count - _NAMED:,} more" if count > _NAMED else ""


def _steps(count: int) -> str:
    return f"{count:,} step{'' if count == 1 else 's'}"


def _deadline(job: JobSettings, cutoff: Cutoff, tz: str | None) -> pd.Timestamp | None:
    if job.checks.deadline_hours is None or isinstance(cutoff, int):
        return None
    zoned = cutoff.tz_localize(tz or "UTC") if cutoff.tzinfo is None else cutoff
    return zoned.tz_convert("UTC") + timedelta(hours=job.checks.deadline_hours)


def _in_utc(now: datetime) -> datetime:
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)
