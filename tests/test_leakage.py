"""Nothing that comes later moves a forecast, whatever the settings and the role of what comes later.

The settings are read from the annotations of ``Settings``: a value that is added there is tested here.
Networks have the weights that they start with, and run without compilation, which would take longer than all
examples.
"""

import warnings
from functools import cache
from itertools import product
from types import NoneType
from typing import Literal, get_args, get_origin

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import frame_of, weekly

from pipelines import ConfigError, Covariates, Forecaster
from pipelines.config import Settings

HORIZON, LENGTH, WINDOWS = 3, 40, 9
NAMES, ROLES = "abcd", ("y", "load", "temp", "kind")
COVARIATES = Covariates(
    past=["load"],
    future=["temp", "kind"],
    static=["region"],
    calendar="auto",
    holidays="US",
    lags={"load": 2, "temp": 1},
)
# Rows after an origin from which on each column is not known there.
KNOWN_AHEAD = {"y": 1, "load": 1 - 2, "temp": 1 + HORIZON - 1, "kind": 1 + HORIZON}
SMALL = {"horizon": HORIZON, "lookback": 8, "filters": 4, "dilations": (1,), "ensemble": 2, "max_steps": 0}
KEYS = ["unique_id", "cutoff", "ds"]
COLUMNS = ["TCN", "TCN-lo-80", "TCN-hi-80", "TCN-lo-95", "TCN-hi-95"]

pytestmark = [
    pytest.mark.usefixtures("eagerly"),
    pytest.mark.filterwarnings("ignore:column", "ignore:the level of"),
]


def values_of(name):
    """What a setting may be, by its annotation; integers and the like are left out."""
    field = Settings.model_fields.get(name)
    return [] if field is None else list(dict.fromkeys(listed(field.annotation)))


def listed(annotation):
    if annotation in (bool, NoneType):
        return [False, True] if annotation is bool else [None]
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return [value for part in get_args(annotation) for value in listed(part)]


def allowed(configuration):
    try:
        Forecaster(horizon=HORIZON, **configuration)
    except ConfigError:
        return False
    return True


def configurations():
    """Every scaling and transform, with values of other settings; then those not yet tried."""
    main = {name: values_of(name) for name in ("scaling", "transform")}
    main["scaling"] = [value for value in main["scaling"] if value != "auto"]
    others = ("head", "architecture", "multivariate", "target")
    beside = [{name: value} for name in others for value in values_of(name)] + [{"season_length": (7, 3)}]
    found = []
    for i, values in enumerate(product(*(some or [None] for some in main.values()))):
        own = dict(zip(main, values, strict=True))
        both = [own | beside[(i + k) % len(beside)] for k in range(len(beside))]
        found.append(next(filter(allowed, both)))
    tried = {(name, value) for configuration in found for name, value in configuration.items()}
    found += [alone for alone in beside if not {*alone.items()} <= tried]
    return [{name: value for name, value in each.items() if value is not None} for each in found]


