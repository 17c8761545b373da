"""Forecasts for clients: of what they send, or of the history that a bundle holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from pipelines.errors import ConfigError, PanelError
from pipelines.fitted import Fitted
from pipelines.panel import Panel, hardly_filled
from pipelines.preparing import untold
from pipelines.serving.histories import Histories
from pipelines.serving.kinds import Kinds, check_names

MOST_NUMBERS: Final = 100
"""Levels, and quantiles, that a client may ask for at once."""
_PARTS: Final = 10**6  # of the whole, that probabilities are told apart by


@dataclass(frozen=True)
class Wanted:
    """What a client wants to know.

    Args:
        levels: Interval levels in percent; None for those of the fit.
        quantiles: Probabilities of further columns; None for none.
        horizon: Steps ahead; None for all of the fit.
    """

    levels: Sequence[float] | None = None
    quantiles: Sequence[float] | None = None
    horizon: int | None = None

    def columns(self, fitted: Fitted) -> dict[str, float]:
        """Return the columns of the forecast, with the probability of each.

        Args:
            fitted: What was learned.

        Raises:
            ConfigError: If a level or probability is not allowed, or has digits that no name of a column has.
        """
        asked = (("levels", self.levels, 100), ("quantiles", self.quantiles, 1))
        for name, numbers, _ in asked:
            if isinstance(numbers, Sequence) and len(numbers) > MOST_NUMBERS:
                raise ConfigError(
                    f"{name} must be at most {MOST_NUMBERS} numbers. Received: {len(numbers):,}; send fewer."
                )
        found = fitted.columns(self.levels, self.quantiles)
        for name, numbers, limit in asked:
            least = limit / _PARTS
            if any(not least <= number <= limit - least for number in (() if numbers is None else numbers)):
                raise ConfigError(
                    f"{name} must be numbers between {least:f} and {limit - least:f}. Received: {numbers!r}; "
                    "send those that are not so near to the ends."
                )
        return found

    def steps(self, fitted: int) -> int:
        """Return the steps ahead.

        Args:
            fitted: Horizon of the fit.

        Raises:
            ConfigError: If more are wanted than that.

        Example:
            >>> Wanted(horizon=3).steps(12), Wanted().steps(12)
            (3, 12)
        """
        if self.horizon is None:
            return fitted
        is_count = isinstance(self.horizon, (int, np.integer)) and not isinstance(self.horizon, bool)
        if not (is_count and 1 <= self.horizon <= fitted):
            raise ConfigError(
                f"horizon must be an integer from 1 to {fitted}, the horizon of the fit. Received: "
                f"{self.horizon!r}; fit a forecaster with a longer one for more."
            )
        return int(self.horizon)


class Answer(NamedTuple):
    """A forecast.

    Attributes:
        frame: Columns as of ``Forecaster.predict``.
        notes: Lines about what the fit did not know, and of what too little is known.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of one fitted forecaster; safe to use from several threads.

    Args:
        fitted: What was learned.
        kinds: Columns and kinds of their values.
        histories: What is known of each series by now.
    """

    fitted: Fitted
    kinds: Kinds
    histories: Histories

    @classmethod
    def of(cls, fitted: Fitted) -> Forecasts:
        """Serve a fit.

        Args:
            fitted: What was learned.
        """
        kinds = Kinds.of(fitted)
        return cls(fitted, kinds, Histories(fitted, kinds))

    def predict(
        self,
        rows: pd.DataFrame | None = None,
        future: pd.DataFrame | None = None,
        static: pd.DataFrame | None = None,
        wanted: Wanted = Wanted(),
    ) -> Answer:
        """Forecast the steps after each series' last row.

        Args:
            rows: Histories as a client sends them; None or empty for those that are known.
            future: Future covariates of the steps ahead.
            static: Static covariates, a row per series.
            wanted: What to know of the steps.

        Returns:
            What ``Forecaster.predict`` returns.

        Raises:
            PanelError: If a frame cannot be used, or lacks values that the forecast needs.
            ConfigError: If a number is not allowed.
        """
        ahead = None if future is None else self.kinds.ahead(future)
        constant = None if static is None else self.kinds.constant(static)
        if rows is not None:
            check_names([*rows.columns], self.kinds.columns, "Columns of rows")
        if rows is not None and len(rows):
            panel = self.fitted.read(self.kinds.rows(rows), constant)
            return _noted(self._predict(panel, ahead, wanted), hardly_filled(panel))
        panel, known = self.histories.together()
        panel = panel if constant is None else self.fitted.read(panel, constant)
        return self._predict(panel, known if ahead is None else ahead, wanted)

    def predict_together(self, rows: pd.DataFrame | None, wanted: Wanted = Wanted()) -> Answer:
        """Forecast from one frame that holds the future covariates too, for clients that send but one.

        With future columns, rows after the last value of a series are its steps ahead, and rows of a frame
        without any value are those after the histories that are known.

        Args:
            rows: Histories, and the steps ahead; None or empty for the histories that are known.
            wanted: As for ``predict``.

        Returns:
            As ``predict``.

        Raises:
            PanelError, ConfigError: As ``predict``.
        """
        kinds, fitted = self.kinds, self.fitted
        if rows is None or not len(rows) or not kinds.future:
            return self.predict(rows, wanted=wanted)
        panel = fitted.read(kinds.rows(rows))
        frame = panel.to_frame()
        is_known = frame[kinds.target_col].notna()
        # Up to the last value of a series, there is one at or after each row.
        is_past = is_known[::-1].groupby(frame[kinds.id_col]).cummax()[::-1]
        if is_known.any():  # series without any value are histories too
            is_past |= ~is_known.groupby(frame[kinds.id_col]).transform("any")
        ahead = frame.loc[~is_past, [kinds.id_col, kinds.time_col, *kinds.future]]
        constant = panel.static_frame() if panel.static else None
        history = frame[is_past] if is_past.any() else self.histories.together()[0]
        return self._predict(
            fitted.read(history, constant if is_past.any() else None), ahead if len(ahead) else None, wanted
        )

    def predict_known(self, name: Any, wanted: Wanted = Wanted()) -> Answer:
        """Forecast one series from what is known of it.

        Args:
            name: Its id, also as text.
            wanted: As for ``predict``.

        Returns:
            As ``predict``.

        Raises:
            PanelError, ConfigError: As ``predict``.
            Refused: With status 404 if it is not known.
        """
        name = self.kinds.identity(name)
        panel, ahead = self.histories.of(name)
        if not self.fitted.settings.multivariate:
            return self._predict(panel, ahead, wanted)
        found = self._predict(*self.histories.together(), wanted)
        is_own = found.frame[self.kinds.id_col] == name
        return Answer(found.frame[is_own].reset_index(drop=True), found.notes)

    def _predict(self, panel: Panel, future: pd.DataFrame | None, wanted: Wanted) -> Answer:
        fitted, horizon = self.fitted, self.fitted.plan.horizon
        columns, steps = wanted.columns(fitted), wanted.steps(horizon)
        table, notes = fitted.table_and_notes(panel, fitted.read_future(panel, future))
        series = np.arange(panel.n_series)
        values = fitted.forecast(table, series, panel.indptr[1:] - 1, columns)
        stamps = panel.future_stamps(horizon)[:, :steps]
        keys = panel.key_frame(np.repeat(series, steps), stamps.ravel())
        made = pd.DataFrame({name: column[:, 0, :steps].ravel() for name, column in values.items()})
        frame = pd.concat([keys, made], axis=1)
        if not np.isfinite(frame[[*values]].to_numpy()).all():
            raise PanelError(
                "Forecasts must be finite. Received: values whose forecast is not; send smaller ones, or fit "
                "the forecaster to them."
            )
        return _noted(Answer(frame, notes), untold(panel))


def _noted(answer: Answer, note: str | None) -> Answer:
    """An answer with one more note, if there is one."""
    return answer if note is None else Answer(answer.frame, (*answer.notes, note))
