"""What the network is shown of covariates: each cell as a plain loop finds it, nothing before its time."""

import json

import numpy as np
import pandas as pd
import pytest
from covariate_cases import KINDS, SEASON, cases, expected_table, panel_of, state_of, table_of
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import frame_of

from pipelines import ConfigError, Covariates, Panel, PanelError
from pipelines.windows import CovariateState, blocks

scaled_numbers = st.lists(
    st.one_of(st.just(np.nan), st.floats(-1e9, 1e9, width=32)), min_size=2, max_size=30
).filter(lambda values: not np.isnan(values).all())
WAVES = ("sine", "cosine")
FIELDS = ("past", "ahead", "unknown", "static")


def parts(table):
    return [getattr(table, name) for name in FIELDS]


def assert_equal(table, other):
    for name, a, b in zip(FIELDS, parts(table), parts(other), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


@settings(max_examples=40)
@given(cases())
def test_each_cell_is_what_a_plain_loop_finds(case):
    covariates, horizon, rows, ahead, static = case
    state = state_of(covariates, rows, static, horizon)
    table = table_of(state, rows, ahead, static)
    for name, found, expected in zip(
        FIELDS, parts(table), expected_table(state, rows, ahead, static), strict=True
    ):
        assert found.shape == expected.shape, name
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=name)
    names = (state.past_names, state.ahead_names, state.static_names)
    assert table.sizes == tuple(map(len, names))
    assert all(len(set(group)) == len(group) for group in names)
    assert {table.past.dtype, table.ahead.dtype, table.static.dtype} == {np.dtype("float32")}


def seen(table, panel, i, t):
    """All that the network may read of covariates for a forecast of series i from its row t."""
    first, extended = panel.indptr[i], panel.indptr[i] + i * table.horizon
    ahead = table.ahead[extended : extended + t + 1 + table.horizon].copy()
    ahead[t + 1 :][table.unknown] = 0.0
    return table.past[first : first + t + 1], ahead, table.static[i]


@settings(max_examples=60)
@given(cases(), st.data())
def test_a_change_of_a_cell_is_not_seen_before_its_role_and_lag_allow(case, data):
    covariates, horizon, rows, ahead, static = case
    state = state_of(covariates, rows, static, horizon)
    panel = panel_of(covariates, rows, static)
    name = data.draw(st.sampled_from(covariates.rows))
    i = data.draw(st.integers(0, panel.n_series - 1))
    last = len(panel.series(i)) + (horizon if name in covariates.future else 0)
    s = data.draw(st.integers(0, last - 1))
    value = data.draw(st.sampled_from([*KINDS, None]) if name == "kind" else st.floats(-1e6, 1e6))
    day = panel.stamps(i)[0] + s * np.timedelta64(1, "D")
    changed = []
    for frame in (rows, ahead):
        frame = frame.copy()
        if name in frame:
            frame.loc[(frame["unique_id"] == panel.ids[i]) & (frame["ds"] == day), name] = value
        changed.append(frame)
    before, after = table_of(state, rows, ahead, static), table_of(state, *changed, static)
    lag = covariates.lag(name)
    for j in range(panel.n_series):
        for t in range(len(panel.series(j))):
            newest = t - lag if name in covariates.past else t + horizon - lag
            if j != i or s > newest:
                for a, b in zip(seen(before, panel, j, t), seen(after, panel, j, t), strict=True):
                    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(before.unknown, after.unknown)


@settings(max_examples=20)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_columns_and_series_does_not_matter(case, random):
    covariates, horizon, rows, ahead, static = case
    state = state_of(covariates, rows, static, horizon)
    seed = random.randint(0, 999)
    shuffled = [
        frame.sample(frac=1, random_state=seed)[random.sample([*frame.columns], len(frame.columns))]
        for frame in (rows, ahead, static)
    ]
    assert state_of(covariates, shuffled[0], shuffled[2], horizon) == state
    assert_equal(table_of(state, *shuffled), table_of(state, rows, ahead, static))


