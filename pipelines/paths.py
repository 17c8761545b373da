"""Sample paths: steps of one future that belong together, for sums over the horizon and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.conformal import at_scores

Floats = npt.NDArray[np.float64]

# Scores further out count as this far, and errors of many rows are thinned to this number of horizons.
_LARGEST: Final = 4.0
_ENOUGH: Final = 20_000
# Least variance that no linear function of the steps may fall below, so that the matrix has a root.
_LEAST: Final = 1e-4


@dataclass(frozen=True)
class Dependence:
    """How errors of the steps of one forecast go together.

    Attributes:
        correlation: ``(horizon, horizon)`` of their normal scores, positive definite.
        source: What they are errors on.
    """

    correlation: Floats
    source: str

    @classmethod
    def fit(cls, scores: Floats, widths: Floats, source: str) -> Dependence | None:
        """Estimate the correlation of normal scores, shrunk to what so many horizons can tell.

        A pair of steps counts by how wide the forecast is at both: what matters to sums is how the errors of
        busy hours go together, whichever steps ahead these are, and not those of quiet nights.

        Args:
            scores: ``(forecasts, horizon)`` normal scores of what happened, NaN where that is not known.
            widths: ``(forecasts, horizon)`` widths of an interval of each forecast, in any unit.
            source: What they are errors on.

        Returns:
            The dependence; None if no two forecasts have scores.

        Reference:
            Ledoit and Wolf (2004), A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices.
        """
        from sklearn.covariance import ledoit_wolf_shrinkage

        some = np.flatnonzero(np.isfinite(scores).any(axis=1))
        some = some[:: -(-len(some) // _ENOUGH) or 1]
        if len(some) < 2:
            return None
        scores, widths = scores[some], widths[some] / widths[some].max(axis=1, keepdims=True)
        widths = widths / widths.mean(axis=1, keepdims=True)
        weight = np.where(np.isfinite(scores), widths, 0.0)
        filled = weight * np.clip(np.where(np.isfinite(scores), scores, 0.0), -_LARGEST, _LARGEST)
        # Not centered: a forecast that is too low at all steps is wrong at all of them together.
        spread = np.sqrt(ratio((filled**2).sum(axis=0), (weight**2).sum(axis=0)))
        filled = ratio(filled, spread)
        correlation = ratio(filled.T @ filled, weight.T @ weight)
        share = ledoit_wolf_shrinkage(filled, assume_centered=True)
        return cls(_positive_definite((1 - share) * correlation), source)

    def mixed(self, other: Dependence | None, share: float) -> Dependence:
        """Return the mean of this dependence and another one.

        Args:
            other: What was known before; None for nothing.
            share: Weight of this one, from 0 to 1.
        """
        if other is None:
            return self
        return Dependence(share * self.correlation + (1 - share) * other.correlation, self.source)

    def pulled(self, share: float) -> Dependence:
        """Return a dependence in which all steps go together more, or less.

        Args:
            share: Weight of steps that all err together, from 0 to below 1; below 0, of steps that err apart.
        """
        size = len(self.correlation)
        other = np.ones((size, size)) if share > 0 else np.eye(size)
        return Dependence((1 - abs(share)) * self.correlation + abs(share) * other, self.source)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON holds."""
        return {"source": self.source, "correlation": self.correlation.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Dependence:
        """Restore what ``to_dict`` made.

        Raises:
            ValueError: If it is something else.
        """
        correlation = np.array(values["correlation"], np.float64)
        if correlation.ndim != 2 or correlation.shape[0] != correlation.shape[1]:
            raise ValueError("dependence of errors")
        return cls(correlation, values["source"])

    def scores(self, name: Any, n_paths: int, seed: int) -> Floats:
        """Draw normal scores of paths of a series.

        Args:
            name: Id of the series: its paths do not depend on which others there are.
            n_paths: Number of paths.
            seed: Fixes them, together with the id.

        Returns:
            ``(n_paths, horizon)``, each step standard normal.
        """
        words = np.frombuffer(sha256(str(name).encode()).digest(), np.uint32)
        rng = np.random.default_rng([seed, *words.tolist()])
        root = np.linalg.cholesky(self.correlation)
        drawn: Floats = rng.standard_normal((n_paths, len(root))) @ root.T
        return drawn

    def paths(
        self,
        quantiles: Floats,
        probabilities: Sequence[float],
        names: Sequence[Any],
        n_paths: int,
        seed: int,
        pulls: Floats | None = None,
    ) -> Floats:
        """Draw paths whose steps have the quantiles of a forecast.

        Args:
            quantiles: ``(series, horizon, probabilities)``, not decreasing along the last axis.
            probabilities: What they are quantiles of.
            names: Ids of the series.
            n_paths: Paths per series.
            seed: Fixes them.
            pulls: ``(series,)`` shares for ``pulled``; None for none.

        Returns:
            ``(series, n_paths, horizon)``.
        """
        paths = np.empty((len(quantiles), n_paths, quantiles.shape[1]))
        for i, name in enumerate(names):
            own = self if pulls is None else self.pulled(float(pulls[i]))
            paths[i] = at_scores(quantiles[i], probabilities, own.scores(name, n_paths, seed))
        return paths


def interval_widths(quantiles: Floats) -> Floats:
    """Widths of the intervals that the third quantile from either end bounds.

    Args:
        quantiles: ``(..., probabilities)``.

    Returns:
        ``(...)``; a tiny number where there is no width, far below the largest float.

    Example:
        >>> interval_widths(np.array([[0.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0]])).tolist()
        [3.0]
    """
    with np.errstate(over="ignore"):
        return np.clip(quantiles[..., -3] - quantiles[..., 2], 1e-300, 1e300)


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, with 0 where there is nothing above 0 to divide by."""
    found: Floats = np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
    return found


def _positive_definite(correlation: Floats) -> Floats:
    """Return the matrix with ones on its diagonal and no eigenvalue near 0."""
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    raised = (vectors * np.maximum(values, _LEAST)) @ vectors.T
    size = np.sqrt(np.diag(raised))
    # Six digits are more than errors tell, and keep the file of a bundle short.
    found: Floats = np.round(raised / np.outer(size, size), 6)
    return found
