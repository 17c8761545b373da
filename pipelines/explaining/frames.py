"""What is found of one forecast, as the rows of frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipelines.explaining.hiding import deletion_curves, hidden_steps
from pipelines.explaining.parts import divided
from pipelines.explaining.paths import Attributions, attribute
from pipelines.explaining.sources import Source, hidden_sources
from pipelines.explaining.subjects import Floats, Subject


def frames_of(subject: Subject, sources: tuple[Source, ...], width: int) -> dict[str, pd.DataFrame]:
    """Explain one forecast.

    Args:
        subject: What is explained.
        sources: What the network reads beside the series.
        width: Steps of the past that are hidden together.

    Returns:
        The frames of an ``Explanation`` that tell of single forecasts, by name.
    """
    found = attribute(subject, sources)
    hidden = hidden_steps(subject, width)
    forecast, parts = divided(subject)
    named = np.array([*parts])
    curves = deletion_curves(
        subject, {"gradient": np.abs(found.values).mean(axis=1), "hidden": np.abs(hidden).mean(axis=1)}
    )
    return {
        "forecast": _forecast(subject, found, forecast),
        "steps": _steps(subject, found, hidden),
        "covariates": _covariates(subject, found, sources),
        "covariate_steps": _covariate_steps(subject, found, sources),
        "parts": _long(subject, {"part": named}, {"value": np.stack([*parts.values()])}),
        "deletion": _deletion(subject, curves),
    }


def _forecast(subject: Subject, found: Attributions, forecast: Floats) -> pd.DataFrame:
    columns, horizon = subject.panel.columns, len(forecast)
    ahead = subject.row + np.arange(1, horizon + 1)
    frame = _keyed(subject, horizon, cutoff=subject.times(np.array([subject.row]))[0])
    frame[columns.time_col] = subject.times(ahead)
    return frame.assign(
        **{
            "step": np.arange(1, horizon + 1),
            subject.column: forecast,
            "network": found.forecast,
            "baseline": found.baseline,
            "attributed": found.total,
            "change": found.change,
            "gap": found.forecast - found.baseline - found.total,
        }
    )


def _steps(subject: Subject, found: Attributions, hidden: Floats) -> pd.DataFrame:
    columns, rows = subject.panel.columns, subject.rows
    keys = {
        "lag": subject.row - rows,
        columns.time_col: subject.times(rows),
        columns.target_col: subject.values,
    }
    return _long(subject, keys, {"gradient": found.values, "hidden": hidden})


def _covariates(subject: Subject, found: Attributions, sources: tuple[Source, ...]) -> pd.DataFrame:
    horizon = subject.fitted.plan.horizon
    gradient = np.array([found.of_source(i) for i in range(len(sources))]).reshape(-1, horizon)
    keys = {"covariate": _texts(s.name for s in sources), "role": _texts(s.role for s in sources)}
    return _long(subject, keys, {"gradient": gradient, "hidden": hidden_sources(subject, sources)})


def _covariate_steps(subject: Subject, found: Attributions, sources: tuple[Source, ...]) -> pd.DataFrame:
    horizon, field = subject.fitted.plan.horizon, len(subject.rows)
    names, rows, values = [], [np.empty(0, np.int64)], [np.empty((0, horizon))]
    for number, source in enumerate(sources):
        past, ahead = found.past.get(number), found.ahead.get(number)
        if past is not None:  # a late value stands in an earlier row than that where it is read
            rows.append(np.arange(1 - field, 1) - source.lag)
            values.append(past)
        if ahead is not None:
            rows.append(np.arange(1, horizon + 1))
            values.append(ahead)
        names += [source.name] * sum(len(part) for part in (past, ahead) if part is not None)
    keys = {"covariate": _texts(names), "row": np.concatenate(rows)}
    return _long(subject, keys, {"gradient": np.concatenate(values)})


def _deletion(subject: Subject, curves: Mapping[str, Floats]) -> pd.DataFrame:
    share = curves["share"]
    frames = [
        _keyed(subject, len(share)).assign(order=name, share=share, change=change)
        for name, change in curves.items()
        if name != "share"
    ]
    return pd.concat(frames, ignore_index=True)


def _keyed(subject: Subject, count: int, **more: Any) -> pd.DataFrame:
    """So many rows with the id of the series."""
    ids = pd.Series(subject.panel.ids).take(np.full(count, subject.series)).reset_index(drop=True)
    return pd.DataFrame({subject.panel.columns.id_col: ids}).assign(**more)


def _long(subject: Subject, keys: Mapping[str, Any], values: Mapping[str, Floats]) -> pd.DataFrame:
    """A row for each of ``(n, horizon)`` values, under keys of ``(n,)``."""
    count, horizon = next(iter(values.values())).shape
    frame = _keyed(subject, count * horizon, step=np.tile(np.arange(1, horizon + 1), count))
    for name, key in keys.items():
        frame[name] = pd.Index(key).repeat(horizon)
    return frame.assign(**{name: part.ravel() for name, part in values.items()})


def _texts(values: Any) -> pd.Index[str]:
    return pd.Index([*values], dtype=object)
