"""Columns beside the target: numbers, or categories that were text or booleans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import PanelError
from pipelines.frequency import Ints
from pipelines.panel.frame_columns import at_row, first_row, read_values, show

# Of objects, by what pandas infers.
_KINDS = {
    **dict.fromkeys(("string", "boolean"), "categorical"),
    **dict.fromkeys(("integer", "floating", "decimal", "mixed-integer-float"), "numeric"),
}


@dataclass(frozen=True, eq=False)
class CovariateColumn:
    """A column beside the target, in the order of a panel's rows or of its series.

    Attributes:
        name: Its name.
        values: ``(n,)`` float64 numbers, NaN where missing; or int32 positions of categories, -1 where
            missing.
        categories: Sorted texts of the categories that occur; None for numbers.
    """

    name: str
    values: npt.NDArray[Any]
    categories: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Make the values read-only."""
        self.values.setflags(write=False)

    @classmethod
    def read(cls, column: pd.Series[Any], ids: npt.NDArray[Any], codes: Ints) -> CovariateColumn:
        """Read a column of a frame, in the order of the frame.

        Args:
            column: Numbers, text, categories or booleans; missing values are allowed, blank text is missing.
            ids: Ids of the series, for messages.
            codes: ``(rows,)`` position of each row's id.

        Returns:
            The column; one without any value counts as numeric.

        Raises:
            PanelError: If it holds something else, numbers and text, or infinite numbers.
        """
        name, kind = str(column.name), _kind(column)
        if kind == "numeric":
            return cls(name, read_values(column, ids, codes))
        if kind == "categorical":
            place, unique = pd.factorize(column)
            texts = [str(value).strip() for value in unique]
            categories = tuple(sorted({*texts} - {""}))
            position = {text: i for i, text in enumerate(categories)}
            code_of = np.array([position.get(text, -1) for text in texts] + [-1], np.int32)  # -1 is missing
            return cls.of_codes(name, code_of[place], categories)
        raise _unusable(column, ids, codes)

    @classmethod
    def of_codes(
        cls, name: str, codes: npt.NDArray[np.int32], categories: tuple[str, ...]
    ) -> CovariateColumn:
        """Make a column of categories; those that do not occur are dropped, and with all of them their kind.

        Args:
            name: Name of the column.
            codes: ``(n,)`` positions in ``categories``, -1 where missing.
            categories: Sorted texts.

        Returns:
            The column.
        """
        count = np.bincount(codes + 1, minlength=len(categories) + 1)[1:]
        if not count.any():
            return cls(name, np.full(len(codes), np.nan))
        if not count.all():
            kept = np.flatnonzero(count)
            place = np.full(len(categories) + 1, -1, np.int32)  # the last is that of -1
            place[kept] = np.arange(len(kept))
            codes, categories = place[codes], tuple(categories[i] for i in kept)
        return cls(name, codes, categories)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """``(n,)`` where there is no value."""
        return np.isnan(self.values) if self.categories is None else self.values < 0

    def take(self, rows: Any) -> CovariateColumn:
        """Return the values of some rows."""
        if self.categories is None:
            return CovariateColumn(self.name, self.values[rows])
        return self.of_codes(self.name, self.values[rows], self.categories)

    def place(self, n: int, target: Any, source: Any = slice(None)) -> CovariateColumn:
        """Return ``n`` values, ``self.values[source]`` at ``target`` and missing ones elsewhere."""
        missing = np.nan if self.categories is None else -1
        placed = np.full(n, missing, self.values.dtype)
        placed[target] = self.values[source]
        return CovariateColumn(self.name, placed, self.categories)

    def equals(self, other: CovariateColumn) -> bool:
        """Return whether all is equal, NaN being equal to NaN."""
        return (self.name, self.categories) == (other.name, other.categories) and np.array_equal(
            self.values, other.values, equal_nan=self.categories is None
        )

    def to_pandas(self) -> npt.NDArray[np.float64] | pd.Categorical:
        """Return what a frame holds: numbers, or categories."""
        if self.categories is None:
            return self.values.copy()
        return pd.Categorical.from_codes(self.values, list(self.categories))


def by_name(columns: tuple[CovariateColumn, ...]) -> Mapping[str, CovariateColumn]:
    """Columns by their names."""
    return {column.name: column for column in columns}


def _kind(column: pd.Series[Any]) -> str:
    """Return "numeric", "categorical" or "unusable"."""
    dtype = column.dtype
    if column.isna().all():
        return "numeric"
    if isinstance(dtype, pd.CategoricalDtype) or dtype.kind == "b" or pd.api.types.is_bool_dtype(dtype):
        return "categorical"
    if dtype == np.object_:
        found = pd.api.types.infer_dtype(column, skipna=True)
        return _KINDS.get(found, "unusable")
    if pd.api.types.is_string_dtype(dtype):
        return "categorical" if column.fillna("").str.strip().ne("").any() else "numeric"
    is_number = pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c"
    return "numeric" if is_number else "unusable"


def _unusable(column: pd.Series[Any], ids: npt.NDArray[Any], codes: Ints) -> PanelError:
    is_number = np.array(
        [isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in column]
    )
    row = first_row(column.notna().to_numpy() & ~is_number)
    received = f"{show(column.iloc[row])} in series {show(ids[codes[row]])}, {at_row(row)}"
    if isinstance(column.iloc[row], str) and (is_number & column.notna().to_numpy()).any():
        return PanelError(
            f"Column {column.name!r} must hold numbers or text, not both. Received: {received}; correct "
            "it, or make it NaN if it was not observed."
        )
    return PanelError(
        f"Covariate {column.name!r} must hold numbers, text, categories or booleans. Received: {received}, "
        f"of type {type(column.iloc[row]).__name__}; convert it first."
    )