@settings(max_examples=15)
@given(cases())
def test_series_that_the_fit_did_not_see_are_read_like_the_others(case):
    covariates, horizon, rows, ahead, static = case
    state = state_of(covariates, rows, static, horizon)
    strangers = [frame.assign(unique_id=frame["unique_id"] + "-new") for frame in (rows, ahead, static)]
    assert_equal(table_of(state, *strangers), table_of(state, rows, ahead, static))


@settings(max_examples=20)
@given(cases())
def test_a_series_is_the_same_with_and_without_the_others(case):
    covariates, horizon, rows, ahead, static = case
    state = state_of(covariates, rows, static, horizon)
    together = table_of(state, rows, ahead, static)
    alone = [
        table_of(state, *(frame[frame["unique_id"] == name] for frame in (rows, ahead, static)))
        for name in sorted(set(rows["unique_id"]))
    ]
    for name in ("past", "ahead", "static"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(table, name) for table in alone]), getattr(together, name)
        )


@given(cases())
@settings(max_examples=10)
def test_a_state_is_json_and_back(case):
    covariates, horizon, rows, _, static = case
    state = CovariateState.fit(covariates, panel_of(covariates, rows, static), horizon, SEASON)
    assert CovariateState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_large_panels_are_laid_out_block_by_block(monkeypatch):
    rng = np.random.default_rng(0)
    rows = frame_of({f"s{i}": rng.normal(size=n) for i, n in enumerate((3, 9, 1, 7, 12))})
    rows["x"] = rng.normal(size=len(rows))
    covariates = Covariates(past=["y2"], future=["x"], calendar="auto", holidays="US", lags={"y2": 2})
    panel = Panel.from_frame(rows.assign(y2=rows["y"]), "D", covariates=covariates)
    state = CovariateState.fit(covariates, panel, 4, 7)
    whole = state.table(panel)
    monkeypatch.setattr(blocks, "_ROWS", 8)
    assert len([*blocks.blocks_of_series(panel.indptr)]) > 2
    assert_equal(state.table(panel), whole)


# What a fit learns


@settings(max_examples=60)
@given(scaled_numbers, st.integers(0, 9))
def test_numbers_are_scaled_by_the_rows_of_the_fit_alone(values, later):
    covariates = Covariates(past=["x"])
    rows = frame_of({"a": np.arange(len(values) + later)})
    rows["x"] = [*values, *[1e12] * later]
    panel = Panel.from_frame(rows, "D", covariates=covariates)
    (scale,) = CovariateState.fit(covariates, panel.before(later), 2, 7).scales
    known = np.array(values)[~np.isnan(values)]
    assert scale.has_missing == bool(np.isnan(values).any())
    center = np.median(known)
    spread = 1.4826 * np.median(np.abs(known - center)) or np.sqrt(np.mean((known - center) ** 2)) or 1.0
    np.testing.assert_allclose([scale.median, scale.scale], [center, spread], rtol=1e-9)


@pytest.mark.parametrize("values", [[1.7e308, -1.7e308, 1.7e308], [5e-324, 0.0, 5e-324], [1e300, 1.0, 2.0]])
def test_numbers_of_any_size_stay_finite(values):
    covariates = Covariates(past=["x"], future=["z"])
    rows = frame_of({"a": np.arange(len(values))}).assign(x=values, z=values)
    panel = Panel.from_frame(rows, "D", covariates=covariates)
    table = CovariateState.fit(covariates, panel, 1, 1).table(panel)
    assert np.isfinite(table.past).all()
    assert np.abs(table.past).max() <= 10
    assert np.isfinite(table.ahead).all()


