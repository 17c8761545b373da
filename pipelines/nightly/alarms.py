"""Alarms about forecasts that are no longer worth their name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pipelines.nightly.records import Finding
from pipelines.skill import REFERENCE
from pipelines.wording import percent

if TYPE_CHECKING:
    from pipelines.nightly.scored import Scored
    from pipelines.nightly.settings import JobSettings

MIN_NIGHTS: Final = 7
"""Nights of which something must be known before an alarm is raised; fewer if the job watches fewer."""
MIN_ROWS: Final = 50
"""Values that must be known: of as many, an interval of 80 % holds from 69 % to 91 % by chance."""


def alarms_of(scored: Scored, job: JobSettings) -> list[Finding]:
    """Judge the nights that are watched.

    Args:
        scored: Their scores.
        job: Settings.

    Returns:
        ``error``, if the mean absolute error reaches ``watch.max_loss`` times that of seasonal naive on the
        same values; ``coverage``, for each level whose intervals hold more or less than they promise by
        ``watch.coverage_gap``. None while less than seven nights and fifty values are known.
    """
    nights = scored.nights
    if nights < min(MIN_NIGHTS, job.watch.nights) or scored.overall["rows"].iloc[0] < MIN_ROWS:
        return []
    return [*_error(scored, job, nights), *_coverage(scored, job, nights)]


def _error(scored: Scored, job: JobSettings, nights: int) -> Iterator[Finding]:
    own, naive = (float(scored.overall.loc[name, "mae"]) for name in (job.model.alias, REFERENCE))
    if own > job.watch.max_loss * naive:
        yield Finding(
            "error",
            "warn",
            f"Over {nights} nights the mean absolute error must be at most {job.watch.max_loss:g} times that "
            f"of seasonal naive, {naive:.4g}. Received: {own:.4g}; see which steps and groups have lost with "
            "tcn job score, and train again with tcn job retrain.",
            own / naive if naive else None,
            job.watch.max_loss,
        )


def _coverage(scored: Scored, job: JobSettings, nights: int) -> Iterator[Finding]:
    row = scored.overall.loc[job.model.alias]
    for level in sorted(job.model.levels):
        inside = float(row[f"coverage_{level:g}"])
        # A value on a bound counts as inside or not, whichever is nearer to the promise: where most values
        # are 0 and so is the lower bound, no interval could hold fewer of them.
        least, promised = inside - float(row[f"on_bound_{level:g}"]), level / 100
        gap = max(promised - inside, least - promised)
        if gap > job.watch.coverage_gap:
            direction = "wide" if inside > promised else "narrow"
            cure = "" if job.watch.recalibrate else "turn on watch.recalibrate, or "
            yield Finding(
                "coverage",
                "warn",
                f"Over {nights} nights, intervals of {level:g} % must hold {level:g} % of the values, give "
                f"or take {percent(job.watch.coverage_gap)}. Received: {percent(inside)}: they are too "
                f"{direction}; {cure}train again with tcn job retrain.",
                gap,
                job.watch.coverage_gap,
            )
