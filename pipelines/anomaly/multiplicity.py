"""Many tests at once: the share of false ones among what is found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def false_discovery_cut(p_values: Floats, rate: float) -> Floats:
    """Find the largest p-value that may count as a discovery: the procedure of Benjamini and Hochberg.

    Args:
        p_values: ``(tests, ...)``, NaN where nothing was tested.
        rate: Expected share of false discoveries among all of them.

    Returns:
        ``(...)`` the largest p-value to reject; 0 where none may be.

    Example:
        >>> p = np.array([0.01, 0.02, 0.03, 0.2, 0.9])
        >>> false_discovery_cut(p, 0.1).item(), false_discovery_cut(p, 0.01).item()
        (0.03, 0.0)

    Reference:
        Benjamini and Hochberg (1995), Controlling the False Discovery Rate; Bates et al. (2023), Testing for
        Outliers with Conformal p-Values, for p-values that share a calibration.
    """
    p = np.sort(p_values, axis=0)  # NaN last
    tests = np.isfinite(p).sum(axis=0)
    rank = np.arange(1, len(p) + 1).reshape(-1, *[1] * (p.ndim - 1))
    # Rounding of the line must not lose a p-value that lies on it.
    passed = p <= rate * rank / np.maximum(tests, 1) * (1 + 1e-12)
    cut: Floats = np.where(passed, p, 0.0).max(axis=0, initial=0.0)
    return cut
