"""Forecasts of series with little history, which borrow from series like them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from pipelines.errors import ConfigError
from pipelines.panel import CovariateColumn, Panel
from pipelines.similarity.borrowing import lend
from pipelines.similarity.lenders import Lenders, Pool, cycle_of

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.forecaster import Forecaster

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# What the forecast of a borrowed past is told by: the middles of as many equal parts of its distribution.
_PARTS: Final = 100
# Seasons of its own that a series trusts as much as what it borrows.
_SEASONS_OF_TRUST: Final = 4
# New series that are forecast at once.
_BLOCK: Final = 64


class ColdStart:
    """Forecasts of series that begin, with the past of series like them in the place of the one they lack.

    A network that looks back over seasons has little to look at in a series of a few values. So the series
    is compared, by shape alone, with other series at the same stamps. Those most like it lend it their past,
    each brought to its size: as many possible pasts, from each of which the network forecasts. The forecasts
    are mixed in equal parts, so that intervals are wider where they differ. The forecast without any of this
    takes part by ``n / (n + 4 seasons)``, with ``n`` values of its own: lenders matter less and less, and not
    at all from when the series fills what the network looks back on.

    Args:
        forecaster: A fitted forecaster; it stays as it is.
        panel: Series to lend, a long frame or a panel; None for the data of the fit. No row of them after
            the last one of a new series is looked at in its forecast.
        n_neighbors: Lenders of a series.

    Raises:
        NotFittedError: If the forecaster is not fitted.
        PanelError: If the panel cannot be used, or there is none: a fit from a store keeps none.
        ConfigError: If a number is not allowed, or series of the forecaster see each other.

    Example:
        >>> import pandas as pd
        >>> from pipelines import Forecaster
        >>> days = pd.date_range("2024-01-01", periods=60)
        >>> sold = {"A": 10.0 + days.day_of_week, "B": 70.0 - 5 * days.day_of_week}
        >>> frame = pd.concat([pd.DataFrame({"unique_id": n, "ds": days, "y": y}) for n, y in sold.items()])
        >>> forecaster = Forecaster(horizon=7, levels=[80], preset="fast", max_steps=4, ensemble=1).fit(frame)
        >>> new = pd.DataFrame({"unique_id": "new", "ds": days[-3:], "y": [130.0, 140.0, 150.0]})
        >>> cold = ColdStart(forecaster, n_neighbors=1)
        >>> cold.lenders(new)[["unique_id", "neighbor", "rank"]].values.tolist()
        [['new', 'A', 1]]
        >>> list(cold.predict(new).columns)
        ['unique_id', 'ds', 'TCN', 'TCN-lo-80', 'TCN-hi-80']

    Reference:
        Lorenz (1969), Atmospheric Predictability as Revealed by Naturally Occurring Analogues.
    """

    def __init__(self, forecaster: Forecaster, panel: Any = None, n_neighbors: int = 10) -> None:
        if isinstance(n_neighbors, bool) or not isinstance(n_neighbors, int) or n_neighbors < 1:
            raise ConfigError(f"n_neighbors must be a positive integer. Received: {n_neighbors!r}.")
        self.fitted = forecaster.fitted_
        if self.fitted.settings.multivariate:
            raise ConfigError(
                "A cold start is one of a series by itself. Received: a forecaster with multivariate=True, "
                "which forecasts the series of its fit only; fit one without."
            )
        plan = self.fitted.plan
        lending = self.fitted.read(panel)
        self.pool = Pool(
            panel=lending,
            names=np.array([str(name) for name in lending.ids.tolist()]),
            cycle=cycle_of(self.fitted.panel.freq, plan.seasons),
            season=plan.season_length,
            is_ratio=self.fitted.nonnegative,
            most=n_neighbors,
        )
        self._rows = int(self.fitted.network.context) + 1 + plan.difference

    def lenders(self, df: Any = None, static: Any = None) -> pd.DataFrame:
        """Say which series lend to which.

        Args:
            df: As for ``predict``.
            static: As for ``predict``.

        Returns:
            Columns ``unique_id``, ``neighbor``, ``rank`` from 1 on, and ``distance``: how far the values are
            from those of the lender, root mean square, in units of their size. Series that borrow nothing are
            not there.

        Raises:
            PanelError: As for ``predict``.
        """
        import pandas as pd

        new = self.fitted.read(df, static)
        found = self._found(new, _first_values(new))
        owner = np.repeat(np.arange(new.n_series), [len(lenders.series) for lenders in found])
        ids, others = pd.Series(new.ids), pd.Series(self.pool.panel.ids)
        series = np.concatenate([lenders.series for lenders in found])
        return pd.DataFrame(
            {
                new.columns.id_col: ids.take(owner).reset_index(drop=True),
                "neighbor": others.take(series).reset_index(drop=True),
                "rank": np.concatenate([np.arange(len(lenders.series)) + 1 for lenders in found]),
                "distance": np.concatenate([lenders.distance for lenders in found]),
            }
        )

    def predict(
        self,
        df: Any = None,
        future: Any = None,
        static: Any = None,
        levels: Sequence[float] | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> Any:
        """Forecast the steps after each series' last row; arguments and result are those of ``Forecaster``.

        Args:
            df: New series, long or short ones; None for those of the fit, of which the short ones borrow.
            future: Frame of the future covariates of the new series.
            static: Frame of their static covariates.
            levels: Interval levels in percent; None for those of the forecaster.
            quantiles: Probabilities of further columns.

        Returns:
            Columns id, time, ``TCN``, ``TCN-lo-80``, ``TCN-hi-80``, ...: a row per series and step.

        Raises:
            PanelError: If a frame cannot be used, or lacks values that the forecast needs.
            ConfigError: If a level or probability is not allowed.
        """
        fitted = self.fitted
        wanted, new = fitted.columns(levels, quantiles), fitted.read(df, static)
        ahead = fitted.read_future(new, future)
        table = fitted.table(new, ahead)
        series, horizon = np.arange(new.n_series), fitted.plan.horizon
        columns = fitted.forecast(table, series, new.indptr[1:] - 1, wanted)
        floor = fitted.floor(table, series, new.indptr[1:] - 1)
        seen = _first_values(new)
        found = self._found(new, seen)
        borrowing = np.flatnonzero([len(lenders.series) for lenders in found])
        for i in range(0, len(borrowing), _BLOCK):
            some = borrowing[i : i + _BLOCK]
            steps = (some[:, None] * horizon + np.arange(horizon)).ravel()
            part = new.select(some)
            mixed = self._mixed(
                part,
                part.indptr[:-1] + (seen - new.indptr[:-1])[some],
                [found[k] for k in some],
                tuple(column.take(steps) for column in ahead),
                wanted,
            )
            own = _trust(part, fitted.plan.season_length)[:, None]
            for name, values in mixed.items():
                columns[name][some, 0] = own * columns[name][some, 0] + (1 - own) * values
        frame = new.key_frame(np.repeat(series, horizon), new.future_stamps(horizon).ravel())
        for name, values in columns.items():
            frame[name] = fitted.possible(values, floor[..., None]).ravel()
        return fitted.like(df, frame)

    def _found(self, new: Panel, seen: Ints) -> list[Lenders]:
        """Lenders of each new series; none of one that has as many rows as the network sees."""
        return [
            self.pool.lenders(new.ids[i], new.values[seen[i] : new.indptr[i + 1]], new.last_stamps[i])
            if 0 < new.indptr[i + 1] - seen[i] < self._rows
            else _NOBODY
            for i in range(new.n_series)
        ]

    def _mixed(
        self,
        new: Panel,
        seen: Ints,
        found: Sequence[Lenders],
        ahead: tuple[CovariateColumn, ...],
        wanted: Mapping[str, float],
    ) -> dict[str, Floats]:
        """Columns ``(series, horizon)`` of the mixture of the forecasts from each borrowed past."""
        fitted, horizon = self.fitted, self.fitted.plan.horizon
        lent = lend(new, seen, self.pool.panel, found, self._rows)
        steps = (lent.owner[:, None] * horizon + np.arange(horizon)).ravel()
        table, _ = fitted.table_and_notes(lent.panel, tuple(column.take(steps) for column in ahead))
        if table.learned is not None:  # errors on borrowed rows are no errors of this series
            table = replace(table, learned=lent.own)
        runs, middles = np.arange(lent.panel.n_series), (np.arange(_PARTS) + 0.5) / _PARTS
        parts = {str(p): float(p) for p in middles}
        forecasts = fitted.forecast(table, runs, lent.panel.indptr[1:] - 1, parts)
        points = np.stack([values[:, 0] for values in forecasts.values()], axis=-1)  # (runs, horizon, parts)
        mixed = {name: np.empty((new.n_series, horizon)) for name in wanted}
        for i in range(new.n_series):
            pooled = np.moveaxis(points[lent.owner == i], 0, 1).reshape(horizon, -1)
            # A point of the sample: numbers near the ends of their range cannot be interpolated.
            at = np.quantile(pooled, list(wanted.values()), axis=1, method="inverted_cdf")
            for name, values in zip(wanted, at, strict=True):
                mixed[name][i] = values
        return mixed


_NOBODY: Final = Lenders(*(np.zeros(0, np.int64),) * 2, *(np.zeros(0),) * 3)


def _first_values(panel: Panel) -> Ints:
    """``(series,)`` row of the first value of each series, one past its last where there is none."""
    known = np.append(np.flatnonzero(np.isfinite(panel.values)), panel.n_rows)
    first: Ints = np.minimum(known[np.searchsorted(known, panel.indptr[:-1])], panel.indptr[1:])
    return first


def _trust(panel: Panel, season: int) -> Floats:
    """``(series,)`` share of a series' own forecast."""
    count = np.add.reduceat(np.isfinite(panel.values).astype(np.int64), panel.indptr[:-1])
    share: Floats = count / (count + _SEASONS_OF_TRUST * season)
    return share
