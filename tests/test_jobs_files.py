import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.baselines import add_baselines
from pipelines.errors import ConfigError, ForecastingError
from pipelines.jobs.files import check_finite, plain, scores_record, table_path, write_frame, write_json
from pipelines.metrics import evaluate
from pipelines.panel import Panel

FORECAST = pd.DataFrame(
    {
        "unique_id": ["a", "b"],
        "ds": pd.to_datetime(["2024-01-01 05:00", "2024-01-02 00:00"]),
        "TCN": [0.1 + 0.2, 1e-17],
        "TCN-lo-80": [-1.0, 0.0],
    }
)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_comes_back_to_the_last_digit_and_has_the_same_bytes_each_time(tmp_path, suffix):
    first = write_frame(FORECAST, tmp_path / f"1.{suffix}")
    second = write_frame(FORECAST.copy(), tmp_path / f"2.{suffix}")
    assert first.read_bytes() == second.read_bytes()
    back = pd.read_csv(first, parse_dates=["ds"]) if suffix == "csv" else pd.read_parquet(first)
    pd.testing.assert_frame_equal(back, FORECAST, check_exact=True, check_dtype=False)
    assert len(list(tmp_path.iterdir())) == 2


def test_ids_of_mixed_types_become_text_in_parquet(tmp_path):
    mixed = FORECAST.assign(unique_id=pd.Series([7, "b"], dtype=object))
    path = write_frame(mixed, tmp_path / "f.parquet")
    assert pd.read_parquet(path)["unique_id"].tolist() == ["7", "b"]


def test_a_write_that_fails_leaves_the_former_file(tmp_path, monkeypatch):
    path = write_frame(FORECAST, tmp_path / "f.csv")
    before = path.read_bytes()

    def half(frame, target, **options):
        target.write_text("unique")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", half)
    with pytest.raises(ConfigError, match="No space left on device"):
        write_frame(FORECAST, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_paths_of_tables_are_checked(tmp_path):
    assert table_path(tmp_path / "new.CSV") == tmp_path / "new.CSV"
    for bad in ("new.xlsx", "new", "missing/new.csv"):
        with pytest.raises(ConfigError, match="A table must"):
            table_path(tmp_path / bad)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", ["TCN", "TCN-lo-80"])
def test_a_forecast_that_is_no_number_is_refused_by_name(value, column):
    bad = FORECAST.copy()
    bad.loc[1, column] = value
    with pytest.raises(ForecastingError, match=rf"for {column}, series 'b', ds 2024-01-02") as caught:
        check_finite(bad, ("unique_id", "ds", "y"))
    assert caught.value.exit_code == 70
    assert check_finite(FORECAST, ("unique_id", "ds", "y")) is FORECAST


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_plain_data_is_strict_json(value):
    text = json.dumps(plain(value), allow_nan=False)  # refuses NaN and infinity
    assert json.loads(text) == plain(value)


def test_scores_are_written_whole_and_as_strict_json(tmp_path):
    history = pd.DataFrame({"unique_id": "a", "ds": range(40), "y": np.sin(np.arange(40.0))})
    panel = Panel.from_frame(history, freq=1)
    backtest = history.tail(8).assign(cutoff=31, TCN=0.0)
    scores = evaluate(add_baselines(backtest, panel, 4, ()), panel, 4)
    record = scores_record(scores)
    back = json.loads(write_json(record, tmp_path / "scores.json").read_text())
    assert back == record
    assert back["overall"]["TCN"]["mae"] == scores.overall.loc["TCN", "mae"]
    assert back["by_step"]["TCN"]["step"] == list(range(1, 9))
    assert back["skill"]["TCN"]["p_value"] is None  # NaN, for one window tests nothing
    assert isinstance(back["skill"]["TCN"]["significant"], bool)


def test_no_scores_say_why():
    record = scores_record(None, "too short")
    assert record["reason"] == "too short"
    assert {value for key, value in record.items() if key != "reason"} == {None}
