"""Whether forecasts of the past read what came after them."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.backtesting.origins import Origins
from pipelines.backtesting.perturbing import perturbed
from pipelines.errors import ForecastingError, PanelError
from pipelines.panel import Panel, show

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.config import Settings

Floats = npt.NDArray[np.float64]
Forecast = Callable[[Panel, Any], Mapping[str, Floats]]

MOST_CUTOFFS: Final = 16
"""Cutoffs that are tried where there are more: the first, the last, and others evenly between them."""


@dataclass(frozen=True)
class Certificate:
    """What came of replacing, cutoff by cutoff, all that is not known there, and forecasting again.

    Attributes:
        cutoffs: Cutoffs that were tried, as text.
        of_cutoffs: How many the backtest has.
        compared: Numbers that were compared: every forecast at and before each of these cutoffs.
        moved: How many of them differed.
        bits: How many bits of them differed.
        seed: Seed of what the values were replaced by.
        sha256: SHA-256 of the forecasts, see ``forecast_digest``.

    Example:
        >>> Certificate(("2024-01-31",), of_cutoffs=1, compared=28, moved=0, bits=0, seed=0, sha256="").holds
        True
    """

    cutoffs: tuple[str, ...]
    of_cutoffs: int
    compared: int
    moved: int
    bits: int
    seed: int
    sha256: str

    @property
    def holds(self) -> bool:
        """Whether no forecast has moved by a bit."""
        return self.bits == 0 and self.compared > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, and whether the certificate holds, as JSON-able values."""
        return {"holds": self.holds, **asdict(self), "cutoffs": list(self.cutoffs)}


def certify(
    forecast: Forecast,
    panel: Panel,
    origins: Origins,
    settings: Settings,
    found: Mapping[str, Floats],
    frame: pd.DataFrame,
) -> Certificate:
    """Try whether what comes after a cutoff moves the forecasts at and before it.

    At each cutoff the targets after it, past covariates that are published later, and future ones beyond the
    horizon less their lag are replaced by other values of any size and by missing ones, in all series.

    Args:
        forecast: From a panel, changed after a cutoff, and this cutoff to the columns of the backtest,
            ``(runs, windows, horizon)`` each.
        panel: The data of the backtest.
        origins: Its origins.
        settings: Horizon, roles and publication lags of the columns, and the seed of the other values.
        found: The columns of the backtest as it was.
        frame: Its frame.

    Returns:
        The certificate of the backtest.

    Raises:
        ForecastingError: If a forecast moved by a bit; the message names the first.
    """
    tried = _spread(len(origins.stamps))
    rng = np.random.default_rng(settings.seed)
    compared = moved = bits = 0
    first = ""
    other = partial(_other, panel, settings, rng)
    for place in tried:
        stamp = origins.stamps[place]
        with warnings.catch_warnings():  # of values that nobody has seen
            warnings.simplefilter("ignore")
            try:
                again = forecast(other(stamp), stamp)
            except PanelError:  # where they have no meaning, as negative ones have no logarithm
                again = forecast(other(stamp, alike=True), stamp)
        here = origins.exist & (origins.rank <= place)
        for name, values in found.items():
            differ = _bits(values[here]) ^ _bits(again[name][here])
            compared += differ.size
            moved += int(np.count_nonzero(differ))
            bits += int(np.bitwise_count(differ).sum())
            if differ.any() and not first:
                run, window = (int(where[np.argmax(differ.any(axis=1))]) for where in np.nonzero(here))
                cutoff = panel.frame_time(origins.stamps[[origins.rank[run, window]]])[0]
                after = panel.frame_time(np.array([stamp]))[0]
                series = show(panel.ids[origins.series[run]])
                first = f"{name!r} of series {series} at cutoff {cutoff}, by what came after {after}"
    if moved:
        raise ForecastingError(
            "A forecast must not move when what comes after its cutoff is replaced. Received: "
            f"{moved:,} of {compared:,} that moved ({bits:,} bits), first {first}; nothing learned from this "
            "backtest can be trusted until that is found."
        )
    texts = tuple(str(stamp) for stamp in panel.frame_time(origins.stamps[tried]))
    digest = forecast_digest(frame, [*found])
    return Certificate(texts, len(origins.stamps), compared, moved, bits, settings.seed, digest)


def forecast_digest(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """SHA-256 of forecasts: of each column's name and then its values as little-endian 64-bit floats.

    Args:
        frame: A frame of forecasts.
        columns: Names of its columns of forecasts.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> import pandas as pd
        >>> forecast_digest(pd.DataFrame({"TCN": [1.0, 2.0]}), ["TCN"])[:16]
        '56174d7ca14571a7'
    """
    digest = hashlib.sha256()
    for name in columns:
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(frame[name].to_numpy(), "<f8").tobytes())
    return digest.hexdigest()


def _other(
    panel: Panel, settings: Settings, rng: np.random.Generator, stamp: Any, alike: bool = False
) -> Panel:
    return perturbed(panel, stamp, settings.covariates, settings.horizon, rng, alike)


def _spread(n: int) -> list[int]:
    evenly = np.linspace(0, n - 1, min(n, MOST_CUTOFFS))
    return [int(place) for place in np.unique(evenly.round())]


def _bits(values: Floats) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(values, np.float64).view(np.uint64)
