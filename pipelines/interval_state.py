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
    parts = {name: getattr(fitted, name) for name in ("conformal", "dependence", "dependence_since")}
    coverage = fitted.coverage
    return {
        **{name: None if part is None else part.to_dict() for name, part in parts.items()},
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

    coverage, frame = values.get("coverage"), None
    if coverage is not None:
        frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in coverage})
        frame = frame.astype({name: float for name in frame.columns if name != "step"})
    kinds: dict[str, Any] = {"conformal": Conformal, "dependence": Dependence, "dependence_since": Dependence}
    parts = {name: kind.from_dict(values[name]) for name, kind in kinds.items() if values.get(name)}
    return {**parts, "coverage": frame}


def _plain(column: pd.Series) -> list[Any]:
    """Values of a column, None in the place of NaN, which JSON does not know."""
    values: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return values
