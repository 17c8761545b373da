"""The forecaster as one of sktime's; import it by name, as sktime is an extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sktime.forecasting.base import BaseForecaster

from pipelines.covariates import Covariates
from pipelines.forecaster import Forecaster
from pipelines.frequency import Freq

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Labels = npt.NDArray[np.object_]

# Names that no column of X is likely to have.
_COLUMNS: Final[dict[str, Any]] = {
    "id_col": "sktime series",
    "time_col": "sktime time",
    "target_col": "sktime y",
}
_ID, _TIME, _TARGET = _COLUMNS.values()
_KEYS: Final = [_ID, _TIME]


class TCNForecaster(BaseForecaster):  # type: ignore[misc]
    """``pipelines.Forecaster`` with sktime's interface.

    One network learns all series of a panel or hierarchy, and all columns of a multivariate series. Series
    that end before the others are forecast from the common cutoff on, their last values taken as missing.
    The horizon is the last step of ``fh``, which ``fit`` must be given. In-sample forecasts are those of one
    step ahead, computed in one pass; the first row of a series has none and is NaN. ``update`` takes the data
    in without training, whatever ``update_params`` says: call ``fit`` to train again.

    Args:
        covariates: Roles of the columns of ``X``, calendar and holidays, as in ``Forecaster``; None if all
            columns are known for the whole horizon.
        freq: As in ``Forecaster``, like all others; None for that of the index, or else to infer it.
        season_length: Steps in a season, or in each of several, or "auto".
        seed: Fixes weights and batches.
        lookback: Steps that a forecast looks back, or "auto".
        architecture: What the network is made of, "tcn" or "wavenet".
        filters: Channels of the dilated stack, or "auto".
        kernel_size: Taps of its convolutions, or "auto".
        dilations: Their dilation rates, or "auto".
        head: What quantiles are made by, such as "hurdle" for intermittent demand.
        preset: "fast", "default" or "best": how much training to spend.
        max_steps: Training steps, or "auto".
        time_budget: Seconds that training may take.
        ensemble: Members whose quantiles are averaged, or "auto".
        transform: What to do to the values before the network reads them, such as "log".
        scaling: What members see a window relative to, or "auto".
        multivariate: Whether the series of a panel, and the columns of y, see each other.
        target: What kind of numbers the values are, such as "count".
        conformal: How intervals are calibrated: "split", "adaptive" or not at all.
        learning_rate: Largest step size of the optimizer, or "auto".
        jitter: Noise that training adds to the values that are looked back on, in usual changes.
        loss: What training minimizes: "quantile", "huber" or "center".
        stretch: Spread of the random factors that training multiplies stretches of series by.

    Raises:
        ConfigError: By ``fit``, if an argument is not allowed.

    Example:
        >>> import pandas as pd
        >>> from pipelines.sktime import TCNForecaster
        >>> months = pd.period_range("2020-01", periods=48, freq="M")
        >>> y = pd.Series(10.0 + months.month, index=months, name="sold")
        >>> forecaster = TCNForecaster(preset="fast", max_steps=4, ensemble=1).fit(y, fh=[1, 2, 3])
        >>> forecaster.predict().index.astype(str).tolist()
        ['2024-01', '2024-02', '2024-03']
    """

    _tags: Final = {
        "authors": ["tcn-forecasting"],
        "maintainers": ["tcn-forecasting"],
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "requires-fh-in-fit": True,
        "X-y-must-have-same-index": False,
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:categorical_in_X": True,
        # What is known ahead must be known for every step up to the last.
        "capability:non_contiguous_X": False,
        "capability:missing_values": True,
        "capability:unequal_length": True,
        "capability:insample": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": True,
        "capability:update": True,
        "property:randomness": "deterministic",
    }
    # The fitted forecaster holds the data.
    _config: Final = {"remember_data": False}

    def __init__(
        self,
        covariates: Covariates | Mapping[str, Any] | None = None,
        freq: Any = None,
        season_length: int | Sequence[int] | str = "auto",
        seed: int = 0,
        lookback: int | str = "auto",
        architecture: str = "tcn",
        filters: int | str = "auto",
        kernel_size: int | str = "auto",
        dilations: Sequence[int] | str = "auto",
        head: str = "quantile",
        preset: str = "default",
        max_steps: int | str = "auto",
        time_budget: float | None = None,
        ensemble: int | str = "auto",
        transform: str | None = None,
        scaling: str = "auto",
        multivariate: bool = False,
        target: str = "auto",
        conformal: str | None = None,
        learning_rate: float | str = "auto",
        jitter: float = 0.0,
        loss: str = "quantile",
        stretch: float = 0.0,
    ) -> None:
        self.covariates = covariates
        self.freq = freq
        self.season_length = season_length
        self.seed = seed
        self.lookback = lookback
        self.architecture = architecture
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilations = dilations
        self.head = head
        self.preset = preset
        self.max_steps = max_steps
        self.time_budget = time_budget
        self.ensemble = ensemble
        self.transform = transform
        self.scaling = scaling
        self.multivariate = multivariate
        self.target = target
        self.conformal = conformal
        self.learning_rate = learning_rate
        self.jitter = jitter
        self.loss = loss
        self.stretch = stretch
        super().__init__()
        # Where sktime keeps the data once it is told to remember them.
        self._y = None
        self._X = None

    def _fit(self, y: pd.DataFrame, X: pd.DataFrame | None, fh: Any) -> TCNForecaster:
        settings = self.get_params(deep=False)
        if self.covariates is None and X is not None:
            settings["covariates"] = Covariates(future=[str(name) for name in X.columns])
        if self.freq is None:
            settings["freq"] = _freq_of(y.index)
        horizon = max(int(self._steps(fh).max()), 1)
        forecaster = Forecaster(horizon, **settings, **_COLUMNS)
        self.instances_, self.time_name_ = _instances(y.index), y.index.names[-1]
        self.forecaster_ = forecaster.fit(_to_one_end(_long(y, X)))
        return self

    def _update(
        self, y: pd.DataFrame, X: pd.DataFrame | None = None, update_params: bool = True
    ) -> TCNForecaster:
        del update_params  # the weights stay
        given, known = _long(y, X), self.forecaster_.panel_.to_frame()
        # A backtest may go back to before the last row that is known.
        known = known[known[_TIME] <= given[_TIME].max()]
        rows = pd.concat([known, given]).drop_duplicates(_KEYS, keep="last")
        self.instances_ = self.instances_.union(_instances(y.index))
        self.forecaster_ = self.forecaster_.update(_to_one_end(rows))
        return self

    def _predict(self, fh: Any, X: pd.DataFrame | None) -> pd.DataFrame:
        return self._frame(fh, self._forecast(fh, X, [0.5]), self._get_varnames())

    def _predict_quantiles(self, fh: Any, X: pd.DataFrame | None, alpha: list[float]) -> pd.DataFrame:
        columns = self._get_columns(method="predict_quantiles", alpha=alpha)
        return self._frame(fh, self._forecast(fh, X, alpha), columns)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Settings of networks that are small enough for sktime's tests.

        Args:
            parameter_set: Ignored; there is one set of settings.

        Returns:
            Arguments of the constructor: a network that is trained for a moment, and one that is not.
        """
        del parameter_set
        small = {"lookback": 8, "filters": 2, "kernel_size": 2, "dilations": (1,), "ensemble": 1}
        return [{**small, "max_steps": 2}, {**small, "max_steps": 0, "seed": 1}]

    def _steps(self, fh: Any) -> Ints:
        """Rows from the last one to those of a horizon."""
        steps: Ints = fh.to_relative(self.cutoff).to_numpy().astype(np.int64)
        return steps

    def _forecast(self, fh: Any, X: pd.DataFrame | None, quantiles: list[float]) -> Floats:
        """Quantiles ``(instances, steps of fh, columns of y, quantiles)``."""
        steps, labels = self._steps(fh), _labels(self.instances_, self._get_varnames())
        distinct, place = np.unique([float(f"{p:g}") for p in quantiles], return_inverse=True)
        asked = {"levels": (), "quantiles": distinct.tolist()}
        ahead, result = steps > 0, np.empty((*labels.shape, len(steps), len(distinct)))
        if ahead.any():
            covariates = self.forecaster_.settings_.covariates
            future = _long_of_x(X, labels) if X is not None and covariates and covariates.future else None
            frame, last = self.forecaster_.predict(future=future, **asked), self.forecaster_.horizon
            result[:, :, ahead] = _pick(frame, len(distinct), labels, steps[ahead] - 1 - last)
        if not ahead.all():
            frame = self.forecaster_.fitted_values(**asked)
            result[:, :, ~ahead] = _pick(frame, len(distinct), labels, steps[~ahead] - 1)
        return result.swapaxes(1, 2)[..., place]

    def _frame(self, fh: Any, forecast: Floats, columns: Any) -> pd.DataFrame:
        """Lay quantiles out as sktime expects them."""
        index = stamps = pd.Index(fh.to_absolute_index(self.cutoff)).rename(self.time_name_)
        if self.instances_.names != [_ID]:
            keys = [(*key, stamp) for key in _keys(self.instances_) for stamp in stamps]
            index = pd.MultiIndex.from_tuples(keys, names=[*self.instances_.names, stamps.name])
        return pd.DataFrame(forecast.reshape(len(index), -1), index, columns)


