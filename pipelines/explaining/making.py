"""The way from a fitted forecaster to an explanation of its forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from pipelines.errors import ConfigError
from pipelines.explaining.explanation import Explanation
from pipelines.explaining.frames import frames_of
from pipelines.explaining.hiding import auto_width
from pipelines.explaining.insides import field_of, filters_frame, stretches_frame
from pipelines.explaining.paths import TOLERANCE
from pipelines.explaining.sources import sources_of
from pipelines.explaining.subjects import choose_subjects
from pipelines.forecaster import Forecaster

_DILATION: Final = "dilation "


def explain(
    forecaster: Forecaster,
    df: Any = None,
    future: Any = None,
    static: Any = None,
    unique_id: Any = None,
    cutoff: Any = None,
    quantile: float = 0.5,
    width: int | str = "auto",
) -> Explanation:
    """Find where forecasts come from: past steps, covariates, and parts of the network.

    Four ways to look at the same forecast: hiding what was observed, step by step and covariate by covariate;
    integrated gradients from a series that has stood at its mean; the parts of the network, which sum to the
    forecast; and what its layers have learned to see. Nothing is trained, and the forecaster stays as it is.

    Args:
        forecaster: A fitted one, with a network of Keras.
        df: History to forecast from; None for the data of the fit. As for ``predict``, as are the next two.
        future: Frame of the future covariates, a row per series and step ahead.
        static: Frame of the static covariates.
        unique_id: Which series: an id, or several; None for all, or eight of more than eight at even
            distances. Shares are then means over the series.
        cutoff: Last stamp known to the forecast; None for the last of each series. What is known ahead then
            stands in the rows after it.
        quantile: Which quantile to explain, one that the network has: 0.5 is the forecast itself. Of
            intermittent demand, whose median is often 0, a higher one says more.
        width: Steps of the past that are hidden together; "auto" for one, or more where the network looks
            back on more than 128.

    Returns:
        Frames, shares and figures.

    Raises:
        NotFittedError: Before ``fit``.
        ConfigError: If an argument is not allowed, or the forecaster was loaded with ``runtime="onnx"`` or
            TensorFlow is missing: gradients need it.
        PanelError: If a frame cannot be used, or lacks values that the forecast needs.

    Example:
        >>> import pandas as pd
        >>> from pipelines import Forecaster, explain
        >>> days = pd.date_range("2024-01-01", periods=60)
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": days, "y": 10.0 + days.day_of_week})
        >>> forecaster = Forecaster(horizon=7, preset="fast", max_steps=4, ensemble=1).fit(frame)
        >>> found = explain(forecaster)
        >>> total = found.parts.groupby("step")["value"].sum()
        >>> bool((total.to_numpy() - forecaster.predict()["TCN"]).abs().max() < 1e-4)
        True

    Reference:
        Zeiler & Fergus (2014), Visualizing and Understanding Convolutional Networks, for hiding;
        Sundararajan, Taly, Yan (2017), Axiomatic Attribution for Deep Networks, for integrated gradients.
    """
    if width != "auto" and not (isinstance(width, int | np.integer) and width >= 1):
        raise ConfigError(f"width must be a positive integer or 'auto'. Received: {width!r}.")
    fitted = forecaster.fitted_
    subjects, notes = choose_subjects(fitted, df, future, static, unique_id, cutoff, quantile)
    sources = sources_of(fitted)
    steps = max(len(subject.rows) for subject in subjects)
    wide = auto_width(steps) if isinstance(width, str) else int(width)
    made = [frames_of(subject, sources, wide) for subject in subjects]
    joined = {name: pd.concat([frames[name] for frames in made], ignore_index=True) for name in made[0]}
    first = subjects[0]
    past = () if fitted.covariates is None else fitted.covariates.past_names
    return Explanation(
        **joined,
        filters=filters_frame(first, first.panel.freq, past),
        stretches=stretches_frame(subjects, _largest_dilation(joined["parts"], fitted.plan.dilations)),
        field=field_of(subjects),
        quantile=quantile,
        alias=first.column,
        columns=first.panel.columns,
        freq=first.panel.freq.text,
        seasons=fitted.plan.seasons,
        width=wide,
        notes=(*notes, *_notes(joined["forecast"], first.column, quantile)),
    )


def _largest_dilation(parts: pd.DataFrame, dilations: Sequence[int]) -> int:
    """The dilation rate whose blocks add most to forecasts."""
    sizes = parts["value"].abs().groupby(parts["part"]).mean()
    return max(dilations, key=lambda rate: sizes.get(f"{_DILATION}{rate}", 0.0))


def _notes(forecast: pd.DataFrame, alias: str, quantile: float) -> tuple[str, ...]:
    notes = []
    if quantile == 0.5 and (forecast[alias] == 0).all():
        notes.append("the forecast is 0 whatever it reads; quantile=0.9 explains how high values may be")
    away = (forecast["network"] - forecast["baseline"]).abs().max()
    gap = forecast["gap"].abs().max()
    if gap > 2 * TOLERANCE * away + 1e-5 * forecast["network"].abs().max():
        notes.append(
            f"integrated gradients leave {gap:.3g} of up to {away:.3g} unexplained: the forecast jumps on "
            "the way from the baseline, as between zero and a size"
        )
    return tuple(notes)
