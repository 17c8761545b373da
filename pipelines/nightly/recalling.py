"""What a night learns from those before it, which are gone through once, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.nightly.matching import Ints, Known, known_rows, read_actuals, read_nights
from pipelines.nightly.outdone import Rivals
from pipelines.nightly.partitions import parts_of, told_to_workers
from pipelines.nightly.scored import Scored, Sums
from pipelines.nightly.scoring import Scoring, groups_of
from pipelines.nightly.widths import Widths

if TYPE_CHECKING:
    from pipelines.nightly.records import Cutoff, Finding, Snapshot, Version
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel
    from pipelines.workers import Workers

Files = Sequence[tuple["Cutoff", Path]]


@dataclass(frozen=True)
class Recalled:
    """What earlier nights tell.

    Args:
        widths: Factor of the width of each level's interval.
        aside: Why seasonal naive forecasts in place of the champion; None if it does not.
        scored: Scores of these nights.
    """

    widths: dict[float, float]
    aside: Finding | None
    scored: Scored


def recall(
    nights: Files,
    snapshot: Snapshot,
    job: JobSettings,
    champion: Version | None,
    workers: Workers | None = None,
) -> Recalled:
    """Go through the stored nights, with no more than one of them in memory.

    Series are gone through in partitions, whoever does it: what is added up in one order here is added up in
    the same one by workers, and comes to the same bits.

    Args:
        nights: Cutoff and file of each, the oldest first.
        snapshot: The data.
        job: Settings, with the frequency of the data where it is known.
        champion: Who would forecast; None for nobody.
        workers: Who looks at partitions; None for this process.

    Returns:
        What they tell.

    Raises:
        PanelError: If the data cannot be used.
        ConfigError: If there is no column to group by.
    """
    panel = read_actuals(snapshot.history, job)
    groups = groups_of(panel, job, snapshot.history, snapshot.static)
    champion = None if champion is None else replace(champion, record={})  # as far as is looked at
    parts, begin = [], 0
    for panel_part in parts_of(panel, job):
        end = begin + panel_part.n_series
        own = None if groups is None else (groups[0][begin:end], groups[1])
        parts.append(_Part(begin, end, panel_part, own))
        begin = end
    if workers is None or len(parts) == 1:
        looks = [_Look.begun(part, job, champion) for part in parts]
        for rows in known_rows(read_nights(nights, job), panel, job, looks[0].columns):
            for part, look in zip(parts, looks, strict=True):
                look.take(rows if len(parts) == 1 else rows.between(part.begin, part.end))
        found = [look.tallies for look in looks]
    else:
        told = told_to_workers(job)
        calls = [workers.submit(_look_at_part, [*nights], part, told, champion) for part in parts]
        found = [call.result() for call in calls]
    whole = found[0]
    for other in found[1:]:
        whole.add(other)
    return Recalled(
        widths=whole.widths.factors() if job.watch.recalibrate else {},
        aside=None if whole.rivals is None else whole.rivals.finding(),
        scored=whole.sums.scored(),
    )


@dataclass(frozen=True)
class _Part:
    """Series that are looked at together: position of the first, and after the last, themselves, groups."""

    begin: int
    end: int
    panel: Panel
    groups: tuple[Ints, list[Any]] | None


@dataclass(frozen=True)
class _Tallies:
    """What is known of some of the series, without the series."""

    widths: Widths
    sums: Sums
    rivals: Rivals | None

    def add(self, other: _Tallies) -> None:
        self.widths.add(other.widths)
        self.sums.add(other.sums)
        if self.rivals is not None and other.rivals is not None:
            self.rivals.add(other.rivals)


@dataclass(frozen=True)
class _Look:
    scoring: Scoring
    tallies: _Tallies

    @classmethod
    def begun(cls, part: _Part, job: JobSettings, champion: Version | None) -> _Look:
        scoring = Scoring(part.panel, job, part.groups)
        rivals = None if champion is None else Rivals(job, champion)
        return cls(scoring, _Tallies(Widths(job), scoring.sums, rivals))

    @property
    def columns(self) -> list[str]:
        takers = (self.tallies.widths, self.scoring, self.tallies.rivals)
        return [*dict.fromkeys(name for taker in takers if taker is not None for name in taker.columns)]

    def take(self, rows: Known) -> None:
        if not len(rows.y):
            return
        for taker in (self.tallies.widths, self.scoring, self.tallies.rivals):
            if taker is not None:
                taker.take(rows)


def _look_at_part(nights: Files, part: _Part, job: JobSettings, champion: Version | None) -> _Tallies:
    look = _Look.begun(part, job, champion)
    for rows in known_rows(read_nights(nights, job, part.panel), part.panel, job, look.columns):
        look.take(rows)
    return look.tallies