def test_an_unseen_category_is_none_of_those_of_the_fit():
    covariates = Covariates(past=["kind"], static=["region"])
    rows = frame_of({"a": np.arange(4.0)}).assign(kind=["x", "y", "x", "x"], region="north")
    state = CovariateState.fit(covariates, Panel.from_frame(rows, "D", covariates=covariates), 2, 7)
    other = Panel.from_frame(
        rows.assign(kind=["z", "y", "w", "x"], region="south"), "D", covariates=covariates
    )
    table = state.table(other)
    assert table.past.tolist() == [[0, 0], [0, 1], [0, 0], [1, 0]]
    assert table.static.tolist() == [[0]]
    assert state.surprises(other) == (
        "column 'kind' has 2 values that the fit did not see ('w', 'z'): read as none of its categories",
        "column 'region' has 1 value that the fit did not see ('south'): read as none of its categories",
    )


def test_values_that_were_never_missing_in_the_fit_are_noted_if_they_are():
    covariates = Covariates(past=["x", "z"], static=["kind"])
    rows = frame_of({"a": np.arange(4.0)}).assign(x=[1.0, 2.0, 3.0, 9.0], z=[1, None, 2, 3], kind="u")
    state = CovariateState.fit(covariates, Panel.from_frame(rows, "D", covariates=covariates), 2, 7)
    gap = Panel.from_frame(rows.drop(index=[1, 2]).assign(kind=None), "D", covariates=covariates)
    assert state.surprises(gap) == (
        "column 'x' has 2 missing values, and had none in the fit: read as its median",
        "column 'kind' has 1 missing value, and had none in the fit: read as none of its categories",
    )
    assert state.table(gap).past[1:3].tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize(
    ("freq", "rows", "cycles"),
    [
        ("h", 24 * 20, ("day", "week")),
        ("h", 24 * 800, ("day", "week", "year")),
        ("15min", 96 * 3, ("hour", "day")),
        ("D", 100, ("week",)),
        ("MS", 30, ("year",)),
        ("MS", 20, ()),
        ("B", 30, ("week",)),
    ],
)
def test_only_cycles_that_the_fit_saw_twice_are_used(freq, rows, cycles):
    panel = Panel.from_frame(frame_of({"a": np.arange(float(rows))}, freq=freq), freq)
    state = CovariateState.fit(Covariates(calendar="auto"), panel, 2, 7)
    assert state.cycles == cycles
    table = state.table(panel)
    assert table.ahead.shape == (rows + 2, 2 * len(cycles))
    waves = table.ahead.reshape(rows + 2, len(cycles), 2)
    np.testing.assert_allclose((waves**2).sum(axis=-1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("freq", ["D", "MS", "QE-DEC", "W-SUN", "6h"])
def test_the_place_in_the_year_counts_its_days(freq):
    stamps = pd.date_range("2023-01-01", "2025-06-30", freq=freq)
    panel = Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": stamps, "y": 0.0}), freq)
    state = CovariateState.fit(Covariates(calendar="auto"), panel, 1, 7)
    ahead = state.table(panel).ahead[:-1, [state.ahead_names.index(f"{wave} of year") for wave in WAVES]]
    starts = [pd.Timestamp(stamp.year, 1, 1) for stamp in stamps]
    lengths = [
        pd.Timestamp(stamp.year + 1, 1, 1) - start for stamp, start in zip(stamps, starts, strict=True)
    ]
    place = [(a - b) / c for a, b, c in zip(stamps, starts, lengths, strict=True)]
    angle = 2 * np.pi * np.array(place)
    np.testing.assert_allclose(ahead, np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("freq", "season", "horizon", "compared"),
    [
        ("h", 24, 24, [24, 168]),
        ("h", 24, 25, [168]),
        ("h", 24, 168, [168]),
        ("h", 24, 169, []),
        ("30min", 48, 336, [336]),
        ("5min", 12, 12, [12, 288]),
        ("D", 7, 7, [7]),
        ("D", 1, 7, [7]),
        ("W-SUN", 52, 13, [52]),
        ("MS", 12, 18, []),
    ],
)
def test_numbers_ahead_are_compared_with_seasons_that_the_origin_knows(freq, season, horizon, compared):
    covariates = Covariates(future=["x"])
    rows = frame_of({"a": np.arange(9.0)}, freq=freq).assign(x=1.0)
    state = CovariateState.fit(
        covariates, Panel.from_frame(rows, freq, covariates=covariates), horizon, season
    )
    assert state.ahead_names == ("x", *(f"x less {n} rows before" for n in compared))


def test_integer_stamps_have_the_season_as_their_cycle():
    frame = pd.DataFrame({"unique_id": "a", "ds": np.arange(0, 40, 2), "y": 1.0})
    state = CovariateState.fit(Covariates(calendar="auto"), Panel.from_frame(frame), 3, 5)
    ahead = state.table(Panel.from_frame(frame)).ahead
    angle = 2 * np.pi * (np.arange(23) % 5) / 5
    np.testing.assert_allclose(ahead, np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-6)


@pytest.mark.parametrize("zone", ["Australia/Melbourne", None])
def test_holidays_are_days_of_the_wall_clock(zone):
    stamps = pd.date_range("2024-01-24", periods=96, freq="h", tz=zone)
    panel = Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": stamps, "y": 0.0}), "h")
    state = CovariateState.fit(Covariates(holidays="AU-VIC"), panel, 3, 24)
    is_free = state.table(panel).past[:, 0]
    assert is_free.tolist() == [float(stamp.day == 26) for stamp in stamps]


# What is refused


def test_holidays_need_days():
    panel = Panel.from_frame(frame_of({"a": np.arange(9.0)}, freq="MS"), "MS")
    with pytest.raises(ConfigError, match=r"frequency of days or shorter steps\. Received: freq='MS'"):
        CovariateState.fit(Covariates(holidays="US"), panel, 2, 12)


def test_too_many_categories_are_refused():
    covariates = Covariates(past=["code"])
    rows = frame_of({"a": np.arange(300.0)}).assign(code=[f"c{i}" for i in range(300)])
    with pytest.raises(PanelError, match=r"at most 200 categories\. Received: 300 in 'code'.*to_numeric"):
        CovariateState.fit(covariates, Panel.from_frame(rows, "D", covariates=covariates), 2, 7)


@pytest.mark.parametrize(
    ("fitted", "shown", "message"),
    [
        ([1.0, 2.0], ["x", "y"], r"'c' must hold numbers, as in the fit\. Received: text such as 'x'"),
        (["x", "y"], [1.0, 2.0], r"'c' must hold categories such as 'x', as in the fit\. Received: numbers"),
    ],
)
@pytest.mark.parametrize("role", ["past", "static"])
def test_a_column_must_stay_what_it_was(fitted, shown, message, role):
    covariates = Covariates(**{role: ["c"]})
    rows = frame_of({"a": [1.0], "b": [2.0]})
    state = CovariateState.fit(
        covariates, Panel.from_frame(rows.assign(c=fitted), "D", covariates=covariates), 2, 7
    )
    with pytest.raises(PanelError, match=message):
        state.table(Panel.from_frame(rows.assign(c=shown), "D", covariates=covariates))
    empty = state.table(Panel.from_frame(rows.assign(c=[None, None]), "D", covariates=covariates))
    assert not empty.past.any()
    assert not empty.static.any()


@pytest.mark.parametrize("role", ["past", "future", "static"])
def test_a_column_without_any_value_is_refused(role):
    covariates = Covariates(**{role: ["c"]})
    rows = frame_of({"a": [1.0, 2.0]}).assign(c=None)
    with pytest.raises(PanelError, match=r"must have a value in the rows of the fit\. Received: none in 'c'"):
        CovariateState.fit(covariates, Panel.from_frame(rows, "D", covariates=covariates), 2, 7)


def test_a_panel_read_without_the_columns_is_refused():
    panel = Panel.from_frame(frame_of({"a": [1.0, 2.0]}), "D")
    with pytest.raises(PanelError, match=r"must hold the covariate 'x'\. Received: none; read it with"):
        CovariateState.fit(Covariates(past=["x"]), panel, 1, 7)
    with pytest.raises(PanelError, match=r"'x' must be a column of the data.*frame\. Received: none; pass"):
        CovariateState.fit(Covariates(static=["x"]), panel, 1, 7)
