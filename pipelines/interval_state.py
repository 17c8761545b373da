"""What was learned of intervals and sample paths, as values that JSON holds, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.conformal import Conformal
from pipelines.fitted import Fitted
from pipelines.paths import Dependence

if TYPE_CHECKING:
    import pandas as pd


def intervals_to_dict(fitted: Fitted) -> dict[str, Any]:
    """Return plain values of what is calibrated by, how well that held, and how errors depend.

    Args:
        fitted: What was learned.
    """
    conformal, dependence, coverage = fitted.conformal, fitted.dependence, fitted.coverage
    return {
        "conformal": None if conformal is None else conformal.to_dict(),
        "dependence": None if dependence is None else dependence.to_dict(),
        "coverage": None if coverage is None else [[name, _plain(coverage[name])] for name in coverage],
    }


def intervals_from_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    """Restore what ``intervals_to_dict`` made.

    Args:
        values: Its result; nothing for bundles without.

    Returns:
        Fields of ``Fitted`` by name.

    Raises:
        ValueError: If it is something else.
    """
    import pandas as pd

    conformal, dependence, coverage = (values.get(name) for name in ("conformal", "dependence", "coverage"))
    frame = None
    if coverage is not None:
        frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in coverage})
        frame = frame.astype({name: float for name in frame.columns if name != "step"})
    return {
        "conformal": None if conformal is None else Conformal.from_dict(conformal),
        "dependence": None if dependence is None else Dependence.from_dict(dependence),
        "coverage": frame,
    }


def _plain(column: pd.Series) -> list[Any]:
    """Values of a column, None in the place of NaN, which JSON does not know."""
    values: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return values
