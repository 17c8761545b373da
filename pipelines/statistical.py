"""AutoARIMA, AutoETS and AutoTheta of statsforecast, fitted anew at every cutoff of a backtest."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from pipelines.baselines import with_columns
from pipelines.errors import ConfigError
from pipelines.folds import Folds
from pipelines.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from pipelines.panel import Panel

Floats: TypeAlias = "NDArray[np.float64]"

STATISTICAL: Final = ("AutoARIMA", "AutoCES", "AutoETS", "AutoTheta")
"""Models that a backtest can be compared with."""


def check_statistical(models: Sequence[str]) -> tuple[str, ...]:
    """Check that models can be compared with.

    Args:
        models: Names of some of ``STATISTICAL``.

    Returns:
        The names, each once.

    Raises:
        ConfigError: If there is no such model, or statsforecast is not installed.

    Example:
        >>> check_statistical(["Prophet"])
        Traceback (most recent call last):
        pipelines.errors.ConfigError: Models to compare with must be among ... Received: 'Prophet'.
    """
    for name in models:
        if name not in STATISTICAL:
            raise ConfigError(
                f"Models to compare with must be among {', '.join(STATISTICAL)}. Received: {name!r}."
            )
    if models and find_spec("statsforecast") is None:
        raise ConfigError(
            f"{', '.join(models)} need the package statsforecast. Received: an environment without it; "
            "pip install 'tcn-forecasting[stats]'."
        )
    return tuple(dict.fromkeys(models))


def add_statistical(
    backtest: pd.DataFrame,
    panel: Panel,
    season_length: int,
    models: Sequence[str],
    levels: Sequence[float] = (80, 95),
) -> pd.DataFrame:
    """Forecast the rows of a backtest with statistical models, each fitted to every series at every cutoff.

    They see the rows of the panel up to the cutoff, missing values interpolated. Where a model cannot be
    fitted, as to very short series, the last value stands in its place, and a warning counts these.

    Args:
        backtest: Columns of the panel and ``cutoff``; other columns are kept.
        panel: History that holds every cutoff.
        season_length: Rows in a season.
        models: Names of some of ``STATISTICAL``.
        levels: Central intervals in percent.

    Returns:
        A new frame: the backtest, then ``AutoETS``, ``AutoETS-lo-80``, ``AutoETS-hi-80`` and so on.

    Raises:
        ConfigError: If there is no such model, or statsforecast is not installed.
        PanelError: If the backtest is not one of this panel.

    Example:
        >>> from pipelines import Panel
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3], "y": [1.0, 2.0, 4.0]})
        >>> backtest = rows.tail(1).assign(cutoff=2)
        >>> add_statistical(backtest, Panel.from_frame(rows, 1), 1, models=()).columns.tolist()
        ['unique_id', 'ds', 'y', 'cutoff']

    Reference:
        statsforecast, https://nixtlaverse.nixtla.io/statsforecast/
    """
    models = check_statistical(models)
    folds = Folds.from_frame(backtest, panel)
    columns: dict[str, Floats] = {}
    for name in models:
        failed = 0
        parts: list[dict[str, Floats]] = []
        for owner, known in zip(folds.pair_owner, folds.pair_known, strict=True):
            history = panel.values[panel.indptr[owner] : panel.indptr[owner] + known]
            made = _forecast(name, _filled(history), folds.horizon, season_length, levels)
            failed += made is None
            parts.append(made or _last_value(history, folds.horizon, levels))
        for part in parts[0]:
            values = np.stack([each[part] for each in parts])
            columns[f"{name}{part}"] = values[folds.pair, folds.step - 1]
        if failed:
            warnings.warn(
                f"{name} could not be fitted at {counted(failed, 'cutoff')} of a series, of {len(parts):,}: "
                "the last value stands in its place",
                UserWarning,
                stacklevel=2,
            )
    return with_columns(backtest, columns)


def _forecast(
    name: str, history: Floats, horizon: int, season_length: int, levels: Sequence[float]
) -> dict[str, Floats] | None:
    """Point forecast and bounds by what follows the model's name; None where it fails."""
    from statsforecast import models

    asked: list[Any] = [int(level) if float(level).is_integer() else level for level in levels]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            model = getattr(models, name)(season_length=season_length)
            made = model.forecast(y=history, h=horizon, level=asked or None)
    except Exception:  # of many kinds, for series that are too short or do not change
        return None
    parts = {"": made["mean"]}
    for level in asked:
        parts |= {f"-{side}-{level:g}": made[f"{side}-{level}"] for side in ("lo", "hi")}
    parts = {part: np.asarray(values, np.float64) for part, values in parts.items()}
    return parts if all(np.isfinite(values).all() for values in parts.values()) else None


def _filled(history: Floats) -> Floats:
    """From the first value on, gaps interpolated, and the last value repeated to the end."""
    rows = np.flatnonzero(~np.isnan(history))
    if not len(rows):
        return np.zeros(1)
    return np.interp(np.arange(rows[0], len(history)), rows, history[rows])


def _last_value(history: Floats, horizon: int, levels: Sequence[float]) -> dict[str, Floats]:
    last = np.full(horizon, _filled(history)[-1])
    return {part: last for part in ("", *(f"-{side}-{level:g}" for level in levels for side in ("lo", "hi")))}
