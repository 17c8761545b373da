"""What a plan says of covariates: which are used, and where they are missing."""

from __future__ import annotations

import numpy as np

from pipelines.covariates import Covariates
from pipelines.panel import Panel
from pipelines.windows.covariates.reading import columns_of
from pipelines.wording import counted


def covariate_notes(covariates: Covariates, cycles: tuple[str, ...], panel: Panel) -> tuple[str, ...]:
    """Say which covariates a fit uses, and how many rows lack them.

    Args:
        covariates: What was asked for.
        cycles: Cycles of the calendar in use.
        panel: The rows of the fit.

    Returns:
        Lines.
    """
    holidays = [] if covariates.holidays is None else [f"holidays {covariates.holidays}"]
    used = {
        "past": [_with_lag(name, covariates) for name in covariates.past],
        "future": [_with_lag(name, covariates) for name in covariates.future] + holidays,
        "static": list(covariates.static),
        "calendar": list(cycles),
    }
    lines = [
        "covariates: " + "; ".join(f"{role} {', '.join(names)}" for role, names in used.items() if names)
    ]
    rows, static = columns_of(covariates, panel)
    for columns, unit in ((rows, "row"), (static, "series")):
        for column in columns:
            if count := int(column.missing.sum()):
                lacking = counted(count, unit) if unit == "row" else f"{count:,} series"
                lines.append(f"{lacking} without a value of {column.name!r}")
    last = panel.indptr[1:] - 1
    ahead = rows[len(covariates.past) :]
    some = np.any([~column.missing[last] for column in ahead], axis=0) if ahead else np.False_
    if waiting := int((np.isnan(panel.values[last]) & some).sum()):
        lines.append(
            f"{waiting:,} series end in rows with future covariates but without a value: forecasts begin "
            "after them; to forecast these rows, pass them as future= instead"
        )
    return tuple(lines)


def _with_lag(name: str, covariates: Covariates) -> str:
    lag = covariates.lag(name)
    return f"{name} ({counted(lag, 'row')} late)" if lag else name
