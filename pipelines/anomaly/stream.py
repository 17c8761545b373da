"""Searching as rows come in: the same anomalies, each row judged once it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.anomaly.found import found_frame
from pipelines.anomaly.judging import Judge
from pipelines.anomaly.scan import advance, track
from pipelines.anomaly.searching import Told, band_level, rows_frame
from pipelines.anomaly.track import Track
from pipelines.errors import PanelError
from pipelines.fitted import Fitted
from pipelines.panel import Panel, show

if TYPE_CHECKING:
    from collections.abc import Hashable

Ints = npt.NDArray[np.int64]


class Stream:
    """Anomalies of series that grow; made by ``Detector.stream``.

    Each origin is forecast from once. What is said of a row is what a search of all rows says of it, and
    rests on nothing after the row. Histories are kept whole, for forecasts are scaled by their first values;
    of forecasts, those that later rows are compared with.

    Args:
        fitted: What was learned.
        judge: What is unusual.
        panel: Rows that are known.
        first: ``(series,)`` first row of each to search, counted from its start.
        warm_up: Rows at the start of a series that are not judged.

    Example:
        >>> stream = detector.stream(df)  # doctest: +SKIP
        >>> stream.update(rows)[["ds", "p_value", "is_anomaly"]]  # doctest: +SKIP
                          ds   p_value  is_anomaly
        0 2025-01-01 00:00:00  0.416667       False
    """

    def __init__(self, fitted: Fitted, judge: Judge, panel: Panel, first: Ints, warm_up: int) -> None:
        self._fitted, self._judge, self._panel, self._warm_up = fitted, judge, panel, warm_up
        begin = np.maximum(first, warm_up).tolist()
        self._tracks: dict[Hashable, Track] = {
            name: track(panel, i, begin[i], judge, fitted) for i, name in enumerate(panel.ids.tolist())
        }
        self._advance(panel)

    def update(self, df: Any, static: Any = None) -> pd.DataFrame:
        """Take new rows.

        Args:
            df: Long frame with rows after the last of their series, or of new series.
            static: Static covariates; None for those in ``df``, or else those of the fit.

        Returns:
            The rows that could be judged, and steps that were left out between them: id, time, target;
            ``expected``, ``low``, ``high``, ``score``, ``p_value`` and ``is_anomaly`` as in
            ``Detection.rows``, by what is known now.

        Raises:
            PanelError: If the frame cannot be used, or a row does not come after those of its series.
        """
        panel = self._joined(df, static)
        for i, name in enumerate(panel.ids.tolist()):
            if name not in self._tracks:
                self._tracks[name] = track(panel, i, self._warm_up, self._judge, self._fitted)
        told = self._advance(panel)
        self._panel = panel
        return rows_frame(panel, told)

    def anomalies(self) -> pd.DataFrame:
        """Return what has been found in all rows so far.

        Returns:
            As ``Detector.detect``. Intervals that ended less than a horizon ago may still change.
        """
        panel = self._panel
        found = [
            (i, each)
            for i, name in enumerate(panel.ids.tolist())
            for each in (*self._tracks[name].closed, *self._tracks[name].found(panel.series(i)))
        ]
        return found_frame(panel, found)

    def _advance(self, panel: Panel) -> list[Told]:
        """Search what has not been searched."""
        grown = {
            i: self._tracks[name]
            for i, name in enumerate(panel.ids.tolist())
            if self._tracks[name].next < panel.lengths[i]
        }
        begin = {i: each.next for i, each in grown.items()}
        advance(self._fitted, panel, grown)
        told = []
        for i, each in grown.items():
            found = each.found(panel.series(i))
            columns = each.columns(found, begin[i], band_level(self._fitted))
            told.append(Told(i, begin[i], found, columns))
            each.close(panel.series(i))
        return told

    def _joined(self, df: Any, static: Any) -> Panel:
        """Histories with new rows."""
        fitted, known = self._fitted, self._panel
        piece = fitted.read(df, static)
        last = dict(zip(known.ids.tolist(), known.last_stamps, strict=True))
        for i, name in enumerate(piece.ids.tolist()):
            if name in last and piece.starts[i] <= last[name]:
                given, until = (
                    str(piece.frame_time(np.array([t]))[0]) for t in (piece.starts[i], last[name])
                )
                raise PanelError(
                    f"Rows must come after those that are known. Received: {piece.columns.time_col}={given} "
                    f"in series {show(name)}, known until {until}; send later rows only."
                )
        static_frame = None
        if piece.static:
            both = [known.static_frame(), piece.static_frame()]
            static_frame = pd.concat(both).drop_duplicates(piece.columns.id_col, keep="last")
        rows = pd.concat([known.to_frame(), piece.to_frame()], ignore_index=True)
        return fitted.read(rows, static_frame)
