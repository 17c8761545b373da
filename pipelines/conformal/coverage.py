"""How often intervals held before calibration, and after, on windows that it was not learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from pipelines.conformal.curves import fit_curves
from pipelines.conformal.passing import calibrated_quantiles
from pipelines.conformal.scores import at_scores
from pipelines.conformal.state import PROBABILITIES, Conformal
from pipelines.normal import ndtri

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FOLDS: Final = 5


def independent_windows(windows: int, step: int, horizon: int) -> float:
    """Count the windows that would have room without overlap in the time of some.

    Example:
        >>> independent_windows(9, step=6, horizon=24)
        3.0
    """
    return min(float(windows), ((windows - 1) * step + horizon) / horizon)


def left_out_quantiles(
    method: str,
    quantiles: Floats,
    probabilities: Sequence[float],
    scores: Floats,
    spacing: int,
    chosen: Ints,
    step: int,
) -> Floats:
    """Calibrate windows by what others teach: each fifth of them by those that do not overlap with it.

    Args:
        method: "split" or "adaptive".
        quantiles: ``(runs, origins, horizon, probabilities)`` of the network, oldest origin first.
        probabilities: What they are quantiles of.
        scores: ``(runs, origins, horizon)`` what ``normal_scores`` gives for them.
        spacing: Rows from one origin to the next.
        chosen: ``(windows,)`` positions of the origins of the windows.
        step: Rows from one window to the next.

    Returns:
        ``(runs, windows, horizon, 19)`` quantiles; NaN for windows that no others teach.
    """
    horizon = quantiles.shape[2]
    found = np.full((len(quantiles), len(chosen), horizon, len(PROBABILITIES)), np.nan)
    for fold, others in _folds(len(chosen), -(-horizon // step)):
        if len(others):
            curves = fit_curves(scores[:, chosen[others]], independent_windows(len(others), step, horizon))
            found[:, fold] = calibrated_quantiles(
                Conformal(method, curves), quantiles, probabilities, scores, spacing, chosen[fold]
            )
    return found


def coverage_frame(
    levels: Sequence[float],
    truth: Floats,
    before: tuple[Floats, Sequence[float]],
    after: tuple[Floats, Sequence[float]],
    floor: Floats,
) -> pd.DataFrame:
    """Compare the intervals of two forecasts with what happened.

    Args:
        levels: Levels in percent.
        truth: ``(runs, windows, horizon)``, NaN where it is not known.
        before: ``(runs, windows, horizon, probabilities)`` quantiles, and what they are quantiles of.
        after: The same of the other forecast, NaN where it made none.
        floor: ``(runs, windows, 1)`` least values of forecasts.

    Returns:
        A row for each level and step, and one for each level whose step is "all": ``level``, ``step``,
        ``coverage_before``, ``coverage_after``, ``width_before``, ``width_after``. Coverage is a share,
        widths are means.
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    for level in levels:
        parts = {
            name: _held_and_width(*forecast, level, truth, floor)
            for name, forecast in (("before", before), ("after", after))
        }
        for step in [*range(truth.shape[-1]), slice(None)]:
            row: dict[str, object] = {"level": level, "step": "all" if isinstance(step, slice) else step + 1}
            for what in (0, 1):
                for name, part in parts.items():
                    row[f"{('coverage', 'width')[what]}_{name}"] = _mean(part[what][..., step])
            rows.append(row)
    return pd.DataFrame(rows)


def _folds(windows: int, overlap: int) -> Iterator[tuple[Ints, Ints]]:
    """Parts of the windows, and the windows that share no row with each."""
    every = np.arange(windows)
    for fold in np.array_split(every, min(_FOLDS, windows)):
        yield fold, every[(every <= fold[0] - overlap) | (every >= fold[-1] + overlap)]


def _held_and_width(
    quantiles: Floats, probabilities: Sequence[float], level: float, truth: Floats, floor: Floats
) -> tuple[Floats, Floats]:
    """Whether an interval held (NaN where that is not known), and how wide it was."""
    sides = (ndtri(np.array(0.5 + side * level / 200)) for side in (-1, 1))
    low, high = (np.maximum(at_scores(quantiles, probabilities, side), floor) for side in sides)
    unknown = np.isnan(truth) | np.isnan(low)
    with np.errstate(over="ignore"):
        return np.where(unknown, np.nan, (low <= truth) & (truth <= high)), np.where(
            unknown, np.nan, high - low
        )


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
