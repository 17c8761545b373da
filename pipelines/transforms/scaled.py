"""Values relative to the center of their series in units of its spread, both as the fit knew them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, ClassVar, Final

import numpy as np

from pipelines.panel import Panel
from pipelines.transforms.step import Applied, Floats, Ints, finite
from pipelines.windows.covariates import center_and_spread

# As far as a table goes.
_FARTHEST: Final = 1e30


@dataclass(frozen=True)
class Standardized:
    """Distance from the median in units of 1.4826 median absolute deviations.

    Attributes:
        names: Ids of the series of the fit, as text.
        center: Median of each of them.
        spread: Spread of each of them, never 0.
        usual_center: Median of the centers, for series that the fit did not see or that had no value.
        usual_spread: Median of the spreads, likewise.
    """

    note: ClassVar[str] = "relative to the median, in units of the spread"

    names: tuple[str, ...]
    center: tuple[float, ...]
    spread: tuple[float, ...]
    usual_center: float
    usual_spread: float

    @classmethod
    def fit(cls, panel: Panel) -> Standardized:
        """Learn from the rows of a fit."""
        found = {}
        for i, name in enumerate(panel.ids.tolist()):
            values = panel.series(i)[np.isfinite(panel.series(i))]
            if len(values):
                found[str(name)] = center_and_spread(values)
        center, spread = (tuple(pair[k] for pair in found.values()) for k in (0, 1))
        return cls._of_series(tuple(found), center, spread)

    @classmethod
    def joined(cls, parts: Sequence[Standardized]) -> Standardized:
        """Take together what was learned from parts of a panel, in the order of their series."""
        names = tuple(chain.from_iterable(part.names for part in parts))
        center = tuple(chain.from_iterable(part.center for part in parts))
        return cls._of_series(names, center, tuple(chain.from_iterable(part.spread for part in parts)))

    @classmethod
    def _of_series(
        cls, names: tuple[str, ...], center: tuple[float, ...], spread: tuple[float, ...]
    ) -> Standardized:
        return cls(names, center, spread, _median(center, 0.0), _median(spread, 1.0))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Standardized:
        """Make one from what ``to_dict`` gave."""
        fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def apply(self, panel: Panel) -> Applied:
        """Standardize; see ``Step``."""
        center, spread = self._of(panel)

        def inverse(forecast: Floats, series: Ints, origins: Ints) -> Floats:
            del origins
            place = series, None, None, None
            with np.errstate(over="ignore"):
                return finite(finite(forecast * spread[place]) + center[place])

        owner = panel.series_of_rows
        with np.errstate(over="ignore"):
            scaled = (panel.values - center[owner]) / spread[owner]
        return Applied(np.clip(scaled, -_FARTHEST, _FARTHEST), inverse)

    def _of(self, panel: Panel) -> tuple[Floats, Floats]:
        """Center and spread of each series of a panel."""
        place = {name: i for i, name in enumerate(self.names)}
        which = [place.get(str(name), len(place)) for name in panel.ids.tolist()]
        center, spread = (*self.center, self.usual_center), (*self.spread, self.usual_spread)
        return np.array(center)[which], np.array(spread)[which]


@dataclass(frozen=True)
class Asinh:
    """Inverse hyperbolic sine: linear near 0, logarithmic far from it.

    Reference:
        Uniejewski, Weron, Ziel (2018), Variance stabilizing transformations for electricity spot price
        forecasting.
    """

    note = "inverse hyperbolic sine"

    def apply(self, panel: Panel) -> Applied:
        """Take inverse hyperbolic sines; see ``Step``."""
        return Applied(np.arcsinh(panel.values), _hyperbolic_sine)

    def to_dict(self) -> dict[str, Any]:
        """Return nothing: there is nothing to learn."""
        return {}


def _hyperbolic_sine(forecast: Floats, series: Ints, origins: Ints) -> Floats:
    del series, origins
    with np.errstate(over="ignore"):
        return finite(np.sinh(forecast))


def _median(values: tuple[float, ...], default: float) -> float:
    return center_and_spread(np.array(values))[0] if values else default
