"""Frames go out as the kind that came in."""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from small_forecasters import SMALL, fitted, training_frame, untrained_once

from pipelines import Forecaster, Panel
from pipelines.frames import FrameKind

HOW = {
    "predict": lambda f, df: f.predict(df),
    "backtest": lambda f, df: f.backtest(df, n_windows=2),
    "fitted_values": lambda f, df: f.fitted_values(df, levels=[80]),
}


def as_polars():
    return pl.from_pandas(training_frame())


def same(frame, expected):
    """Whether a frame of any kind holds what one of pandas holds, missing values being null."""
    found = frame.to_pandas() if not isinstance(frame, pd.DataFrame) else frame
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    return True


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_the_kind_that_is_given_comes_back_with_the_same_content(how):
    f = fitted()
    expected = how(f, training_frame())
    assert isinstance(expected, pd.DataFrame)
    for given in (as_polars(), as_polars().lazy()):
        out = how(f, given)
        assert isinstance(out, pl.DataFrame)
        assert same(out, expected)
    out = how(f, as_polars().to_arrow())
    assert isinstance(out, pa.Table)
    assert same(out, expected)
    assert type(how(f, Panel.from_frame(training_frame()))) is pd.DataFrame


def test_without_a_frame_it_is_the_kind_of_the_history():
    f = untrained_once()
    assert type(f.predict()) is pd.DataFrame
    other = Forecaster(**f.get_params())
    other._fitted = f._fitted
    assert type(other.update(as_polars()).predict()) is pl.DataFrame
    assert type(other.update(as_polars().to_arrow()).backtest()) is pa.Table
    assert type(other.update(training_frame()).predict()) is pd.DataFrame
    assert type(f.predict()) is pd.DataFrame


@pytest.mark.filterwarnings("ignore:the bundle has no model.onnx:UserWarning")
def test_a_fit_keeps_the_kind_and_a_bundle_gives_pandas(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.network.build_network", lambda plan, seed: untrained_once().network_)
    f = Forecaster(**{**SMALL, "max_steps": 0}).fit(as_polars())
    assert type(f.predict()) is pl.DataFrame
    f.save(tmp_path / "bundle", onnx=False)
    assert same(f.predict(), Forecaster.load(tmp_path / "bundle").predict())


@pytest.mark.parametrize(
    ("ids", "stamps"),
    [
        (pl.Categorical, pl.Date),
        (pl.String, pl.Datetime("us")),
        (pl.String, pl.Datetime("ms", "Europe/Vienna")),
        (pl.Int16, pl.Int32),
    ],
)
def test_what_comes_out_joins_what_went_in(ids, stamps):
    days = pl.date_range(date(2024, 1, 1), date(2024, 1, 30), eager=True)
    time = pl.arange(0, 30, eager=True).cast(stamps) if stamps == pl.Int32 else days.cast(pl.Datetime("us"))
    if stamps != pl.Int32:
        zone = getattr(stamps, "time_zone", None)
        time = (time.dt.replace_time_zone(zone) if zone else time).cast(stamps)
    names = pl.Series(["7"] * 30).cast(ids)
    given = pl.DataFrame({"unique_id": names, "ds": time, "y": np.arange(30.0) % 7})
    frame = Panel.from_frame(given).to_frame().assign(cutoff=lambda rows: rows["ds"], TCN=1.0)
    for source in (given, given.to_arrow()):
        out = pl.DataFrame(FrameKind.of(source, "unique_id", "ds").give(frame))
        assert out.schema["cutoff"] == given.schema["ds"]
        assert given.join(out, on=["unique_id", "ds"]).height == 30


def test_a_type_that_would_lose_something_or_is_text_stays_as_it_is():
    frame = pd.DataFrame(
        {"unique_id": "a", "ds": pd.date_range("2024-01-01", periods=3, freq="h"), "TCN": 1.0}
    )
    for text in (date(2024, 1, 1), "2024-01-01"):
        given = pl.DataFrame({"unique_id": ["a"], "ds": [text], "y": [1.0]})
        out = FrameKind.of(given, "unique_id", "ds").give(frame)
        assert out["ds"].dt.hour().to_list() == [0, 1, 2]


def test_missing_values_are_null():
    frame = pd.DataFrame({"unique_id": ["a", "a"], "ds": [1, 2], "y": [np.nan, 2.0]})
    given = pl.DataFrame({"unique_id": ["a"], "ds": [1]})
    assert FrameKind.of(given, "unique_id", "ds").give(frame)["y"].to_list() == [None, 2.0]
