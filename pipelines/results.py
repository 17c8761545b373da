"""The record of one forecasting run: everything that a report, a tracker or a notebook needs afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.metrics import Scores


@dataclass(frozen=True)
class ForecastResult:
    """One fit with its forecast, backtest and scores; a plain value that nothing changes afterwards.

    Frames follow the long convention of the field, with the column names of ``columns``.

    Args:
        name: Name of the data set, as a reader should see it.
        settings: Arguments of the forecaster, JSON-able.
        plan: What was derived from the data before training, JSON-able.
        versions: Package name to version.
        forecast: Future rows: id, time, ``alias``, ``alias-lo-L``, ``alias-hi-L``.
        history: Observed rows: id, time, target. The recent part is enough.
        backtest: Rows of the past: id, time, ``cutoff``, target, the columns of each model. May be empty.
        scores: Scores of the backtest, for the model and the baselines; None when nothing could be tested.
        training: One record per epoch: ``step``, ``loss``, ``learning_rate``, ``seconds``.
        digest: SHA-256 of the data, hexadecimal.
        columns: Names of the id, time and target columns.
        alias: Name of the model in the frames.
        levels: Interval levels in percent.
        horizon: Number of steps ahead.
        season_length: Number of steps in a season.
        freq: Frequency of the data, as text.
        seconds: Name of a stage to its wall time in seconds, in the order they ran.
        reason: Why there are no scores; empty if there are.
        rows: Rows of the whole data, of which ``history`` may be the tail; 0 if not known.
        calibration: Factors that the forecasts were calibrated by: ``shrink`` for the distance of the median
            from the last value, ``widen`` for the width of intervals. After a conformal calibration also the
            shares of held-out values that intervals held: ``coverage_80_before``, ``coverage_80_after``.
        parts: How much each part of the network adds to forecasts by step ahead, ``part``, ``step`` and
            ``size``; None if that was not asked.
        data: What the whole data look like, see ``pipelines.data_summary.summarize_panel``.
        files: Name of a file that was written beside the report to its SHA-256, hexadecimal.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"unique_id": ["a"], "ds": [3], "TCN": [1.0]})
        >>> result = ForecastResult("demo", frame, frame, frame, scores=None, horizon=1)
        >>> result.n_series, result.columns
        (1, ('unique_id', 'ds', 'y'))
    """

    name: str
    forecast: pd.DataFrame
    history: pd.DataFrame
    backtest: pd.DataFrame
    scores: Scores | None
    horizon: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    training: Sequence[Mapping[str, float]] = ()
    digest: str = ""
    columns: tuple[str, str, str] = ("unique_id", "ds", "y")
    alias: str = "TCN"
    levels: Sequence[float] = (80, 95)
    season_length: int = 1
    freq: str = "1"
    seconds: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    rows: int = 0
    calibration: Mapping[str, float] = field(default_factory=dict)
    parts: pd.DataFrame | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_series(self) -> int:
        """Number of series that were forecast.

        Returns:
            How many different ids the forecast holds; the backtest if there is no forecast, or the history.

        Example:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"unique_id": ["a", "a", "b"], "ds": [3, 4, 3], "TCN": [1.0, 2.0, 3.0]})
            >>> ForecastResult("demo", frame, frame, frame, scores=None, horizon=2).n_series
            2
        """
        frames = (self.forecast, self.backtest, self.history)
        frame = next((frame for frame in frames if len(frame)), self.history)
        return int(frame[self.columns[0]].nunique())
