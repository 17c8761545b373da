"""The series of a panel as past covariates of one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from pipelines.covariates import Covariates
from pipelines.errors import ConfigError, PanelError
from pipelines.panel import CovariateColumn, Panel, show

_MOST_CHANNELS: Final = 200
_WHICH: Final = "channel"


def add_channels(covariates: Covariates | None, panel: Panel) -> Covariates:
    """Ask for each series of a panel as a past covariate of all, and for which of them a series is.

    Args:
        covariates: What is asked for beside them.
        panel: The rows of a fit.

    Returns:
        All that is asked for; the series come last of the past columns.

    Raises:
        ConfigError: If there are too many series.
    """
    if panel.n_series > _MOST_CHANNELS:
        raise ConfigError(
            f"multivariate=True is for at most {_MOST_CHANNELS} series, which all see each other. Received: "
            f"{panel.n_series:,}; leave it out, or fit groups that belong together."
        )
    asked = {} if covariates is None else covariates.to_dict()
    names = [_column(name) for name in panel.ids.tolist()]
    past, static = [*asked.pop("past", ()), *names], [*asked.pop("static", ()), _WHICH]
    return Covariates(past=past, static=static, **asked)


def with_channels(panel: Panel, names: Sequence[str]) -> Panel:
    """Give a panel the columns that ``add_channels`` asks for.

    Args:
        panel: The series; each row is given the values that all have at its stamp.
        names: Columns of the series of the fit. A series that is not in the panel is missing throughout.

    Returns:
        The panel with a past column for each of them, and a static one of the series' own.

    Raises:
        PanelError: If it holds a series that the fit did not see.
    """
    own = [_column(name) for name in panel.ids.tolist()]
    for name, column in zip(panel.ids.tolist(), own, strict=True):
        if column not in names:
            raise PanelError(
                "A multivariate forecaster forecasts the series that it was fitted to. Received: "
                f"{show(name)}; leave it out, or fit again with it."
            )
    start, _ = panel.freq.locate(panel.starts)
    start = start - start.min()
    row = np.repeat(start - panel.indptr[:-1], panel.lengths) + np.arange(panel.n_rows)
    beside = []
    for name in names:
        aligned = np.full(int(row.max()) + 1, np.nan)
        if name in own:
            i = own.index(name)
            aligned[start[i] : start[i] + panel.lengths[i]] = panel.series(i)
        beside.append(CovariateColumn(name, aligned[row]))
    texts = tuple(sorted(own))
    which = CovariateColumn(_WHICH, np.array([texts.index(name) for name in own], np.int32), texts)
    return replace(panel, covariates=(*panel.covariates, *beside), static=(*panel.static, which))


def _column(name: object) -> str:
    return f"{_WHICH} {name}"