CONFIGURATIONS = configurations()
EXAMPLES = -(-200 // len(CONFIGURATIONS)) - 2  # and one of each of the other two tests
every_configuration = pytest.mark.parametrize(
    "number", range(len(CONFIGURATIONS)), ids=[" ".join(map(str, c.values())) for c in CONFIGURATIONS]
)


def rows_of(seed=0):
    """Series with gaps, one that moves late, one that begins late; some covariates are missing."""
    series = {name: weekly(LENGTH, seed + i).round() for i, name in enumerate(NAMES)}  # counts, too
    series["b"][[5, 20, 31]] = np.nan
    series["c"][:29] = 7.0
    series["d"] *= 1e5
    series["d"][:25] = np.nan
    rng = np.random.default_rng(seed)
    rows = frame_of(series)
    rows = rows.assign(
        load=rng.normal(size=len(rows)),
        temp=rng.normal(size=len(rows)),
        kind=rng.choice(["dry", "rain"], len(rows)).astype(object),
        region=rows["unique_id"].map({"a": "north", "b": "north", "c": "south", "d": "south"}),
    )
    rows.loc[[3, 50, 90], ["load", "temp", "kind"]] = None
    return rows


def fitted_to(number, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Forecaster(**SMALL, **CONFIGURATIONS[number], covariates=COVARIATES).fit(rows)


@cache
def forecaster(number):
    return fitted_to(number, rows_of())


def backtest(forecaster, rows):
    return forecaster.backtest(rows, n_windows=WINDOWS, step=1)


@cache
def as_it_was(number):
    return backtest(forecaster(number), rows_of())


def test_every_value_of_a_setting_is_tried():
    for name in ("architecture", "scaling", "transform", "head", "multivariate", "target"):
        tried = {configuration.get(name) for configuration in CONFIGURATIONS}
        assert {*values_of(name)} - {None, "auto"} <= tried, name


def other_values(number, column, n, palette, rng):
    if column == "kind":
        return rng.choice(np.array(["dry", "rain", "never seen", None], object), n)
    sizes = {"usual": 50.0, "huge": 1e300, "tiny": 1e-300, "missing": np.nan, "zero": 0.0}
    values = rng.normal(size=n) * rng.choice([sizes[name] for name in palette], n)
    asked = CONFIGURATIONS[number]
    limited = {asked.get(name) for name in ("transform", "target", "head")}
    limited &= {"log", "box-cox", "nonnegative", "count", "hurdle"}  # which refuse other values
    return np.ceil(np.abs(values)) + 1 if column == "y" and limited else values


@every_configuration
@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_nothing_after_an_origin_moves_its_forecast_by_a_bit(number, data):
    together = CONFIGURATIONS[number].get("multivariate", False)  # then every series sees all others
    origins = st.integers(LENGTH - HORIZON - WINDOWS, LENGTH - HORIZON - 1)
    shared = data.draw(origins, "origin of all")
    rows = rows_of()
    day = rows.groupby("unique_id").cumcount().to_numpy()
    last = pd.Series({name: shared if together else data.draw(origins, name) for name in NAMES})
    roles = data.draw(st.sets(st.sampled_from(ROLES), min_size=1), "what changes")
    palette = data.draw(
        st.lists(st.sampled_from(["usual", "huge", "tiny", "missing", "zero"]), min_size=1, unique=True)
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 99), "seed"))
    origin = rows["unique_id"].map(last).to_numpy()
    for column in sorted(roles):
        later = day >= origin + KNOWN_AHEAD[column]
        rows.loc[later, column] = other_values(number, column, int(later.sum()), palette, rng)
    before, after = as_it_was(number), backtest(forecaster(number), rows)
    newest = before["unique_id"].map(last).to_numpy() * pd.Timedelta(days=1) + pd.Timestamp("2024-01-01")
    past = (before["cutoff"] <= newest).to_numpy()
    assert past.sum() == HORIZON * sum(last[name] - (LENGTH - HORIZON - WINDOWS - 1) for name in NAMES)
    np.testing.assert_array_equal(
        before.loc[past, COLUMNS].to_numpy().view(np.uint64),
        after.loc[past, COLUMNS].to_numpy().view(np.uint64),
    )


def scale_of(frame):
    return frame["unique_id"].map({"a": 50.0, "b": 50.0, "c": 50.0, "d": 5e6}).to_numpy()[:, None]


def assert_close(found, expected, scale):
    """Equal to 1e-5 of the forecast or of the size of the data."""
    found, expected = found[COLUMNS].to_numpy(), expected[COLUMNS].to_numpy()
    assert (np.abs(found - expected) <= 1e-5 * np.maximum(np.abs(expected), scale)).all()


@every_configuration
@given(seed=st.integers(0, 99))
@settings(max_examples=1)
def test_one_pass_is_a_loop_of_forecasts_from_what_was_known(number, seed):
    rows = rows_of(seed)
    day = rows.groupby("unique_id").cumcount()
    tested = forecaster(number).backtest(rows, n_windows=2, step=5)
    for cutoff, window in tested.groupby("cutoff"):
        n = (cutoff - pd.Timestamp("2024-01-01")).days + 1
        history, ahead = rows[day < n], rows[(day >= n) & (day < n + HORIZON)].drop(columns=["y", "load"])
        history = history.assign(load=history["load"].where(day < n - 2))  # published two days late
        ahead = ahead.assign(temp=ahead["temp"].where(day < n + HORIZON - 1))
        assert_close(window, forecaster(number).predict(history, future=ahead), scale_of(window))


@every_configuration
@given(new=st.permutations("wxyz"), seed=st.integers(0, 99))
@settings(max_examples=1)
def test_names_order_and_company_change_nothing(number, new, seed):
    before, rows, names = as_it_was(number), rows_of(), dict(zip(NAMES, NAMES, strict=True))
    company = rows[rows["unique_id"] == "d"].assign(y=1e9)
    if CONFIGURATIONS[number].get("multivariate"):  # which series there are, and in which order, matters then
        company = company.iloc[:0]
    else:
        names = dict(zip(NAMES, new, strict=True))
    rows = rows.assign(unique_id=rows["unique_id"].map(names)).sample(frac=1, random_state=seed)
    others = pd.concat([rows, company]).sample(frac=1, random_state=seed)
    after = backtest(fitted_to(number, rows), others).set_index(KEYS)
    found = after.loc[pd.MultiIndex.from_frame(before.assign(unique_id=before["unique_id"].map(names))[KEYS])]
    assert_close(found, before, scale_of(before))
