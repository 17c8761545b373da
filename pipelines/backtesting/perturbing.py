"""A panel in which everything that is not known at a time is something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.covariates import Covariates
from pipelines.panel import CovariateColumn, Panel

Mask = npt.NDArray[np.bool_]

_EXTREME: Final = (0.0, 1e300, -1e300, 1e-300, np.nan)
_UNSEEN: Final = "\U0010ffff"  # sorts after every other category


def unknown_rows(panel: Panel, stamp: Any, covariates: Covariates | None, horizon: int) -> dict[str, Mask]:
    """Say which values are not known at a cutoff.

    Args:
        panel: The series.
        stamp: The cutoff, a stamp as the panel gives it.
        covariates: Roles and publication lags of the columns; None for none.
        horizon: Steps ahead for which future columns are known.

    Returns:
        Name of each column, the target among them, to ``(rows,)`` whether its value comes later.
    """
    asked = covariates or Covariates()
    ahead = np.arange(panel.n_rows) - np.repeat(panel.indptr[:-1] + panel.rows_until(stamp), panel.lengths)
    reach = {name: -asked.lag(name) for name in asked.past}
    reach |= {name: horizon - asked.lag(name) for name in asked.future}
    return {name: ahead >= steps for name, steps in {panel.columns.target_col: 0, **reach}.items()}


def perturbed(
    panel: Panel,
    stamp: Any,
    covariates: Covariates | None,
    horizon: int,
    rng: np.random.Generator,
    alike: bool = False,
) -> Panel:
    """Replace all that is not known at a cutoff: by usual, huge, tiny and missing values.

    Args:
        panel: The series.
        stamp: The cutoff.
        covariates: Roles and publication lags of the columns.
        horizon: Steps ahead for which future columns are known.
        rng: Source of randomness.
        alike: Whether new targets are to be positive, or not negative, and whole where all of the panel are.

    Returns:
        Another panel.

    Example:
        >>> import pandas as pd
        >>> panel = Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3], "y": [5.0, 6.0, 7.0]}))
        >>> changed = perturbed(panel, 2, None, horizon=1, rng=np.random.default_rng(0))
        >>> changed.values[:2].tolist(), bool(changed.values[2] == 7)
        ([5.0, 6.0], False)
    """
    later = unknown_rows(panel, stamp, covariates, horizon)
    values = _other_numbers(panel.values, later[panel.columns.target_col], rng)
    return replace(
        panel,
        values=_alike(values, panel.values) if alike else values,
        covariates=tuple(
            _other(column, later[column.name], rng) if column.name in later else column
            for column in panel.covariates
        ),
    )


def _other(column: CovariateColumn, later: Mask, rng: np.random.Generator) -> CovariateColumn:
    if column.categories is None:
        return CovariateColumn(column.name, _other_numbers(column.values, later, rng))
    codes = column.values.copy()
    codes[later] = rng.integers(-1, len(column.categories) + 1, int(later.sum()), dtype=np.int32)
    return CovariateColumn(column.name, codes, (*column.categories, _UNSEEN))


def _alike(values: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Bring values into the range that other values, themselves among these, are in."""
    known = others[np.isfinite(others)]
    least = float(known.min()) if len(known) else 0.0
    if least >= 0:
        values = np.maximum(np.abs(values), least)
    return np.ceil(values) if (known == np.ceil(known)).all() else values


def _other_numbers(
    values: npt.NDArray[np.float64], later: Mask, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    n = int(later.sum())
    size = float(np.nanmax(np.abs(values), initial=1.0))
    usual = np.clip(rng.normal(size=n), -1, 1) * min(size, 1e300)
    extreme = rng.choice(_EXTREME, n)
    changed = values.copy()
    changed[later] = np.where(rng.random(n) < 0.5, usual, extreme)
    return changed
