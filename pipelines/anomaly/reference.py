"""What is usual: how strange the strangest stretch of a block of time is where nothing happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.anomaly.blocks import Blocks
from pipelines.errors import PanelError

Floats = npt.NDArray[np.float64]

FEWEST: Final = 8
"""Blocks without which nothing can be called unusual."""

# The largest scores of blocks above this quantile of them are taken to fall off exponentially.
_TAIL: Final = 0.75
# A block that is this unlikely to be among usual ones, all of them together, is no usual one.
_CHANCE: Final = 0.05
# Where blocks do not differ, scores that do are taken to fall off this fast.
_LEAST: Final = 0.05


@dataclass(frozen=True)
class Reference:
    """How strange the strangest stretch of a usual block is.

    Attributes:
        typical: ``(features,)`` what each feature is about.
        center: ``(features,)`` median of its largest values of blocks.
        spread: ``(features,)`` distance of the quartiles of those.
        maxima: ``(blocks,)`` largest score of each usual block, in order.
        ids: ``(blocks,)`` id of the series that the block is of, as text.
        left_out: Blocks that were left out, as they were anomalies themselves.
    """

    typical: Floats
    center: Floats
    spread: Floats
    maxima: Floats
    ids: tuple[str, ...]
    left_out: int = 0

    @classmethod
    def fit(cls, parts: Iterable[Blocks]) -> Reference:
        """Learn from blocks of a calibration.

        Args:
            parts: Blocks of some series at a time.

        Returns:
            The reference.

        Raises:
            PanelError: If there are fewer than eight blocks.
        """
        blocks = Blocks.joined(parts)
        if len(blocks.ids) < FEWEST:
            raise PanelError(
                f"A calibration needs {FEWEST} stretches of a horizon, of all series together, in which "
                f"values were observed and change. Received: {len(blocks.ids)}; pass more rows after those "
                "of the fit, fit on fewer, or choose a smaller horizon."
            )
        low, center, high = np.nanquantile(blocks.largest, (0.25, 0.5, 0.75), axis=0)
        # Where blocks hardly differ, a hair more must not be called strange.
        spread = np.maximum(high - low, _LEAST * np.maximum(center, 1.0))
        maxima = np.nanmax((blocks.largest - center) / spread, axis=1)
        usual = np.flatnonzero(~outlying(maxima, maxima))
        ids = tuple(blocks.ids[i] for i in usual)
        typical = np.nanmedian(blocks.mean, axis=0)
        return cls(typical, center, spread, maxima[usual], ids, len(maxima) - len(usual))

    def scores(self, values: Floats) -> Floats:
        """Say how far features lie above those of the strangest stretch of a usual block.

        Args:
            values: ``(..., features)``.

        Returns:
            ``(..., features)`` distances from the median, in distances of quartiles.
        """
        return (values - self.center) / self.spread

    def usual(self, name: str, alpha: float, pooled: bool = False) -> Floats:
        """Choose what a series is compared with at first.

        Args:
            name: Its id, as text.
            alpha: Smallest chance that is of interest.
            pooled: Whether to take the blocks of all series in any case.

        Returns:
            Largest scores of its own blocks if there are enough of them to tell chances as small, else of the
            blocks of all series.
        """
        own = self._own.get(name)
        return self.maxima if pooled or own is None or not resolves(own, alpha) else own

    @cached_property
    def _own(self) -> dict[str, Floats]:
        """Largest scores of the blocks of each series."""
        names, place = np.unique(np.array(self.ids, object), return_inverse=True)
        order = np.argsort(place, kind="stable")
        parts = np.split(self.maxima[order], np.cumsum(np.bincount(place))[:-1])
        return dict(zip(names.tolist(), parts, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON holds."""
        names = ("typical", "center", "spread", "maxima")
        arrays = {name: getattr(self, name).tolist() for name in names}
        return {**arrays, "ids": list(self.ids), "left_out": self.left_out}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Reference:
        """Restore what ``to_dict`` made.

        Raises:
            ValueError, KeyError, TypeError: If it is something else.
        """
        typical, center, spread, maxima = (
            np.array(values[name], np.float64) for name in ("typical", "center", "spread", "maxima")
        )
        same = typical.shape == center.shape == spread.shape
        if not same or maxima.shape != (len(values["ids"]),) or len(maxima) < FEWEST:
            raise ValueError("reference of a detector")
        return cls(typical, center, spread, maxima, tuple(map(str, values["ids"])), int(values["left_out"]))


def resolves(maxima: Floats, alpha: float) -> bool:
    """Whether there are enough blocks to tell chances as small as ``alpha``."""
    return len(maxima) + 1 >= 1 / alpha


def chances(maxima: Floats, scores: Floats, alpha: float) -> Floats:
    """Chance that a usual block holds a score as large: conformal p-values.

    Args:
        maxima: ``(blocks,)`` largest scores of usual blocks.
        scores: Any shape, NaN where there is none.
        alpha: Smallest chance of interest; if there are too few blocks to tell one as small, p-values above
            three quarters of them follow an exponential distribution with the mean excess of the others.

    Returns:
        p-values of the same shape; NaN where the score is.

    Example:
        >>> chances(np.arange(19.0), np.array([-1.0, 17.5, 30.0]), alpha=0.05).tolist()
        [1.0, 0.1, 0.05]

    Reference:
        Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World; Coles (2001), An
        Introduction to Statistical Modeling of Extreme Values, for blocks and their tails.
    """
    count = len(maxima)
    reached = count - np.searchsorted(np.sort(maxima), scores, side="left")
    p = (1 + reached) / (count + 1)
    if not resolves(maxima, alpha):
        edge = float(np.quantile(maxima, _TAIL))
        above = maxima[maxima > edge] - edge
        scale = float(above.mean()) if len(above) else _LEAST
        share = (1 + len(above)) / (count + 1)
        with np.errstate(invalid="ignore"):
            p = np.where(scores > edge, share * np.exp(-(scores - edge) / scale), p)
    return np.where(np.isnan(scores), np.nan, p)


def outlying(scores: Floats, maxima: Floats) -> npt.NDArray[np.bool_]:
    """Say which blocks are too strange to be usual, were the upper half of these exponential.

    The middle of the blocks tells how fast the rest should fall off, so that up to a quarter of them may be
    anomalies.

    Args:
        scores: Largest scores of some blocks.
        maxima: ``(blocks,)`` those of all.

    Returns:
        Whether fewer than one in twenty collections of as many usual blocks would hold one as strange.

    Example:
        >>> outlying(np.array([3.0, 30.0]), np.linspace(0.0, 3.0, 60))
        array([False,  True])
    """
    center, upper = np.quantile(maxima, (0.5, 0.75))
    scale = max((upper - center) / np.log(2), _LEAST)
    with np.errstate(over="ignore"):
        expected = len(maxima) / 2 * np.exp((center - scores) / scale)
    found: npt.NDArray[np.bool_] = expected < _CHANCE
    return found