def _instances(index: pd.Index) -> pd.Index:
    """Sorted names of the series of a panel, one for a single series."""
    if isinstance(index, pd.MultiIndex):
        return index.droplevel(-1).unique().sort_values()
    return pd.Index([""], name=_ID)


def _keys(instances: pd.Index) -> list[tuple[Any, ...]]:
    """Names of series as tuples, whatever the number of levels."""
    several = isinstance(instances, pd.MultiIndex)
    return [key if several else (key,) for key in instances.tolist()]


def _labels(instances: pd.Index, columns: pd.Index) -> Labels:
    """Ids ``(instances, columns)``: each column of an instance is a series of its own."""
    labels = [[repr((*key, name)) for name in pd.Index(columns).tolist()] for key in _keys(instances)]
    return np.array(labels, object)


def _long(y: pd.DataFrame, X: pd.DataFrame | None) -> pd.DataFrame:
    """Long frame of all columns of y, each with the covariates of its rows."""
    instances = _instances(y.index)
    labels = _labels(instances, y.columns)
    rows = np.zeros(len(y), np.int64)
    if isinstance(y.index, pd.MultiIndex):
        rows = instances.get_indexer(y.index.droplevel(-1))
    parts = [
        pd.DataFrame({_ID: labels[rows, j], _TIME: _stamps(y.index), _TARGET: y.iloc[:, j].to_numpy()})
        for j in range(y.shape[1])
    ]
    if X is not None:
        beside = X.reindex(y.index).set_axis(X.columns.map(str), axis=1).reset_index(drop=True)
        parts = [pd.concat([part, beside], axis=1) for part in parts]
    return pd.concat(parts, ignore_index=True)


