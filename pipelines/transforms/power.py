"""Logarithm and Box-Cox: the same for all series, as their units do not matter to what follows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from pipelines.panel import Panel
from pipelines.transforms.step import Applied, Floats, Ints, check_positive, finite

# Series that the exponent is learned from, and values that each of them must have.
_SERIES: Final = 200
_VALUES: Final = 16


@dataclass(frozen=True)
class Log:
    """Natural logarithm, of values above 0."""

    note = "logarithm"

    def apply(self, panel: Panel) -> Applied:
        """Take logarithms; see ``Step``."""
        check_positive(panel, "log")
        return Applied(np.log(panel.values), _exponential)

    def to_dict(self) -> dict[str, Any]:
        """Return nothing: there is nothing to learn."""
        return {}


@dataclass(frozen=True)
class BoxCox:
    """Box and Cox's power, of values above 0: ``(y ** exponent - 1) / exponent``, the logarithm at 0.

    One exponent serves all series. It is from 0 to 1, so that every forecast has a way back: above 1 large
    values would grow further apart, below 0 the transform is bounded and its inverse is not.

    Attributes:
        exponent: The power, called lambda.

    Reference:
        Box, Cox (1964), An Analysis of Transformations.
    """

    exponent: float

    @classmethod
    def fit(cls, panel: Panel) -> BoxCox:
        """Take the median of the exponents under which series look most like normal noise.

        Args:
            panel: The rows of a fit. 200 series are looked at if there are more; those with fewer than 16
                values, or of one value, have no say, and without any the exponent is 1.

        Returns:
            The transform.

        Raises:
            PanelError: If a value is 0 or below.
        """
        from scipy.optimize import minimize_scalar  # here, for they take a second to import
        from scipy.stats import boxcox_llf

        check_positive(panel, "box-cox")
        found = []
        for i in cls.chosen(panel.n_series).tolist():
            values = panel.series(i)[np.isfinite(panel.series(i))]
            if len(values) < _VALUES or np.ptp(values) == 0:
                continue
            logs = np.log(values)
            values = np.exp(np.clip(logs - logs.mean(), -50, 50))  # units do not matter, but overflow would
            best = minimize_scalar(lambda x, of=values: -boxcox_llf(x, of), bounds=(0, 1), method="bounded")
            found.append(float(best.x))
        return cls(round(float(np.median(found)), 3) if found else 1.0)

    @staticmethod
    def chosen(n_series: int) -> Ints:
        """Positions of the series that the exponent is learned from."""
        return np.unique(np.linspace(0, n_series - 1, _SERIES).astype(np.int64))

    @property
    def note(self) -> str:
        """The name and the exponent."""
        return f"Box-Cox with exponent {self.exponent:g}"

    def apply(self, panel: Panel) -> Applied:
        """Take powers; see ``Step``."""
        check_positive(panel, "box-cox")
        if self.exponent == 0:
            return Applied(np.log(panel.values), _exponential)

        def inverse(forecast: Floats, series: Ints, origins: Ints) -> Floats:
            del series, origins
            with np.errstate(divide="ignore", over="ignore"):
                # What lies below the transform of 0 goes to 0.
                return finite(np.exp(np.log1p(np.maximum(forecast * self.exponent, -1.0)) / self.exponent))

        return Applied(np.expm1(np.log(panel.values) * self.exponent) / self.exponent, inverse)

    def to_dict(self) -> dict[str, Any]:
        """Return the exponent by name."""
        return asdict(self)


def _exponential(forecast: Floats, series: Ints, origins: Ints) -> Floats:
    del series, origins
    with np.errstate(over="ignore"):
        return finite(np.exp(forecast))
