"""Covariates as the network reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CovariateTable:
    """Covariates of a panel, scaled, late by their publication lags, and 0 where they are not known.

    Attributes:
        past: ``(rows, channels)`` what is known at each row.
        ahead: ``(rows + series * horizon, features)`` what is known in advance of each row and of the
            ``horizon`` rows after each series: series i begins at row ``indptr[i] + i * horizon``.
        unknown: ``(horizon, features)`` whether a feature is not known yet so many steps ahead.
        static: ``(series, features)`` what does not change.
        horizon: Steps ahead.
    """

    past: Floats
    ahead: Floats
    unknown: npt.NDArray[np.bool_]
    static: Floats
    horizon: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Past channels, features ahead, and static features."""
        return self.past.shape[1], self.ahead.shape[1], self.static.shape[1]
