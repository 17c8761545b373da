"""Whether the data of a night go on from those of the night before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from pipelines.nightly.history import is_on_grid, known_at
from pipelines.nightly.matching import Floats
from pipelines.nightly.records import Finding, Night
from pipelines.panel import show
from pipelines.wording import percent

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel

_NAMED: Final = 5  # series that a message names
_MOVED: Final = 0.1  # share of the rows of a window that may have come since the last night


@dataclass(frozen=True)
class Before:
    """The night before.

    Args:
        night: Its record.
        ids: The series that it has forecast, as text; none if that is not known.
    """

    night: Night
    ids: Collection[str] = ()

    def missing(self, panel: Panel) -> list[str]:
        """Name the series of that night that are no longer there, in order.

        Args:
            panel: The series of this night.
        """
        return sorted({*self.ids} - {str(name) for name in panel.ids.tolist()})


def traits_of(panel: Panel) -> dict[str, Any]:
    """Describe what the next night is to find again.

    Args:
        panel: The series of a night.

    Returns:
        JSON-able: ``tz``, the time zone of the stamps, None without one; ``size``, the median of the absolute
        values other than 0, 0 where there are none.

    Example:
        >>> import pandas as pd
        >>> from pipelines.panel import Panel
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": range(4), "y": [0.0, -2.0, 5.0, 3.0]})
        >>> traits_of(Panel.from_frame(frame))
        {'tz': None, 'size': 3.0}
    """
    return {"tz": panel.tz, "size": _size(panel.values)}


def check_continuity(panel: Panel, rows: int, job: JobSettings, before: Before) -> Iterator[Finding]:
    """Check the data of a night against those of the night before.

    Args:
        panel: The series.
        rows: Their rows as they were read.
        job: Settings.
        before: The night before.

    Yields:
        The checks that do not hold.
    """
    yield from _stamps(panel, job, before.night)
    yield from _counts(panel, rows, job, before)
    yield from _revisions(panel, job, before)


def _stamps(panel: Panel, job: JobSettings, last: Night) -> Iterator[Finding]:
    """Time stamps in another zone, or moved by less than a step: nothing that is stored fits them."""
    severity, traits = job.checks.stamps, last.record.get("traits")
    if severity == "off" or traits is None:
        return
    zones = [f"in {tz}" if tz else "without a time zone" for tz in (traits["tz"], panel.tz)]
    if zones[0] != zones[1]:
        problem = f"{zones[1]}, where they were {zones[0]}"
    elif panel.freq.is_integer != isinstance(last.cutoff, int) or not is_on_grid(panel, last.cutoff):
        problem = f"such as {panel.frame_time(panel.starts[:1])[0]}, with {last.cutoff} off their grid"
    else:
        return
    yield Finding(
        "stamps",
        severity,
        f"Time stamps must lie where those of the night of {last.cutoff} lay. Received: stamps {problem}; "
        f"write {job.model.time_col!r} as before, or set checks.stamps to 'warn' for the night of the "
        "change: what was forecast until then can no longer be compared.",
    )


def _counts(panel: Panel, rows: int, job: JobSettings, before: Before) -> Iterator[Finding]:
    asked, last = job.checks, before.night
    missing = before.missing(panel)
    if asked.rows != "off" and rows < (least := _least(last.rows, job)):
        yield _fewer("rows", asked.rows, rows, least, job, last)
    if asked.series != "off" and not before.ids and panel.n_series < (least := _least(last.series, job)):
        yield _fewer("series", asked.series, panel.n_series, least, job, last)
    if not missing:
        return
    share = len(missing) / len(before.ids)
    if asked.series == "off" or share <= asked.max_loss:
        yield Finding(
            "vanished",
            "warn",
            f"{len(missing):,} series of the night of {last.cutoff} are no longer there: {named(missing)}.",
            len(missing),
        )
        return
    new = len({str(name) for name in panel.ids.tolist()} - {*before.ids})
    yield Finding(
        "series",
        asked.series,
        f"At most {percent(asked.max_loss)} of the series of the night of {last.cutoff} may be missing. "
        f"Received: {percent(share)}: {named(missing)}; and {new:,} that it did not have. See where they "
        f"are{_or_static(job)}, or whether ids are written otherwise than before; or raise "
        "checks.max_loss for a night.",
        share,
        asked.max_loss,
    )


def _or_static(job: JobSettings) -> str:
    return f", or whether {job.source.static} (source.static) lacks them" if job.source.static else ""


def _least(known: int, job: JobSettings) -> float:
    return known * (1 - job.checks.max_loss)


def _fewer(
    name: str, severity: Literal["fail", "warn"], count: int, least: float, job: JobSettings, last: Night
) -> Finding:
    return Finding(
        name,
        severity,
        f"There must be no fewer than {least:,.0f} {name}, {percent(job.checks.max_loss)} less than the "
        f"night of {last.cutoff} had. Received: {count:,}; see where the others are, or raise "
        "checks.max_loss for a night.",
        count,
        least,
    )


def _revisions(panel: Panel, job: JobSettings, before: Before) -> Iterator[Finding]:
    """A history that is of another size than it was: units have changed, or values are lost."""
    asked, traits = job.checks, before.night.record.get("traits")
    if asked.revisions == "off" or traits is None:
        return
    last = before.night.cutoff
    if panel.freq.is_integer != isinstance(last, int) or _is_long_ago(panel, job, last):
        return
    known = known_at(panel, last)
    if before.ids:
        had = np.array([str(name) in before.ids for name in panel.ids.tolist()])
        known &= had[panel.series_of_rows]
    size, was = _size(panel.values[known]), float(traits["size"])
    ratio = max(size, was) / min(size, was) if min(size, was) > 0 else float(np.inf if size != was else 1)
    if ratio > asked.max_revision:
        yield Finding(
            "revisions",
            asked.revisions,
            f"Values must be of the size that they had in the night of {before.night.cutoff}, give or take a "
            f"factor of {asked.max_revision:g}: {was:.4g}, the median of the absolute ones other than 0. "
            f"Received: {size:.4g}; see whether units have changed. If they are to, set checks.revisions to "
            "'warn' for a night.",
            ratio if np.isfinite(ratio) else None,
            asked.max_revision,
        )


def _is_long_ago(panel: Panel, job: JobSettings, last: Cutoff) -> bool:
    """Whether the rows that are read have gone on so far that they are others than in the last night."""
    past = job.source.past
    return past is not None and (~known_at(panel, last)).sum() > _MOVED * past * panel.n_series


def _size(values: Floats) -> float:
    other = np.abs(values[np.isfinite(values) & (values != 0)])
    return float(np.median(other)) if other.size else 0.0


def named(series: list[str]) -> str:
    """Name the first of several series.

    Args:
        series: Their ids.

    Example:
        >>> named(["a", "b"])
        "'a', 'b'"
    """
    more = f" and {len(series) - _NAMED:,} more" if len(series) > _NAMED else ""
    return ", ".join(show(each) for each in series[:_NAMED]) + more
