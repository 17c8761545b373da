"""Detectors: a forecaster, and how far off it usually is."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.anomaly.detection import Detection
from pipelines.anomaly.found import found_frame
from pipelines.anomaly.judging import Judge
from pipelines.anomaly.rates import alpha_of, false_alarms_of
from pipelines.anomaly.reference import Reference
from pipelines.anomaly.residuals import unadapted
from pipelines.anomaly.scan import learn_blocks, rows_since
from pipelines.anomaly.searching import rows_frame, search
from pipelines.anomaly.state import read_detector, write_detector
from pipelines.anomaly.stream import Stream
from pipelines.anomaly.windows import feature_lengths
from pipelines.config import Settings
from pipelines.errors import ConfigError, NotFittedError, PanelError
from pipelines.fitted import Fitted
from pipelines.frames import FrameKind
from pipelines.learned import later_ends, learned_until
from pipelines.panel import Panel, show
from pipelines.reading import read_panel

if TYPE_CHECKING:
    from pipelines.forecaster import Forecaster

ALPHA: Final = 0.02
"""Chance of a false alarm in a stretch of a horizon where nobody says."""

# Of a typical series: what a network learns from, and what says how far off it usually is. The newer half is
# left to search in.
_LEARNED: Final = 1 / 3
_CALIBRATED: Final = 1 / 6


class Detector:
    """Finds intervals in which series are not as a forecaster expects.

    Every stretch of 1, 2, 4, ... rows up to the horizon is compared with the forecast that was made just
    before it. How far off such forecasts usually are is learned from a calibration, on rows that the
    forecaster has not learned: the strangest stretch of each block of a horizon. A stretch is reported if few
    of these blocks hold one as strange. Overlapping stretches are resolved, near ones joined.

    Args:
        forecaster: A fitted one, loaded with Keras or with ONNX Runtime. Its horizon is the longest stretch.
        alpha: Chance of a false alarm in each stretch of a horizon, of one series; None for 0.02, unless
            there is another limit.
        false_alarms: The same in false alarms a year of one series.
        fdr: The limit for many series: expected share of false ones among those that are reported for the
            same stretch of time.
        gap: Most rows between two intervals that are one; None for an eighth of the horizon.
        iou: A stretch that overlaps a stronger one by more than this share of both is dropped.

    Raises:
        ConfigError: If a number is not allowed, or there is more than one limit.
        NotFittedError: If the forecaster is not fitted.

    Example:
        >>> import numpy as np, pandas as pd
        >>> from pipelines import Forecaster
        >>> y = 20.0 + np.arange(200) % 7 + np.random.default_rng(0).normal(size=200)
        >>> frame = pd.DataFrame({"unique_id": "A", "ds": pd.date_range("2024-01-01", periods=200), "y": y})
        >>> forecaster = Forecaster(horizon=7, preset="fast", max_steps=4, ensemble=1).fit(frame[:80])
        >>> detector = Detector(forecaster).calibrate(frame[:150])
        >>> list(detector.detect(frame).columns)
        ['unique_id', 'start', 'end', 'score', 'p_value', 'direction', 'expected', 'observed', 'peak']

    Reference:
        Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World; Chernozhukov, Wüthrich and
        Zhu (2018), Exact and Robust Conformal Inference Methods for Predictive Machine Learning with
        Dependent Data, for blocks.
    """

    _reference: Reference
    _ends: Panel

    def __init__(
        self,
        forecaster: Forecaster,
        alpha: float | None = None,
        false_alarms: float | None = None,
        fdr: float | None = None,
        gap: int | None = None,
        iou: float = 0.0,
    ) -> None:
        fitted = forecaster.fitted_
        limits = {"alpha": alpha, "false_alarms": false_alarms, "fdr": fdr}
        if sum(limit is not None for limit in limits.values()) > 1:
            raise ConfigError(
                "A detector has one limit: alpha, false_alarms or fdr. Received: "
                f"{', '.join(f'{name}={limit!r}' for name, limit in limits.items() if limit is not None)}; "
                "leave out the others."
            )
        _check("alpha", alpha, 0.5)
        _check("fdr", fdr, 0.5)
        if isinstance(iou, bool) or not 0 <= iou < 1:
            raise ConfigError(f"iou must be from 0 to below 1. Received: {iou!r}.")
        if gap is not None and (not isinstance(gap, (int, np.integer)) or isinstance(gap, bool) or gap < 0):
            raise ConfigError(f"gap must be an integer from 0 on. Received: {gap!r}.")
        self.forecaster = forecaster
        self.alpha, self.false_alarms, self.fdr, self.gap, self.iou = alpha, false_alarms, fdr, gap, iou
        if false_alarms is not None:
            alpha = alpha_of(false_alarms, fitted.plan.freq, fitted.plan.horizon)
        self._alpha = ALPHA if alpha is None else alpha

    @classmethod
    def learn(cls, df: Any, forecaster: Forecaster, static: Any = None, **limits: Any) -> Detector:
        """Fit a forecaster to the first third of the rows, and calibrate on the next sixth.

        Args:
            df: Long frame, as for ``Forecaster.fit``. Counted in rows of a typical series, its newer half is
                neither learned from nor calibrated on, so that it can be searched.
            forecaster: What to fit; it is changed.
            static: As for ``Forecaster.fit``.
            **limits: Arguments of the constructor.

        Returns:
            A calibrated detector.

        Raises:
            PanelError: If the frame cannot be used, or its series are too short.
            ConfigError: If an argument is not allowed.
        """
        settings = Settings.of(forecaster.get_params())
        panel = read_panel(df, settings, settings.freq, static)
        learned, calibrated = split(panel, settings.horizon)
        return cls(forecaster.fit(learned), **limits).calibrate(calibrated)

    @property
    def reference_(self) -> Reference:
        """What was found usual."""
        if not hasattr(self, "_reference"):
            raise NotFittedError("A detector must be calibrated first; call calibrate(df).")
        return self._reference

    @property
    def alpha_(self) -> float | None:
        """Chance of a false alarm in each stretch of a horizon, of one series; None with ``fdr``."""
        return self._alpha if self.fdr is None else None

    @property
    def false_alarms_(self) -> float | None:
        """The same in false alarms a year; None with ``fdr``, or if stamps are integers."""
        plan = self._fitted.plan
        return None if self.fdr is not None else false_alarms_of(self._alpha, plan.freq, plan.horizon)

    def calibrate(self, df: Any = None, static: Any = None) -> Detector:
        """Learn how strange usual stretches are, on rows that the forecaster has not learned.

        A few anomalies among these rows do no harm: blocks far stranger than the others are left out.

        Args:
            df: Long frame with rows after those of the fit, and the rows before them; None for what the
                forecaster keeps.
            static: As for ``Forecaster.predict``.

        Returns:
            This detector.

        Raises:
            PanelError: If the frame cannot be used, or has too few such rows.
        """
        fitted = self._fitted
        panel = self._read(df, static)
        first = rows_since(panel, learned_until(fitted.ends, panel) - panel.indptr[:-1], self._warm_up)
        if not first:
            raise PanelError(
                "A calibration needs rows after those that the forecaster has learned. Received: none; pass "
                "newer rows, or fit on fewer: Detector.learn(df, forecaster)."
            )
        self._reference = Reference.fit(learn_blocks(fitted, panel, first))
        self._ends = later_ends(panel.tail(1), fitted.ends)
        return self

    def detect(self, df: Any = None, static: Any = None, start: Any = None) -> Any:
        """Find anomalies in rows after those of the calibration.

        Args:
            df: Long frame with such rows, and the rows before them; None for what the forecaster keeps.
            static: As for ``Forecaster.predict``.
            start: Stamp of the first row to search; None for the first after the calibration, and all rows of
                series that neither fit nor calibration has seen.

        Returns:
            A row per interval: id, ``start``, ``end`` (both inside), ``score``, ``p_value``, ``direction``
            ("high" or "low"), ``expected`` and ``observed`` (means over the interval) and ``peak`` (stamp
            furthest from what was expected). The frame is of the kind of ``df``.

        Raises:
            NotFittedError: Before ``calibrate``.
            PanelError: If the frame cannot be used, or has no row to search.
        """
        detection = self.search(df, static, start)
        if detection.skipped:
            names = ", ".join(map(show, detection.skipped[:3]))
            more = f" and {len(detection.skipped) - 3} more" * (len(detection.skipped) > 3)
            warnings.warn(
                f"series {names}{more} could not be searched: too few rows, no value, or always the same one",
                UserWarning,
                stacklevel=2,
            )
        settings = self._fitted.settings
        kind = FrameKind.of(df, settings.id_col, settings.time_col)
        time = kind.types.get(settings.time_col)
        stamps = {} if time is None else dict.fromkeys(("start", "end", "peak"), time)
        return replace(kind, types={**kind.types, **stamps}).give(detection.anomalies)

    def search(self, df: Any = None, static: Any = None, start: Any = None) -> Detection:
        """Find anomalies, and say of every row how strange it is.

        Args:
            df: As for ``detect``.
            static: As for ``detect``.
            start: As for ``detect``.

        Returns:
            Anomalies, rows, and what could not be searched.

        Raises:
            NotFittedError, PanelError: As for ``detect``.
        """
        reference, fitted = self.reference_, self._fitted
        panel = self._read(df, static)
        told = search(
            fitted, panel, self._first(panel, start), self._judge(reference, panel.n_series), self.fdr
        )
        judged = np.zeros(panel.n_series, np.int64)
        for each in told:
            judged[each.series] = np.isfinite(each.columns["score"]).sum()
        return Detection(
            found_frame(panel, [(each.series, found) for each in told for found in each.found]),
            rows_frame(panel, told),
            tuple(panel.ids[judged == 0].tolist()),
            panel.columns,
            fitted.plan.horizon,
            None if self.fdr is not None else self._alpha * int(judged.sum()) / fitted.plan.horizon,
        )

    def stream(self, df: Any = None, static: Any = None) -> Stream:
        """Search row by row.

        Args:
            df: Rows that are known; those after the calibration are searched at once. None for what the
                forecaster keeps.
            static: As for ``Forecaster.predict``.

        Returns:
            What takes new rows.

        Raises:
            NotFittedError: Before ``calibrate``.
            PanelError: If the frame cannot be used.
            ConfigError: If the limit is one for many series, which need not come together.
        """
        if self.fdr is not None:
            raise ConfigError(
                "A stream judges each series by itself. Received: a detector with fdr="
                f"{self.fdr!r}; give it alpha or false_alarms."
            )
        fitted = self._fitted
        judge, panel = self._judge(self.reference_, 1), self._read(df, static)
        first = learned_until(self._ends, panel) - panel.indptr[:-1]
        return Stream(fitted, judge, panel, first, max(self._warm_up, 1))

    def save(self, path: str | Path) -> None:
        """Write what the calibration has learned, as JSON; the forecaster has a bundle of its own.

        Args:
            path: File to write.

        Raises:
            NotFittedError: Before ``calibrate``.
        """
        limits = {name: getattr(self, name) for name in ("alpha", "false_alarms", "fdr", "gap", "iou")}
        write_detector(Path(path), self._fitted, self.reference_, self._ends, limits)

    @classmethod
    def load(cls, path: str | Path, forecaster: Forecaster, **limits: Any) -> Detector:
        """Read what ``save`` wrote.

        Args:
            path: The file.
            forecaster: The one that was calibrated, loaded with Keras or ONNX Runtime.
            **limits: Arguments of the constructor other than those that were saved.

        Returns:
            A calibrated detector.

        Raises:
            BundleError: If the file is damaged, or is of another forecaster.
        """
        known, reference, ends = read_detector(Path(path), forecaster.fitted_)
        if {"alpha", "false_alarms", "fdr"} & {*limits}:
            known = {name: known[name] for name in ("gap", "iou")}
        detector = cls(forecaster, **{**known, **limits})
        detector._reference, detector._ends = reference, ends
        return detector

    @property
    def _fitted(self) -> Fitted:
        return unadapted(self.forecaster.fitted_)

    def _read(self, df: Any, static: Any) -> Panel:
        """Read what to go through, with a warning for what the fit did not know."""
        fitted = self._fitted
        panel = fitted.read(df, static)
        for note in fitted.table_and_notes(panel)[1]:
            warnings.warn(note, UserWarning, stacklevel=3)
        return panel

    @property
    def _warm_up(self) -> int:
        """Rows of a series before which no forecast is judged."""
        plan = self._fitted.plan
        return max(plan.season_length, plan.horizon)

    def _judge(self, reference: Reference, n_series: int) -> Judge:
        horizon = self._fitted.plan.horizon
        gap = horizon // 8 if self.gap is None else int(self.gap)
        # The smallest of so many p-values must be below its share of the limit for any to count.
        finest = self._alpha if self.fdr is None else self.fdr / n_series
        pooled = self.fdr is not None
        return Judge(reference, feature_lengths(horizon), self._alpha, finest, gap, self.iou, pooled)

    def _first(self, panel: Panel, start: Any) -> dict[int, int]:
        """First row of each series to search, by position."""
        if start is None:
            first = learned_until(self._ends, panel) - panel.indptr[:-1]
        else:
            first = rows_before(panel, start)
        chosen = rows_since(panel, first, self._warm_up)
        if not chosen:
            raise PanelError(
                "A search needs rows after those of the calibration. Received: none; pass newer rows, or "
                "start=, a stamp to begin with."
            )
        return chosen


def split(panel: Panel, horizon: int) -> tuple[Panel, Panel]:
    """Divide rows by time: what to learn from, and the same with what to calibrate on.

    Args:
        panel: All rows.
        horizon: Steps of a forecast.

    Returns:
        The first third of a typical series' rows, and the first half.

    Raises:
        PanelError: If the longest series has no room for that.
    """
    typical = int(np.median(panel.lengths))
    learned, calibrated = (typical - int(share * typical) for share in (_LEARNED, _LEARNED + _CALIBRATED))
    if int(panel.lengths.max()) - learned < 2 * horizon:
        raise PanelError(
            f"A search of a frame takes {int(2 * horizon / _LEARNED)} rows at horizon {horizon}, to learn "
            f"from a third of them. Received: {int(panel.lengths.max())} in the longest series; choose a "
            "smaller horizon, or pass more rows."
        )
    return panel.before(learned), panel.before(calibrated)


def _check(name: str, value: Any, most: float) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value <= most:
        raise ConfigError(f"{name} must be a number above 0, at most {most:g}. Received: {value!r}.")


def rows_before(panel: Panel, start: Any) -> npt.NDArray[np.int64]:
    """Count the rows of each series before a stamp as a user writes it.

    Args:
        panel: The series.
        start: A stamp of the kind of those of the panel, or its text.

    Returns:
        ``(series,)`` rows.

    Raises:
        ConfigError: If it is no such stamp.
    """
    times: Any = panel.frame_time(panel.all_stamps())
    try:
        earlier = times < (int(start) if panel.freq.is_integer else pd.Timestamp(start))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"start must be a stamp such as {times[0]}. Received: {start!r} ({error})."
        ) from None
    counts: npt.NDArray[np.int64] = np.add.reduceat(np.asarray(earlier), panel.indptr[:-1], dtype=np.int64)
    return counts
