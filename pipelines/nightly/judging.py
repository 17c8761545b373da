"""How a job is doing, in a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.nightly.labels import label, unlabeled
from pipelines.nightly.records import Finding
from pipelines.skill import REFERENCE
from pipelines.verdict import Verdict
from pipelines.wording import counted, percent

if TYPE_CHECKING:
    from pipelines.nightly.scored import Scored


def verdict_of(status: Mapping[str, Any], scored: Scored, alarms: Sequence[Finding] = ()) -> Verdict:
    """Judge a job.

    Args:
        status: As ``pipelines.nightly.status.status`` returns it.
        scored: Scores of the nights that are watched.
        alarms: Those that the scores raise.

    Returns:
        Bad if the last run failed, or nothing whole is published; fair if the last night had findings,
        records are damaged, or there are alarms; unknown before the first night; else good.
    """
    details = [*_worth(scored), *map(_said, alarms)]
    details += [f"Damaged: {message}" for message in status["damaged"]]
    failure, nights = status["failure"], status["nights"]
    if failure is not None:
        when = f" of {stamp(failure['cutoff'])}" if failure["cutoff"] else ""
        said = f"{failure['error']}: {failure['message']}"
        return Verdict("bad", "Failed", f"The run{when} failed. {_published(status)}", (said, *details))
    if not nights:
        return Verdict("unknown", "Waiting", "No night has been run yet.", tuple(details))
    if status["published"] is None:
        return Verdict("bad", "Not published", _published(status), tuple(details))
    last = nights[0]
    details = [*(_said(Finding(**each)) for each in last["findings"]), *details]
    if last["findings"] or status["damaged"] or alarms:
        return Verdict("fair", "Needs a look", _published(status), tuple(details))
    return Verdict("good", "In order", _published(status), tuple(details))


def stamp(cutoff: Any) -> str:
    """Write a cutoff as people read it.

    Args:
        cutoff: A time stamp, a step, or the name of one.

    Returns:
        The date; with the time, if that is not midnight.

    Example:
        >>> stamp("20240131T060000"), stamp("20240131T000000"), stamp(17)
        ('2024-01-31 06:00', '2024-01-31', '17')
    """
    at = unlabeled(cutoff if isinstance(cutoff, str) else label(cutoff))
    if isinstance(at, int):
        return str(at)
    return f"{at:%Y-%m-%d}" if at == at.normalize() else f"{at:%Y-%m-%d %H:%M}"


def levels_of(scored: Scored) -> list[str]:
    """Levels of the intervals that were scored, from the innermost.

    Args:
        scored: The scores.
    """
    names = [str(name) for name in scored.overall.columns]
    return [name.removeprefix("coverage_") for name in names if name.startswith("coverage_")]


def _published(status: Mapping[str, Any]) -> str:
    published = status["published"]
    if published is None:
        return "Nothing whole is published."
    models = published.get("models", {})
    total = sum(models.values())
    naive = models.get(REFERENCE, 0)
    night = stamp(published["night"]) if published.get("night") else str(published.get("cutoff"))
    by = "" if not naive else f", {naive:,} of them by seasonal naive"
    return f"Readers see the forecast of {night}, of {total:,} series{by}."


def _worth(scored: Scored) -> list[str]:
    if scored.overall.empty:
        return ["No forecast can be compared with what happened yet."]
    own, naive = (float(scored.overall.loc[name, "mae"]) for name in (scored.overall.index[0], REFERENCE))
    if naive == 0:
        return []
    skill = 1 - own / naive
    direction = "below" if skill >= 0 else "above"
    return [
        f"Over {counted(scored.nights, 'night')} the mean absolute error was {percent(abs(skill))} "
        f"{direction} that of seasonal naive on the same values."
    ]


def _said(finding: Finding) -> str:
    return f"{finding.check}: {finding.message}"
