"""Cross-validation over origins, in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import ConfigError, PanelError

Ints = npt.NDArray[np.int64]


class RollingOriginSplit:
    """Folds of origins: each is tested on later stamps than it learns from, newest fold last.

    The values that an origin is to forecast are known to the fold's training only if they lie at or before
    the first tested origin, so that ``horizon`` stamps before it are left out. Folds depend on the stamps of
    the rows alone: they are the same for every look-back.

    Args:
        horizon: Steps ahead that are forecast.
        n_splits: Folds.
        n_origins: Stamps of the origins of one test; None for the horizon.
        time_col: Column of the origins' stamps.

    Raises:
        ConfigError: If a number is not a positive integer.

    Example:
        >>> origins = pd.DataFrame({"unique_id": "A", "ds": range(10)})
        >>> for train, test in RollingOriginSplit(horizon=2, n_splits=2).split(origins):
        ...     print(train, test)
        [0 1 2 3 4] [6 7]
        [0 1 2 3 4 5 6] [8 9]
    """

    def __init__(
        self, horizon: int, n_splits: int = 3, n_origins: int | None = None, time_col: str = "ds"
    ) -> None:
        self.horizon = horizon
        self.n_splits = n_splits
        self.n_origins = n_origins
        self.time_col = time_col
        for name, value in {"horizon": horizon, "n_splits": n_splits, "n_origins": n_origins}.items():
            is_number = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1
            if not (is_number or (name == "n_origins" and value is None)):
                raise ConfigError(f"{name} must be a positive integer. Received: {value!r}.")

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Args:
            X: Ignored.
            y: Ignored.
            groups: Ignored.

        Returns:
            Number of folds.
        """
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Ints, Ints]]:
        """Split origins.

        Args:
            X: A row per origin: a frame with the time column, or anything if ``groups`` is given.
            y: Not looked at.
            groups: ``(origins,)`` stamps, instead of the column.

        Yields:
            Positions of the rows to learn from, and of those to test on.

        Raises:
            PanelError: If there are too few stamps, or none.
        """
        if groups is None and self.time_col not in getattr(X, "columns", ()):
            raise PanelError(
                f"Origins must be a frame with a column {self.time_col!r} (time_col). Received: "
                f"{type(X).__name__}; pass the frame of origins, or their stamps as groups."
            )
        stamps = X[self.time_col] if groups is None else groups
        place, found = pd.factorize(pd.Series(np.asarray(stamps)), sort=True)
        size = self.horizon if self.n_origins is None else self.n_origins
        first = len(found) - self.n_splits * size
        if first - self.horizon < 0:
            raise PanelError(
                f"{self.n_splits} folds of {size} stamps need at least {self.n_splits * size + self.horizon} "
                f"stamps with horizon={self.horizon}. Received: {len(found)}; ask for fewer folds."
            )
        for begin in range(first, len(found), size):
            train = np.flatnonzero(place <= begin - self.horizon)
            yield train, np.flatnonzero((place >= begin) & (place < begin + size))

    def __repr__(self) -> str:
        """Return the constructor call."""
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({values})"
