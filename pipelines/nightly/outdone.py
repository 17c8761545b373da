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

    from pipelines.nightly.records import Cutoff, Version
    from pipelines.nightly.settings import JobSettings

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
        self._nights: dict[Cutoff, _Night] = {}

    @property
    def columns(self) -> list[str]:
        """Columns of a night that are needed."""
        return [self._made, self._who, MODEL, REFERENCE]

    def take(self, rows: Known) -> None:
        """Add up the errors of a night.

        Args:
            rows: What is known of it.
        """
        is_naive = bool((rows.columns[MODEL] == REFERENCE).all())
        rows, before = rows.take(rows.columns[self._who] == self._name), rows.position - rows.step
        error, naive = (float(np.abs(rows.y - rows.columns[name]).sum()) for name in (self._made, REFERENCE))
        self._merge(rows.cutoff, _Night(int(before.max()), len(rows.y), error, naive, is_naive))

    def add(self, other: Rivals) -> None:
        """Take the errors of other series in the same nights.

        Args:
            other: Where they were added up.
        """
        for cutoff, night in other._nights.items():
            self._merge(cutoff, night)

    def _merge(self, cutoff: Cutoff, night: _Night) -> None:
        own = self._nights.get(cutoff)
        if own is not None:
            night = _Night(
                max(own.cutoff, night.cutoff),
                own.values + night.values,
                own.error + night.error,
                own.naive + night.naive,
                own.is_naive and night.is_naive,
            )
        self._nights[cutoff] = night

    def finding(self) -> Finding | None:
        """Return what there is to say of it; None if the champion stays, or too little is known."""
        nights = sorted(self._nights.values())
        was_aside = bool(nights) and nights[-1].is_naive and nights[-1].values > 0
        nights = [night for night in nights if night.values]
        watch, known = self.job.watch, len(nights)
        if not watch.set_aside or known < max(MIN_WINDOWS, min(_NIGHTS, watch.nights)):
            return None
        cutoffs, count, error, naive, _ = np.array(nights, np.float64).T
        if count.sum() < MIN_ROWS or not error.sum() > naive.sum():
            return None
        difference = (error - naive) / count
        p_value = diebold_mariano(difference, _overlap(cutoffs, self.job.model.horizon))[1]
        if not was_aside and not (difference.mean() > 0 and p_value <= watch.set_aside):
            return None
        ending = "" if was_aside else f", p = {p_value:.3f}"
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
    """Place of the cutoff on the grid, number of values, sums of both absolute errors, who was published."""

    cutoff: int
    values: int
    error: float
    naive: float
    is_naive: bool


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
