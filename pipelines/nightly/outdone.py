"""Whether seasonal naive has outdone the champion for so long that it forecasts in its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipelines.nightly.alarms import MIN_ROWS
from pipelines.nightly.champions import name_of
from pipelines.nightly.matching import MODEL, RAW, Floats, Known, known_rows, read_actuals
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


class Rivals:
    """Find whether a champion is to be set aside, since seasonal naive has erred less than it.

    Both are compared on the same values of the nights that are watched, the champion by what it has made in
    each of them, published or not. It is set aside if its mean absolute error is larger, and if a
    Diebold-Mariano test by night puts a p-value of ``watch.set_aside`` at most on that. Once aside, it comes
    back as soon as its error is below that of seasonal naive.

    Nights whose forecasts overlap are no independent witnesses. The test allows for as many as do, up to a
    quarter of the nights: of more, so few nights cannot tell.

    Args:
        job: Settings.
        champion: The version that would forecast.
    """

    def __init__(self, job: JobSettings, champion: Version) -> None:
        self.job, self.champion = job, champion
        self._made, self._who = f"{RAW}{job.model.alias}", f"{RAW}{MODEL}"
        self._name = name_of(job.model.alias, champion)
        self._nights: list[_Night] = []
        self._was_aside = False

    @property
    def columns(self) -> list[str]:
        """Columns of a night that are needed."""
        return [self._made, self._who, MODEL, REFERENCE]

    def take(self, rows: Known) -> None:
        """Add up the errors of a night, later than those before.

        Args:
            rows: What is known of it.
        """
        own = rows.columns[self._who] == self._name
        self._was_aside = bool(own.any() and (rows.columns[MODEL] == REFERENCE).all())
        if not own.any():
            return
        rows = rows.take(own)
        error, naive = (float(np.abs(rows.y - rows.columns[name]).sum()) for name in (self._made, REFERENCE))
        self._nights.append(_Night(int((rows.position - rows.step).max()), len(rows.y), error, naive))

    def finding(self) -> Finding | None:
        """Return what there is to say of it; None if the champion stays, or too little is known."""
        watch, known = self.job.watch, len(self._nights)
        if not watch.set_aside or known < max(MIN_WINDOWS, min(_NIGHTS, watch.nights)):
            return None
        cutoffs, count, error, naive = np.array(self._nights).T
        if count.sum() < MIN_ROWS or not error.sum() > naive.sum():
            return None
        difference = (error - naive) / count
        p_value = diebold_mariano(difference, _overlap(cutoffs, self.job.model.horizon))[1]
        if not self._was_aside and not (difference.mean() > 0 and p_value <= watch.set_aside):
            return None
        ending = "" if self._was_aside else f", p = {p_value:.3f}"
        reference, own = (each.sum() / count.sum() for each in (naive, error))
        return Finding(
            "champion",
            "warn",
            f"SeasonalNaive forecasts in place of version {self.champion.number}, whose mean absolute error "
            f"must not be above its own, {reference:.4g}. Received: {own:.4g} over "
            f"{counted(known, 'night')}{ending}; train again with tcn job retrain, go back with tcn job "
            "rollback, or set watch.set_aside to 0.",
            float(own / reference) if reference else None,
            1.0,
        )


class _Night(NamedTuple):
    """Place of the cutoff on the grid, number of values, and the sums of both absolute errors."""

    cutoff: int
    values: int
    error: float
    naive: float


def outdone(
    nights: Iterable[tuple[Cutoff, pd.DataFrame]], actuals: pd.DataFrame, job: JobSettings, champion: Version
) -> Finding | None:
    """Find whether a champion is to be set aside; see `Rivals`.

    Args:
        nights: Cutoff and forecasts of each, the oldest first; a sequence may have them in any order.
        actuals: Id, time and target column.
        job: Settings.
        champion: The version that would forecast.

    Returns:
        What there is to say of it; None if it stays.

    Raises:
        PanelError: If the actual values cannot be used.
    """
    rivals = Rivals(job, champion)
    for rows in known_rows(nights, read_actuals(actuals, job), job, rivals.columns):
        rivals.take(rows)
    return rivals.finding()


def _overlap(cutoffs: Floats, horizon: int) -> int:
    """How many nights in a row forecast a value: as many as their number can tell of at most."""
    apart = max(float(np.median(np.diff(cutoffs))), 1.0)
    return max(min(int(np.ceil(horizon / apart)), len(cutoffs) // 4), 1)
