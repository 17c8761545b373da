"""Observations that arrive one after the other: what is forecast then is what the longer history gives."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served_bundles import echo_forecaster
from small_forecasters import EXTREME, frame_of, weekly

from pipelines import ConfigError, Covariates, PanelError
from pipelines.serving.forecasts import Forecasts, Wanted
from pipelines.serving.problems import Refused, describe

SMALL = {"horizon": 3, "freq": "D", "lookback": 8, "filters": 4, "dilations": (1, 2), "levels": [80]}
ROWS = 30


def plain_frame(n=ROWS + 12):
    """Three series, one of them with missing values, another that begins later."""
    holes = weekly(n, 2)
    holes[[5, ROWS, n - 2]] = np.nan
    frame = frame_of({"a": weekly(n, 1), "b": holes, "c": 100 * weekly(n, 3)})
    return frame[(frame["unique_id"] != "c") | (frame["ds"] > "2024-01-10")].reset_index(drop=True)


def covariate_frame():
    """The same with a past column, one that is known ahead, and one that does not change."""
    rng = np.random.default_rng(4)
    frame = plain_frame()
    return frame.assign(
        load=rng.normal(size=len(frame)),
        price=rng.normal(size=len(frame)),
        open=rng.choice(["yes", "no"], len(frame)),
        kind=frame["unique_id"].map({"a": "shop", "b": "shop", "c": "kiosk"}),
    )


USED = Covariates(past=["load"], future=["price", "open"], static=["kind"], calendar="auto", lags={"load": 1})


def split(frame):
    """Rows of the first 30 days, and the others."""
    is_known = frame["ds"] <= "2024-01-30"
    return frame[is_known], frame[~is_known]


def served(kind="plain"):
    """What is served, and what comes after its history."""
    known, later = split(covariate_frame() if kind == "covariates" else plain_frame())
    asked = {"covariates": USED} if kind == "covariates" else {"multivariate": kind == "multivariate"}
    forecaster = echo_forecaster(known, **SMALL, **asked)
    return forecaster, Forecasts.of(forecaster.fitted_), known, later


def as_json(frame):
    """What a client sends of a frame: times as text, missing values as null."""
    texts = frame.assign(ds=frame["ds"].dt.strftime("%Y-%m-%d")).astype(object)
    return texts.where(frame.notna(), None)


def assert_same(found, expected):
    pd.testing.assert_frame_equal(found.frame, expected.reset_index(drop=True), check_exact=True)


@given(st.data())
@settings(max_examples=10)
def test_updates_in_any_pieces_give_the_forecast_of_the_longer_history(data):
    forecaster, forecasts, known, later = served()
    ends = {name: 0 for name in "abc"}
    for _ in range(data.draw(st.integers(1, 4))):
        parts = []
        for name, rows in later.groupby("unique_id"):
            back = data.draw(st.integers(0, ends[name]))  # rows that are sent once more
            new = data.draw(st.integers(0, len(rows) - ends[name]))
            parts.append(rows.iloc[ends[name] - back : ends[name] + new])
            ends[name] += new
        piece = pd.concat(parts)
        told = forecasts.histories.append(as_json(piece.sample(frac=1, random_state=0)))
        assert told.rows + told.repeated == len(piece)
    longer = pd.concat([known, *(rows.iloc[: ends[name]] for name, rows in later.groupby("unique_id"))])
    expected = forecaster.predict(longer)
    assert_same(forecasts.predict(), expected)
    for name in "abc":
        own = forecaster.predict(longer[longer["unique_id"] == name])
        assert_same(forecasts.predict_known(name), own)


@given(st.data())
@settings(max_examples=8)
def test_corrections_give_the_forecast_of_the_corrected_history(data):
    forecaster, forecasts, known, later = served()
    forecasts.histories.append(as_json(later))
    true = pd.concat([known, later])
    values = st.floats(-100, 100) | st.just(np.nan)
    for _ in range(data.draw(st.integers(1, 3))):
        own = true[true["unique_id"] == data.draw(st.sampled_from("abc"))]
        first = data.draw(st.integers(0, len(own) - 1))
        old = own.iloc[first : first + data.draw(st.integers(1, 5))]
        new = old.assign(y=[data.draw(st.sampled_from([y]) | values) for y in old["y"]])
        told = forecasts.histories.append(as_json(new), replace=True)
        both = old["y"].isna() & new["y"].isna()
        replaced = int((~both & (old["y"] != new["y"])).sum())
        assert told == (1, 0, len(new) - replaced, replaced)
        true.loc[new.index, "y"] = new["y"]
    assert_same(forecasts.predict(), forecaster.predict(true))
    for name in "abc":
        assert_same(forecasts.predict_known(name), forecaster.predict(true[true["unique_id"] == name]))


def test_a_correction_may_go_on_after_the_last_row_and_keeps_what_is_known_ahead():
    forecaster, forecasts, known, later = served("covariates")
    place = later.groupby("unique_id").cumcount()
    forecasts.histories.append(None, as_json(later.loc[place < 5, ["unique_id", "ds", "price", "open"]]))
    last = known.groupby("unique_id").tail(2).assign(y=70.0, load=0.5, open="no")
    rows = pd.concat([last, later[place < 2]])
    told = forecasts.histories.append(as_json(rows.drop(columns="kind")), replace=True)
    assert told == (3, 6, 0, 6)
    longer = pd.concat([known.drop(last.index), rows])
    assert_same(forecasts.predict(), forecaster.predict(longer, later.loc[place >= 2]))


@pytest.mark.parametrize("kind", ["covariates", "multivariate"])
def test_updates_with_columns_give_the_forecast_of_the_longer_history(kind):
    forecaster, forecasts, known, later = served(kind)
    columns = [name for name in later if name != "kind"]
    place = later.groupby("unique_id").cumcount()
    for day in range(6):
        forecasts.histories.append(as_json(later.loc[place == day, columns]))
    longer, ahead = pd.concat([known, later[place < 6]]), None
    if kind == "covariates":
        ahead = later.loc[place >= 6, ["unique_id", "ds", "price", "open"]]
        with pytest.raises(PanelError, match="needs 'price' for every step ahead") as caught:
            forecasts.predict_known("a")
        assert describe(caught.value)["cure"].startswith("send 'future', a row per series and step ahead")
        first, others = ahead.groupby("unique_id").head(2), ahead.groupby("unique_id").tail(5)
        for part, told in (
            (first, (3, 6, 0, 0)),
            (others.assign(price=9.0), (3, 12, 0, 3)),
            (others, (3, 0, 0, 15)),
        ):
            assert forecasts.histories.append(None, as_json(part), replace=True) == told
    expected = forecaster.predict(longer, ahead)
    assert_same(forecasts.predict(), expected)
    for name in "abc":
        assert_same(forecasts.predict_known(name), expected[expected["unique_id"] == name])


def test_what_is_known_ahead_changes_for_who_says_so_alone():
    _, forecasts, _, later = served("covariates")
    ahead = later.loc[later["unique_id"] == "a", ["unique_id", "ds", "price", "open"]].head(3)
    assert forecasts.histories.append(None, as_json(ahead)) == (1, 3, 0, 0)
    assert forecasts.histories.append(None, as_json(ahead)) == (1, 0, 3, 0)
    before = forecasts.predict_known("a")
    for change, told in (({"price": 9.0}, "price=9.0"), ({"price": None}, "price=null")):
        other = as_json(ahead.assign(**change))
        with pytest.raises(Refused, match=f"Received: {told} in series 'a' at 2024-01-31") as caught:
            forecasts.histories.append(None, other)
        assert caught.value.status == 409
        assert_same(forecasts.predict_known("a"), before.frame)
    assert forecasts.histories.append(None, as_json(ahead.assign(price=9.0)), replace=True) == (1, 0, 0, 3)
    assert not forecasts.predict_known("a").frame.equals(before.frame)
    observed = as_json(later[later["unique_id"] == "a"].head(1).drop(columns="kind"))
    assert forecasts.histories.append(observed, as_json(ahead.head(1))) == (1, 1, 0, 0)


def test_steps_ahead_in_one_frame_are_those_of_a_frame_of_their_own():
    forecaster, forecasts, known, later = served("covariates")
    ahead = later.groupby("unique_id").head(3)
    expected = forecaster.predict(known, ahead[["unique_id", "ds", "price", "open"]])
    one = pd.concat([known, ahead.assign(y=None, load=None)])
    # The last value of a series may itself be missing: then its steps ahead begin one earlier.
    whole = known.groupby("unique_id")["y"].transform(lambda y: y.iloc[-1:].notna().all())
    assert whole.all()
    assert_same(forecasts.predict_together(as_json(one)), expected)
    assert_same(forecasts.predict_together(as_json(ahead.assign(y=None, load=None))), expected)


def test_extreme_values_are_forecast_as_in_python():
    frame = frame_of(EXTREME)
    forecaster = echo_forecaster(frame_of({"a": weekly(40)}), **SMALL)
    found = Forecasts.of(forecaster.fitted_).predict(as_json(frame))
    assert_same(found, forecaster.predict(frame))


def test_fewer_steps_and_other_levels():
    forecaster, forecasts, _, _ = served()
    found = forecasts.predict(wanted=Wanted([50, 95], [0.3], 2))
    expected = forecaster.predict(levels=[50, 95], quantiles=[0.3]).groupby("unique_id").head(2)
    assert_same(found, expected)


@pytest.mark.parametrize("kind", ["plain", "covariates"])
def test_steps_between_rows_that_are_known_stay_as_they_are(kind):
    _, forecasts, *rows = served(kind)
    known, later = (each.drop(columns="kind", errors="ignore") for each in rows)
    first, *_, last = known.index[known["unique_id"] == "a"][-6:]
    some = known.loc[[first, last]]
    before = forecasts.histories.of("a")[0]
    again = forecasts.histories.append(as_json(some))
    assert (again.rows, again.repeated, again.replaced) == (0, 2, 0)
    assert forecasts.histories.of("a")[0] == before
    right = known.assign(y=known["y"].where(~known.index.isin([first, last]), 7.0))
    end = later[later["unique_id"] == "a"].head(1)
    found = forecasts.histories.append(as_json(pd.concat([right.loc[[first, last]], end])), replace=True)
    assert (found.rows, found.repeated, found.replaced) == (1, 0, 2)
    expected = served(kind)[1]
    own = right[right["unique_id"] == "a"]
    expected.histories.append(as_json(pd.concat([own, end])), replace=True)
    assert forecasts.histories.of("a")[0] == expected.histories.of("a")[0]
    with pytest.raises(PanelError, match=r"no step that is not known\. Received: 1 left out"):
        forecasts.histories.append(
            as_json(pd.concat([known.loc[[first]], later[later["unique_id"] == "a"].iloc[2:3]]))
        )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"ds": "2024-02-20", "y": 1}, "must follow the last one .*ds=2024-02-20.* in series 'a', 20 after"),
        ({"ds": "2024-01-30", "y": 1}, "repeated as they were. Received: y=1.0 in series 'a' at 2024-01-30"),
        ({"ds": "2024-01-30T12:00:00", "y": 1}, "lie on the grid .*2024-01-30 12:00"),
        ({"ds": "2023-12-31", "y": 1}, "not come before the first one .*2023-12-31"),
        ({"ds": "2024-01-31", "y": "many"}, "Column 'y' must hold finite numbers. Received: 'many'"),
        ({"ds": "soon", "y": 1}, "'ds'.*'soon'"),
        ({"ds": ["2024-01-31", "2024-01-31"], "y": [1, 1]}, "one row per stamp"),
        (
            {"ds": ["2024-01-31", "2024-02-02"], "y": [1, 1]},
            "must leave out no step that is not known. Received: 1 left out in series 'a'",
        ),
        ({"ds": "2024-01-31", "y": 1, "kind": "shop"}, "Columns of rows must be among .*'kind'"),
        ({"ds": "2024-01-31"}, "must have a column 'y'"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_change_nothing(rows, message):
    forecaster, forecasts, _, later = served()
    good = as_json(later[later["unique_id"] == "b"].head(1))
    bad = pd.DataFrame({name: np.atleast_1d(value) for name, value in rows.items()}).assign(unique_id="a")
    rows = pd.concat([good, bad]) if set(good) == set(bad) else bad
    is_other = "repeated as they were" in message
    with pytest.raises(Refused if is_other else PanelError, match=message) as caught:
        forecasts.histories.append(rows)
    assert getattr(caught.value, "status", 422) == (409 if is_other else 422)
    if not is_other:
        with pytest.raises(PanelError, match=message):
            forecasts.histories.append(rows, replace=True)
    assert_same(forecasts.predict(), forecaster.predict())


def test_series_that_are_not_known_are_refused_with_404():
    forecasts = served()[1]
    with pytest.raises(
        Refused, match=r"one of the 3 whose history is known\. Received: series 'zz'"
    ) as caught:
        forecasts.histories.append(pd.DataFrame({"unique_id": ["zz"], "ds": ["2024-01-31"], "y": [1.0]}))
    assert caught.value.status == 404


def test_columns_that_are_not_used_are_refused():
    with pytest.raises(ConfigError, match="future frame must hold future covariates"):
        served()[1].histories.append(None, pd.DataFrame({"unique_id": ["a"], "ds": ["2024-01-31"]}))
    wrong = pd.DataFrame({"unique_id": ["a"], "ds": ["2024-01-31"], "price": ["low"], "open": ["no"]})
    with pytest.raises(PanelError, match="Column 'price' must hold numbers, as the forecaster learned it"):
        served("covariates")[1].histories.append(None, wrong)


def test_updates_from_many_threads_are_all_there():
    forecaster, forecasts, known, later = served()

    def send(name):
        for _, row in later[later["unique_id"] == name].iterrows():
            forecasts.histories.append(as_json(pd.DataFrame([row]).astype({"y": float})))
            forecasts.predict_known(name)

    # Two for each series, which send the same: neither may undo what the other has done.
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, "aabbcc"))
    assert_same(forecasts.predict(), forecaster.predict(pd.concat([known, later])))
