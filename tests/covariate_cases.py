"""Random panels with covariates of every role, and what a table of them must hold, by plain loops."""

import math

import holidays
import numpy as np
import pandas as pd
from hypothesis import strategies as st

from pipelines import Covariates, Panel
from pipelines.windows import CovariateState

SEASON = 3  # of daily rows: the longer season is the week
START = pd.Timestamp("2023-12-22")
FREE = holidays.country_holidays("US", years=[2023, 2024])
KINDS = ["dry", "rain", "snow"]

numbers = st.one_of(st.none(), st.integers(-5, 5).map(float), st.floats(-1e3, 1e3))
kinds = st.sampled_from([None, *KINDS])


@st.composite
def cases(draw):
    """Covariates, horizon, long frame of the rows, frame of the steps ahead, and frame of what is static."""
    horizon = draw(st.integers(1, 8))
    lags = {
        "load": draw(st.integers(0, 4)),
        "temp": draw(st.integers(0, horizon - 1)),
        "kind": draw(st.integers(0, horizon - 1)),
    }
    covariates = Covariates(
        past=["load"],
        future=["temp", "kind"],
        static=["region", "size"],
        calendar=draw(st.sampled_from([None, "auto"])),
        holidays=draw(st.sampled_from([None, "US"])),
        lags=lags,
    )
    rows, ahead, static = [], [], []
    for name in draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)):
        n, start = draw(st.integers(1, 16)), draw(st.integers(0, 5))
        days = pd.date_range(START + pd.Timedelta(days=start), periods=n + horizon)
        columns = {
            "unique_id": name,
            "ds": days,
            "y": draw(_column(numbers, len(days))),
            "load": draw(_column(numbers, len(days))),
            "temp": draw(_column(numbers, len(days))),
            "kind": draw(_column(kinds, len(days))),
        }
        frame = pd.DataFrame(columns).astype({"y": float, "load": float, "temp": float, "kind": object})
        rows.append(frame.iloc[:n])
        ahead.append(frame.iloc[n:].drop(columns=["y", "load"]))
        static.append(
            {"unique_id": name, "region": draw(st.sampled_from(["north", "south"])), "size": draw(numbers)}
        )
    rows, ahead = (pd.concat(frames, ignore_index=True) for frames in (rows, ahead))
    static = pd.DataFrame(static).astype({"size": float})
    for frame, name, value in [
        (rows, "load", 1.0), (rows, "temp", 1.0), (rows, "kind", "dry"), (static, "size", 1.0)
    ]:  # fmt: skip
        if frame[name].isna().all():  # what a fit refuses
            frame.loc[0, name] = value
    return covariates, horizon, rows, ahead, static


def _column(values, n):
    return st.lists(values, min_size=n, max_size=n)


def panel_of(covariates, rows, static):
    return Panel.from_frame(rows, "D", covariates=covariates, static=static)


def tolerant(state):
    """The same state, with a channel for what is missing in every column: nothing missing is refused then."""
    scales = [{**scale, "has_missing": True} for scale in state.to_dict()["scales"]]
    return CovariateState.from_dict({**state.to_dict(), "scales": scales})


def state_of(covariates, rows, static, horizon):
    return tolerant(CovariateState.fit(covariates, panel_of(covariates, rows, static), horizon, SEASON))


def table_of(state, rows, ahead, static):
    panel = panel_of(state.covariates, rows, static)
    return state.table(panel, state.read_future(panel, ahead))


def missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def expected_channels(scale, value):
    """Channels of one value."""
    known = [float(not missing(value))] if scale.has_missing else []
    if scale.categories is not None:
        return [float(value == category) for category in scale.categories] + known
    if missing(value):
        return [0.0, *known]
    return [min(max((value - scale.median) / scale.scale, -10.0), 10.0), *known]


def expected_table(state, rows, ahead, static):
    """Past, ahead, unknown and static arrays, cell by cell."""
    asked, horizon = state.covariates, state.horizon
    scales = {scale.name: scale for scale in state.scales}
    past, features, of_series = [], [], []
    for name, own in rows.groupby("unique_id", sort=True):
        values = own.set_index("ds").reindex(pd.date_range(own["ds"].min(), own["ds"].max()))
        later = ahead[ahead["unique_id"] == name].set_index("ds")
        later = later.reindex(pd.date_range(own["ds"].max() + pd.Timedelta(days=1), periods=horizon))
        for column in asked.future:  # what comes later than the lag allows is not known
            later.loc[later.index[horizon - asked.lag(column) :], column] = None
        everything = pd.concat([values, later])
        for t in range(len(values)):
            cells = []
            for column in asked.rows:
                at = t - (asked.lag(column) if column in asked.past else 0)
                empty = [0.0] * len(scales[column].names)
                value = values[column].iloc[at] if at >= 0 else None
                cells += expected_channels(scales[column], value) if at >= 0 else empty
            if asked.holidays:
                cells.append(float(is_free(values.index[t])))
            past.append(cells)
        for t, day in enumerate(everything.index):
            features.append(expected_features(state, scales, everything, t, day))
        constant = static.set_index("unique_id").loc[name]
        of_series.append([x for c in asked.static for x in expected_channels(scales[c], constant[c])])
    lags = []
    for column in asked.future:
        compared = 0 if scales[column].categories is not None else len(state.differences)
        lags += [asked.lag(column)] * (len(scales[column].names) + compared)
    lags += [0] * (len(features[0]) - len(lags))
    unknown = [[k > horizon - lag for lag in lags] for k in range(1, horizon + 1)]
    return [np.array(part) for part in (past, features, unknown, of_series)]


def expected_features(state, scales, everything, t, day):
    cells = []
    for column in state.covariates.future:
        scale, value = scales[column], everything[column].iloc[t]
        cells += expected_channels(scale, value)
        if scale.categories is None:
            for lag in state.differences:
                before = everything[column].iloc[t - lag] if t >= lag else None
                known = not (missing(value) or missing(before))
                now, then = (expected_channels(scale, v)[0] for v in (value, before))
                cells.append(now - then if known else 0.0)
    if state.covariates.holidays:
        cells.append(float(is_free(day)))
        for lag in state.differences:
            then = is_free(day - pd.Timedelta(days=lag)) if t >= lag else is_free(day)
            cells.append(float(is_free(day)) - float(then))
    for cycle in state.cycles:
        place = {
            "week": day.weekday() / 7,
            "year": (day.day_of_year - 1) / (366 if day.is_leap_year else 365),
        }[cycle]
        cells += [math.sin(2 * math.pi * place), math.cos(2 * math.pi * place)]
    return cells


def is_free(day):
    return day.date() in FREE
