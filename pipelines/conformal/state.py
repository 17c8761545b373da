"""What conformal calibration has learned, and what it makes of a network's quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt

from pipelines import choices
from pipelines.conformal.curves import GRID, apply_curves, invert_curves
from pipelines.conformal.recent import recent_quantiles
from pipelines.conformal.scores import at_scores
from pipelines.normal import ndtri

Floats = npt.NDArray[np.float64]

METHODS: Final = get_args(choices.Conformal)

PROBABILITIES: Final = (
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
    0.95, 0.975, 0.99, 0.995, 0.999,
)  # fmt: skip
"""What calibrated forecasts have quantiles for."""

_MIDDLE: Final = len(PROBABILITIES) // 2


@dataclass(frozen=True)
class Conformal:
    """Curves of scores, and whether the newest errors of a series count on top of them.

    Attributes:
        method: "split" or "adaptive".
        curves: ``(horizon, grid)`` which score of the network a quantile of each step is taken at.
    """

    method: str
    curves: Floats

    @property
    def adapts(self) -> bool:
        """Whether forecasts depend on past errors."""
        return self.method == "adaptive"

    def calibrated(self, scores: Floats) -> Floats:
        """Scores of calibrated forecasts for those of the network, ``(..., horizon)``."""
        return invert_curves(self.curves, scores)

    def wanted(self, recent: Floats | None = None) -> Floats:
        """Scores of the network that calibrated quantiles are taken at.

        Args:
            recent: ``(..., past, horizon)`` scores of past calibrated forecasts; None if they do not count.

        Returns:
            ``(..., probabilities, horizon)``, not decreasing in the probability, 0 for the median.
        """
        own = ndtri(PROBABILITIES)
        scores = np.repeat(own[:, None], len(self.curves), axis=1)
        if recent is not None:
            scores = recent_quantiles(recent, own)
            scores[..., _MIDDLE, :] = 0.0
        return apply_curves(self.curves, scores)

    def quantiles(
        self, quantiles: Floats, probabilities: Sequence[float], recent: Floats | None = None
    ) -> Floats:
        """Calibrate forecasts.

        Args:
            quantiles: ``(..., horizon, probabilities)`` of the network.
            probabilities: What they are quantiles of, 0.5 among them.
            recent: As for ``wanted``.

        Returns:
            ``(..., horizon, 19)`` quantiles for ``PROBABILITIES``, not decreasing; the median is that of the
            network to the bit.
        """
        scores = np.moveaxis(self.wanted(recent), -2, -1)
        found = np.empty((*quantiles.shape[:-1], len(PROBABILITIES)))
        for i in range(len(PROBABILITIES)):
            found[..., i] = at_scores(quantiles, probabilities, scores[..., i])
        found[..., _MIDDLE] = quantiles[..., list(probabilities).index(0.5)]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON holds."""
        return {"method": self.method, "curves": self.curves.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Conformal:
        """Restore what ``to_dict`` made.

        Raises:
            ValueError: If it is something else.
        """
        curves = np.array(values["curves"], np.float64)
        if values["method"] not in METHODS or curves.ndim != 2 or curves.shape[1] != len(GRID):
            raise ValueError("conformal calibration")
        return cls(values["method"], curves)
