"""What a night learns from those before it, which are gone through once, one at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.nightly.matching import known_rows, read_actuals
from pipelines.nightly.outdone import Rivals
from pipelines.nightly.scored import Scored
from pipelines.nightly.scoring import Scoring
from pipelines.nightly.widths import Widths

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.records import Cutoff, Finding, Snapshot
    from pipelines.nightly.settings import JobSettings
    from pipelines.nightly.state import Version


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
    nights: Iterable[tuple[Cutoff, pd.DataFrame]],
    snapshot: Snapshot,
    job: JobSettings,
    champion: Version | None,
) -> Recalled:
    """Go through the stored nights, with no more than one of them in memory.

    Args:
        nights: Cutoff and forecasts of each, the oldest first.
        snapshot: The data.
        job: Settings, with the frequency of the data where it is known.
        champion: Who would forecast; None for nobody.

    Returns:
        What they tell.

    Raises:
        PanelError: If the data cannot be used.
        ConfigError: If there is no column to group by.
    """
    panel = read_actuals(snapshot.history, job)
    widths, scoring = Widths(job), Scoring(panel, job, snapshot.history, snapshot.static)
    rivals = None if champion is None else Rivals(job, champion)
    takers = [taker for taker in (widths, scoring, rivals) if taker is not None]
    columns = dict.fromkeys(name for taker in takers for name in taker.columns)
    for rows in known_rows(nights, panel, job, [*columns]):
        for taker in takers:
            taker.take(rows)
    return Recalled(
        widths=widths.factors() if job.watch.recalibrate else {},
        aside=None if rivals is None else rivals.finding(),
        scored=scoring.scored(),
    )
