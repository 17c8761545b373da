"""The data as they were known at a cutoff."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.errors import PanelError
from pipelines.frequency import Freq, Ints
from pipelines.nightly.reach import beginning, known_until, position_of
from pipelines.nightly.records import Cutoff, Finding, Snapshot
from pipelines.nightly.sources import read_source, read_static
from pipelines.panel import Stamps, read_ids, read_stamps

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.settings import JobSettings


def read_snapshot(job: JobSettings, cutoff: Cutoff) -> Snapshot:
    """Read the source of a job as it was at a cutoff.

    What comes after the cutoff is not seen: rows that became known later, and all columns of later rows but
    the future covariates. Nor is what lies ``source.past`` steps back, or more. Of rows with one id and time
    stamp the one known last counts, and among those the last.

    Args:
        job: Settings.
        cutoff: Last time stamp to know, a time or an integer as the stamps are; without a time zone it is in
            that of the stamps.

    Returns:
        The rows up to the cutoff, and what is known of the steps after it.

    Raises:
        PanelError: If the source is missing, lacks a column or a row up to the cutoff, or cannot be read.
        ConfigError: If its place cannot be used as it is written.
        BusyError: If it is out of reach for the moment.

    Example:
        >>> import pandas as pd
        >>> from pipelines.nightly import JobSettings
        >>> job = JobSettings(name="jobless", source={"path": "us_unemployment"}, sink={"path": "f.csv"},
        ...                   model={"horizon": 12})
        >>> snapshot = read_snapshot(job, pd.Timestamp("2010-01-01"))
        >>> snapshot.history["ds"].max(), snapshot.history["unique_id"].nunique()
        (Timestamp('2010-01-01 00:00:00'), 14)
    """
    odd: list[Finding] = []
    if job.source.path is not None:
        frame = read_source(job, job.source.path, beginning(job, cutoff), odd.append)
    else:
        from pipelines.nightly.sql import read_table_of

        frame = read_table_of(job, cutoff)
    static = None if job.source.static is None else read_static(job, job.source.static)
    snapshot = settle(frame, static, job, cutoff)
    return replace(snapshot, findings=(*odd, *snapshot.findings))


def settle(frame: pd.DataFrame, static: pd.DataFrame | None, job: JobSettings, cutoff: Cutoff) -> Snapshot:
    """Make a snapshot of rows that have been read.

    Args:
        frame: Rows in any order; that of rows with one id and time stamp counts.
        static: Static covariates, if any.
        job: Settings.
        cutoff: As for ``read_snapshot``.

    Returns:
        The snapshot, by id and time, time stamps as times or integers.

    Raises:
        PanelError: If ids, time stamps or the column of ``known_at`` cannot be read, no row is left, or the
            cutoff has a time zone where the time stamps have none.
    """
    import pandas as pd

    model, known_at = job.model, job.source.known_at
    findings: list[Finding] = []
    if not len(frame):
        raise PanelError("A source must have at least one row. Received: none; see whether it was filled.")
    if known_at is not None and (unknown := int((never := frame[known_at].isna()).sum())):
        findings.append(_unknown(known_at, unknown))
        frame = frame[~never]
        if not len(frame):
            raise PanelError(findings[0].message)
    ids, codes = read_ids(frame[model.id_col])
    stamps = _stamps(frame[model.time_col], job)
    _same_clock(stamps, cutoff, model.time_col)
    since = _known_since(frame[known_at], known_until(job, cutoff)) if known_at is not None else None
    begin, places = beginning(job, cutoff), stamps.unique[stamps.codes]
    recent = True if begin is None else places > position_of(stamps, begin, model.time_col)
    kept = np.flatnonzero(np.broadcast_to(recent & (True if since is None else since >= 0), len(frame)))
    keys = [codes[kept], stamps.codes[kept], *([] if since is None else [-since[kept]])]
    order = np.lexsort(keys[::-1])  # stable: of equal rows the last comes last
    kept, keys = kept[order], [key[order] for key in keys]
    same = _same_as_next(keys[:2])
    duplicates = int((same & _same_as_next(keys)).sum()) if since is not None else int(same.sum())
    kept = kept[~same]
    seen = places <= position_of(stamps, cutoff, model.time_col)
    past = kept[seen[kept]]
    if not len(past):
        raise _nothing(stamps, cutoff, since is not None, begin is not None)
    times = _times(stamps)

    def rows(places: Ints, columns: list[str]) -> pd.DataFrame:
        keys = {
            model.id_col: pd.Series(ids).take(codes[places]).array,
            model.time_col: times.take(stamps.codes[places]),
        }
        taken = frame[columns].take(places).reset_index(drop=True)
        return pd.concat([pd.DataFrame(keys), taken], axis=1)

    others = [name for name in frame.columns if name not in (model.id_col, model.time_col, known_at)]
    history = rows(past, [model.target_col, *(name for name in others if name != model.target_col)])
    ahead = kept[~seen[kept]]
    ahead = ahead[_rank_within(codes[ahead]) < model.horizon]
    asked = [] if model.covariates is None else [*model.covariates.future]
    return Snapshot(
        history, rows(ahead, asked) if asked and len(ahead) else None, static, duplicates, (*findings,)
    )


def _unknown(known_at: str, count: int) -> Finding:
    return Finding(
        "known_at",
        "warn",
        f"Every row must say in {known_at!r} (source.known_at) when it became known. Received: {count:,} "
        "rows that do not, which are left out; fill them in.",
        count,
        0,
    )


def _stamps(column: pd.Series[Any], job: JobSettings) -> Stamps:
    freq = None if job.model.freq is None else Freq.parse(job.model.freq)
    return read_stamps(column, period_ends=freq is not None and freq.mark.endswith("end"))


def _same_clock(stamps: Stamps, cutoff: Cutoff, name: str) -> None:
    """Refuse an offset from UTC where the stamps have none: nobody knows which moments they are."""
    zoned = not isinstance(cutoff, int) and cutoff.tzinfo is not None
    if zoned and not stamps.is_integer and stamps.tz is None:
        raise PanelError(
            f"A cutoff must be in the time of the column {name!r}, which has no time zone. Received: "
            f"{cutoff}; give the same time without its offset, as that column would have it."
        )


def _known_since(column: pd.Series[Any], cutoff: Cutoff) -> Ints:
    """How many moments before the cutoff each row became known; -1 for later ones."""
    stamps = read_stamps(column, period_ends=False)
    last = int(np.searchsorted(stamps.unique, position_of(stamps, cutoff, str(column.name)), side="right"))
    return np.maximum(last - 1 - stamps.codes, -1)


def _times(stamps: Stamps) -> pd.Index[Any]:
    """The distinct stamps as a frame holds them."""
    import pandas as pd

    if stamps.is_integer:
        return pd.Index(stamps.unique)
    times = pd.DatetimeIndex(stamps.unique.view("M8[ns]"))
    return times if stamps.tz is None else times.tz_localize("UTC").tz_convert(stamps.tz)


def _same_as_next(keys: list[Ints]) -> npt.NDArray[np.bool_]:
    """Whether each of several sorted rows has the keys of the next."""
    same = np.zeros(len(keys[0]), bool)
    same[:-1] = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    return same


def _rank_within(codes: Ints) -> Ints:
    """Position of each row among those of its series, which follow each other."""
    first = np.flatnonzero(np.diff(codes, prepend=-1))
    counts = np.diff(np.append(first, len(codes)))
    rank: Ints = np.arange(len(codes)) - np.repeat(first, counts)
    return rank


def _nothing(stamps: Stamps, cutoff: Cutoff, with_known_at: bool, with_past: bool) -> PanelError:
    cure = "give a later cutoff" + ", or see source.known_at" * with_known_at
    cure += ", or raise source.past" * with_past
    return PanelError(
        f"A source must have rows up to the cutoff {cutoff}. Received: none that was known by then; its rows "
        f"begin at {stamps.text(0)}; {cure}."
    )
