"""What a panel looks like, in few numbers: for people who have not seen the data."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.panel import Panel

SKETCHES: Final = 12
"""Series that are sketched at most."""
POINTS: Final = 120
"""Points of a sketch at most."""
_LONGEST_PROFILE: Final = 400  # places of a season that a drawing can show
_PROFILED: Final = 200  # series that seasons are looked for in


def summarize_panel(panel: Panel, season_length: int = 1) -> dict[str, Any]:
    """Describe the series of a panel: how long, how complete, how large, how seasonal.

    Args:
        panel: The data.
        season_length: Steps in a season.

    Returns:
        JSON-able: ``series``, ``rows``, ``first`` and ``last`` stamp, ``shortest``, ``median`` and
        ``longest`` length, the shares of rows that are ``missing`` and ``zero``, ``smallest`` and ``largest``
        value, the numbers of ``constant`` and ``short`` series, ``silences``, names of ``covariates``;
        ``seasonality``, the share of the variance within a series that its means by place in the season
        explain (median over series); ``profile``, these means in multiples of the spread of their series;
        ``sketches``, some series whole with means of stretches of rows, under their ids.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"unique_id": "a", "ds": range(8), "y": [0, 1, 2, 3] * 2})
        >>> summary = summarize_panel(Panel.from_frame(rows, freq=1), season_length=4)
        >>> summary["rows"], summary["zero"], summary["seasonality"]
        (8, 0.25, 1.0)
        >>> summary["sketches"]["a"]
        [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0]
    """
    values, lengths, notes = panel.values, panel.lengths, panel.notes
    seen = values[~np.isnan(values)]
    stamps = panel.frame_time(np.array([panel.starts.min(), panel.last_stamps.max()]))
    some = np.unique(np.linspace(0, panel.n_series - 1, SKETCHES).astype(int))
    shares, profile = _seasons(panel, season_length)
    return {
        "series": panel.n_series,
        "rows": panel.n_rows,
        "first": str(stamps[0]),
        "last": str(stamps[1]),
        "shortest": int(lengths.min()),
        "median": int(np.median(lengths)),
        "longest": int(lengths.max()),
        "missing": 1 - len(seen) / len(values),
        "zero": float((seen == 0).mean()) if len(seen) else 0.0,
        "smallest": float(seen.min()) if len(seen) else None,
        "largest": float(seen.max()) if len(seen) else None,
        "constant": len(notes.constant),
        "short": len(notes.short),
        "silences": len(notes.silent),
        "covariates": [column.name for column in (*panel.covariates, *panel.static)],
        "seasonality": float(np.median(shares)) if len(shares) else None,
        "profile": profile,
        "sketches": {str(panel.ids[i]): _sketch(panel.series(i)) for i in some},
    }


def _sketch(values: npt.NDArray[np.float64]) -> list[float | None]:
    """Means of stretches of rows, None where nothing was observed."""
    edges = np.linspace(0, len(values), min(len(values), POINTS) + 1).astype(int)[:-1]
    known = ~np.isnan(values)
    counts = np.add.reduceat(known, edges, dtype=np.int64)
    largest = max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-300)  # sums of huge values are infinite
    means = np.add.reduceat(np.where(known, values / largest, 0.0), edges) / np.maximum(counts, 1) * largest
    return [float(f"{mean:.4g}") if count else None for mean, count in zip(means, counts, strict=True)]


def _seasons(panel: Panel, season: int) -> tuple[list[float], list[float]]:
    """Share of the variance that means by place in the season explain, by series; and their mean profile."""
    shares, profiles = [], []
    firsts, _ = panel.freq.locate(panel.starts)
    some = np.unique(np.linspace(0, panel.n_series - 1, _PROFILED).astype(int))
    for i in some if 1 < season <= _LONGEST_PROFILE else ():
        values = panel.series(i)
        known = ~np.isnan(values)
        size = float(np.max(np.abs(values[known]), initial=0.0))
        if known.sum() < 2 * season or size == 0:
            continue
        centered = values[known] / size
        centered = centered - centered.mean()
        spread = float(np.sqrt(np.mean(centered**2)))
        if spread < 1e-12:
            continue
        place = (np.flatnonzero(known) + firsts[i]) % season
        counts = np.bincount(place, minlength=season)
        means = np.bincount(place, centered, minlength=season) / np.maximum(counts, 1)
        shares.append(float(min(np.sum(counts * means**2) / np.sum(centered**2), 1.0)))
        profiles.append(means / spread)
    profile = np.mean(profiles, axis=0) if profiles else np.zeros(0)
    return shares, [float(f"{value:.4g}") for value in profile]
