"""How one covariate becomes channels: what is learned of it on the rows of a fit, and applied ever after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.errors import PanelError
from pipelines.panel import CovariateColumn
from pipelines.wording import counted

Floats = npt.NDArray[np.float32]

_LARGEST: Final = 10.0  # where scaled numbers are clipped
_MOST_CATEGORIES: Final = 200
_NORMAL_MAD: Final = 1.4826  # a normal distribution's standard deviation, in median absolute deviations


@dataclass(frozen=True)
class ColumnScale:
    """What a fit learned of a column.

    Attributes:
        name: Its name.
        median: Median of its numbers.
        scale: Their spread: 1.4826 times the median absolute deviation, else the standard deviation, else 1.
        categories: Its categories; None for numbers.
        has_missing: Whether values were missing, so that a channel says which are known.
    """

    name: str
    median: float = 0.0
    scale: float = 1.0
    categories: tuple[str, ...] | None = None
    has_missing: bool = False

    @classmethod
    def fit(cls, column: CovariateColumn) -> ColumnScale:
        """Learn from all values of a column.

        Args:
            column: Values of the rows, or series, of a fit.

        Returns:
            What was learned.

        Raises:
            PanelError: If it has no value, or too many categories to tell apart.
        """
        missing = column.missing
        if missing.all():
            raise PanelError(
                f"A covariate must have a value in the rows of the fit. Received: none in {column.name!r}; "
                "fill it in, or leave it out of covariates."
            )
        has_missing = bool(missing.any())
        if column.categories is None:
            return cls(column.name, *center_and_spread(column.values[~missing]), has_missing=has_missing)
        if len(column.categories) > _MOST_CATEGORIES:
            raise PanelError(
                f"A categorical covariate must have at most {_MOST_CATEGORIES} categories. Received: "
                f"{len(column.categories):,} in {column.name!r}, such as {column.categories[0]!r}; if they "
                "are numbers, convert them with pandas.to_numeric, else merge rare ones."
            )
        return cls(column.name, categories=column.categories, has_missing=has_missing)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColumnScale:
        """Make one from what ``to_dict`` gave."""
        categories = values["categories"]
        return cls(**{**values, "categories": None if categories is None else tuple(categories)})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        values = asdict(self)
        return values | {"categories": None if self.categories is None else list(self.categories)}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels."""
        own = (self.name,) if self.categories is None else tuple(f"{self.name}={c}" for c in self.categories)
        return (*own, f"{self.name} known") if self.has_missing else own

    def channels(self, column: CovariateColumn) -> Floats:
        """Scale a column.

        Args:
            column: ``(n,)`` values.

        Returns:
            ``(n, channels)``: the scaled number, or a channel per category that is 1 where it holds; last,
            if values were missing in the fit, which are known. 0 where a value is missing or its category was
            not seen.
        """
        known = ~column.missing
        channels = np.zeros((len(known), len(self.names)), np.float32)
        if self.has_missing:
            channels[:, -1] = known
        if self.categories is None:
            with np.errstate(over="ignore"):  # clipped
                scaled = (np.where(known, column.values, self.median) - self.median) / self.scale
            channels[:, 0] = np.clip(scaled, -_LARGEST, _LARGEST)
        elif column.categories is not None:
            place = [self.categories.index(c) if c in self.categories else -1 for c in column.categories]
            code = np.array([*place, -1])[column.values]
            rows = np.flatnonzero(code >= 0)
            channels[rows, code[rows]] = 1.0
        return channels

    def check_kind(self, column: CovariateColumn) -> None:
        """Check that a column holds what it held in the fit, numbers or categories.

        Raises:
            PanelError: If it does not.
        """
        if (column.categories is None) == (self.categories is None) or column.missing.all():
            return
        if self.categories is None:
            received, had = f"text such as {column.categories[0]!r}", "numbers"  # type: ignore[index]
            cure = "convert it with pandas.to_numeric, values that were not observed to NaN"
        else:
            received, had = "numbers", f"categories such as {self.categories[0]!r}"
            cure = "convert it with .astype(str)"
        raise PanelError(
            f"Column {self.name!r} must hold {had}, as in the fit. Received: {received}; {cure}."
        )

    def lacking(self, column: CovariateColumn) -> str | None:
        """Note on values that are missing where none were in the fit, or None."""
        count = int(column.missing.sum())
        if self.has_missing or not count:
            return None
        read = "its median" if self.categories is None else "none of its categories"
        noun = counted(count, "missing value")
        return f"column {self.name!r} has {noun}, and had none in the fit: read as {read}"

    def unseen(self, column: CovariateColumn) -> str | None:
        """Note on categories that the fit did not see, or None."""
        strange = [c for c in column.categories or () if self.categories and c not in self.categories]
        if not strange:
            return None
        listed = ", ".join(map(repr, strange[:3])) + ", ..." * (len(strange) > 3)
        noun = counted(len(strange), "value") + f" that the fit did not see ({listed})"
        return f"column {self.name!r} has {noun}: read as none of its categories"


def center_and_spread(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Median of finite numbers, and their spread.

    Args:
        values: ``(n,)`` numbers, at least one.

    Returns:
        The median; and 1.4826 times the median absolute deviation, else the standard deviation, else 1.

    Example:
        >>> center_and_spread(np.array([1.0, 2.0, 9.0]))
        (2.0, 1.4826)
    """
    largest = float(np.finfo(np.float64).max)
    center = float(np.median(values / 2)) * 2  # the mean of two large numbers must not overflow
    with np.errstate(over="ignore"):
        away = np.minimum(np.abs(values - center), largest)
        spread = float(np.median(away / 2)) * 2 * _NORMAL_MAD
    farthest = float(away.max())
    if spread == 0.0 and farthest > 0.0:
        spread = farthest * float(np.sqrt(np.mean((away / farthest) ** 2)))
    return center, min(spread, largest) or 1.0
