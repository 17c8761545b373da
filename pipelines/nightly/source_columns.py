"""Which columns a job reads from its source."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pipelines.errors import PanelError

if TYPE_CHECKING:
    from pipelines.nightly.settings import JobSettings

_LISTED: Final = 20  # columns that a message names


def columns_to_read(job: JobSettings, found: Sequence[str], place: str) -> list[str]:
    """Choose the columns that a job needs, and no others.

    Args:
        job: Settings.
        found: Columns that the source has.
        place: The source as messages show it.

    Returns:
        Id, time, target, covariates, the column of ``known_at``; then those static columns that it has.

    Raises:
        PanelError: If one is missing.

    Example:
        >>> from pipelines.nightly import JobSettings
        >>> job = JobSettings(name="a", source={"path": "a.csv"}, sink={"path": "b.csv"},
        ...                   model={"horizon": 1})
        >>> columns_to_read(job, ["unique_id", "region", "ds", "y"], "a.csv")
        ['unique_id', 'ds', 'y']
    """
    model = job.model
    needed = {model.id_col: "model.id_col", model.time_col: "model.time_col"}
    needed[model.target_col] = "model.target_col"
    beside: tuple[str | None, ...] = (job.watch.group,)
    if model.covariates is not None:
        needed |= dict.fromkeys(model.covariates.rows, "model.covariates")
        beside = (*model.covariates.static, *beside)
    if job.source.known_at is not None:
        needed[job.source.known_at] = "source.known_at"
    for name, setting in needed.items():
        if name not in found:
            raise _missing(name, setting, found, place)
    return list(dict.fromkeys([*needed, *(name for name in beside if name in found and name is not None)]))


def _missing(name: str, setting: str, found: Sequence[str], place: str) -> PanelError:
    listed = ", ".join(map(repr, found[:_LISTED])) or "no columns"
    listed += f" and {len(found) - _LISTED} more" * (len(found) > _LISTED)
    lower = {each.lower(): each for each in found}
    close = get_close_matches(name.lower(), lower, n=1)
    hint = f"did you mean {lower[close[0]]!r}? Name it in {setting}" if close else f"name it in {setting}"
    return PanelError(
        f"The source must have a column {name!r} ({setting}). Received: {listed} in {place}; {hint}, or "
        "bring the column back."
    )
