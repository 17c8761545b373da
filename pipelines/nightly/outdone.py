"""Whether seasonal naive has outdone the champion for so long that it forecasts in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.nightly.alarms import MIN_ROWS
from pipelines.nightly.champions import name_of
from pipelines.nightly.matching import MODEL, RAW, Floats, Ints, Matched, as_made, match, read_actuals
from pipelines.nightly.records import Finding
from pipelines.skill import MIN_WINDOWS, REFERENCE, diebold_mariano
from pipelines.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings
    from pipelines.nightly.state import Version

_NIGHTS: Final = 14
"""Nights of which something must be known; fewer if the job watches fewer."""


def outdone(
    nights: Sequence[tuple[Cutoff, pd.DataFrame]], actuals: pd.DataFrame, job: JobSettings, champion: Version
) -> Finding | None:
    """Find whether a champion is to be set aside, since seasonal naive has erred less than it.

    Both are compared on the same values of the nights that are watched, the champion by what it has made in
    each of them, published or not. It is set aside if its mean absolute error is larger, and if a
    Diebold-Mariano test by night puts a p-value of ``watch.set_aside`` at most on that. Once aside, it comes
    back as soon as its error is below that of seasonal naive.

    Nights whose forecasts overlap are no independent witnesses. The test allows for as many as do, up to a
    quarter of the nights: of more, so few nights cannot tell.

    Args:
        nights: Cutoff and forecasts of each, in any order.
        actuals: Id, time and target column.
        job: Settings.
        champion: The version that would forecast.

    Returns:
        What there is to say of it; None if the champion stays, or too little is known.

    Raises:
        PanelError: If the actual values cannot be used.
    """
    if not job.watch.set_aside or not nights:
        return None
    made, who, name = f"{RAW}{job.model.alias}", f"{RAW}{MODEL}", name_of(job.model.alias, champion)
    nights = as_made(nights, job)
    rows = match(nights, read_actuals(actuals, job), job, [made, who, REFERENCE])
    rows = rows.take(rows.columns[who] == name)
    known, own, naive = _errors(rows, made)
    if len(known) < max(MIN_WINDOWS, min(_NIGHTS, job.watch.nights)) or len(rows.y) < MIN_ROWS:
        return None
    error, reference = (known @ each / known.sum() for each in (own, naive))
    if not error > reference:
        return None
    was_aside = _was_aside(max(nights, key=lambda night: night[0])[1], name)
    p_value = diebold_mariano(own - naive, _overlap(rows, job.model.horizon))[1]
    if not was_aside and not (own.mean() > naive.mean() and p_value <= job.watch.set_aside):
        return None
    over = counted(len(known), "night")
    ending = "" if was_aside else f", p = {p_value:.3f}"
    return Finding(
        "champion",
        "warn",
        f"SeasonalNaive forecasts in place of version {champion.number}, whose mean absolute error must not "
        f"be above its own, {reference:.4g}. Received: {error:.4g} over {over}{ending}; "
        "train again with tcn job retrain, go back with tcn job rollback, or set watch.set_aside to 0.",
        float(error / reference) if reference else None,
        1.0,
    )


def _errors(rows: Matched, made: str) -> tuple[Ints, Floats, Floats]:
    """Number of known values of each night, and the mean absolute errors of both forecasters in it."""
    _, night = np.unique(rows.night, return_inverse=True)
    count = np.bincount(night)
    own, naive = (
        np.bincount(night, np.abs(rows.y - rows.columns[name])) / count for name in (made, REFERENCE)
    )
    return count, own, naive


def _overlap(rows: Matched, horizon: int) -> int:
    """How many nights in a row forecast a value: as many as their number can tell of at most."""
    cutoffs = np.unique(rows.position - rows.step)
    apart = max(int(np.median(np.diff(cutoffs))), 1)
    return max(min(-(-horizon // apart), len(cutoffs) // 4), 1)


def _was_aside(frame: pd.DataFrame, name: str) -> bool:
    """Whether a night has published seasonal naive everywhere, though the version could forecast."""
    return bool((frame[MODEL] == REFERENCE).all() and (frame[f"{RAW}{MODEL}"] == name).any())
