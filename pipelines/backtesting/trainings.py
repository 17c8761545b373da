"""When a backtest trains, and on which rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.backtesting.origins import Mask, Origins
from pipelines.backtesting.perturbing import unknown_rows
from pipelines.covariates import Covariates
from pipelines.panel import Panel


def training_cutoffs(panel: Panel, origins: Origins, every: int) -> list[tuple[Any, Mask]]:
    """Choose at which cutoffs to train, and what to forecast with each training.

    The first is the oldest cutoff, each other the first that lies ``every`` windows or more after the one
    before. So a network never knows more than its forecasts, also where series end at different times; where
    they end together, there is a training for every so many windows.

    Args:
        panel: The series.
        origins: What will be forecast.
        every: Windows from one training to the next.

    Returns:
        Stamp of each training, oldest first, and ``(runs, windows)`` the origins from there to the next one.
    """
    position, phase = panel.freq.locate(origins.stamps)
    chosen: list[int] = []
    for i, here in enumerate(zip(position.tolist(), phase.tolist(), strict=True)):
        if not chosen or here >= (position[chosen[-1]] + every * origins.step, phase[chosen[-1]]):
            chosen.append(i)
    ends = [*chosen[1:], len(origins.stamps)]
    return [
        (origins.stamps[first], origins.exist & (origins.rank >= first) & (origins.rank < end))
        for first, end in zip(chosen, ends, strict=True)
    ]


def training_rows(panel: Panel, stamp: Any, window: int | None, covariates: Covariates | None) -> Panel:
    """Return what could be learned from at a cutoff.

    Args:
        panel: The series.
        stamp: The cutoff, a stamp as the panel gives it.
        window: Rows of each series to keep, its last ones; None for all.
        covariates: Publication lags of the columns; None for no covariates.

    Returns:
        The rows up to the cutoff; past covariates that are published later are missing in the last of them.
    """
    late = [name for name in covariates.past if covariates.lag(name)] if covariates is not None else []
    if late:
        later = unknown_rows(panel, stamp, covariates, horizon=0)
        known = {name: np.flatnonzero(~later[name]) for name in late}
        columns = (
            column.place(panel.n_rows, known[column.name], known[column.name])
            if column.name in known
            else column
            for column in panel.covariates
        )
        panel = replace(panel, covariates=tuple(columns))
    rows = panel.until(stamp)
    return rows if window is None else rows.tail(window)