def _long_of_x(X: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Long frame of what is known ahead, for each series."""
    instances = _instances(X.index)
    rows = instances.get_indexer(X.index.droplevel(-1)) if isinstance(X.index, pd.MultiIndex) else 0
    frame = X.set_axis(X.columns.map(str), axis=1).reset_index(drop=True)
    frame[_TIME] = _stamps(X.index)
    return pd.concat([frame.assign(**{_ID: column[rows]}) for column in labels.T], ignore_index=True)


def _to_one_end(frame: pd.DataFrame) -> pd.DataFrame:
    """Let all series last as long as the longest: what they lack is missing."""
    last = frame.groupby(_ID, sort=False)[_TIME].max()
    end = last.max()
    short = pd.DataFrame({_ID: last.index[last < end], _TIME: end})
    return pd.concat([frame, short], ignore_index=True) if len(short) else frame


def _stamps(index: pd.Index) -> pd.Index:
    """Time stamps that a panel reads: those of a period lie where its frequency has them."""
    stamps = index.get_level_values(-1)
    if not isinstance(stamps, pd.PeriodIndex):
        return stamps
    freq = Freq.parse(stamps.freqstr)
    if freq.mark.endswith("end") or freq.cycle > 1:
        return stamps.to_timestamp(how="end").normalize()
    return stamps.to_timestamp()


def _freq_of(index: pd.Index) -> str | None:
    """Frequency that an index knows, or None."""
    stamps = index.levels[-1] if isinstance(index, pd.MultiIndex) else index
    return getattr(stamps, "freqstr", None)


def _pick(frame: pd.DataFrame, count: int, labels: Labels, place: Ints) -> Floats:
    """The last ``count`` columns of a sorted long frame, ``(instances, columns of y, places, count)``.

    Places count from the end of a series; before its first row there is nothing.
    """
    ids = frame[_ID].to_numpy(object)
    begin, end = (np.searchsorted(ids, labels, side)[..., None] for side in ("left", "right"))
    rows = end + place
    values: Floats = frame.iloc[:, -count:].to_numpy(np.float64)[np.maximum(rows, 0)]
    values[rows < begin] = np.nan
    return values
