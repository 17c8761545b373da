"""Gates of a forecast, each closed by one thing that is wrong."""

import numpy as np
import pandas as pd
import pytest
from nightly_cases import DAYS, forecasts_of, history_of, job_of

from pipelines.nightly.gates import failing_series


def forecast(**changes):
    """Forecasts of three series; ``changes`` name a column and what it holds in one row of series s1."""
    frame = forecasts_of(history_of(), DAYS[119])
    for name, value in changes.items():
        frame.loc[10, name.replace("_", "-")] = value
    return frame


def test_a_good_forecast_passes():
    assert failing_series(forecast(), history_of(), job_of()) == {}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"TCN": np.nan}, "not finite"),
        ({"TCN_hi_95": np.inf}, "not finite"),
        ({"TCN_lo_80": 130.0}, "cross"),
        ({"TCN_lo_95": 97.0}, "cross"),  # inside of the interval of 80 %
        ({"TCN_hi_95": 1000.0}, "forecasts 1000, where its history lies between"),
        ({"TCN_lo_95": -2000.0}, "forecasts -2000"),
        ({"TCN_lo_95": -0.5}, "negative: -0.5"),
    ],
)
def test_one_value_closes_the_gate_for_its_series(changes, why):
    # A range of the history is about 25.
    job = job_of(gates={"max_multiple": 20})
    found = failing_series(forecast(**changes), history_of(), job)
    assert [*found] == ["s1"]
    assert why in found["s1"]


def test_the_multiple_is_one_of_the_range_of_the_history():
    history = pd.DataFrame({"unique_id": "s1", "ds": DAYS[:20], "y": np.linspace(10, 30, 20)})
    frame = forecast().query("unique_id == 's1'").assign(**dict.fromkeys(("TCN-hi-80",), 60.0))
    for side, inside, outside in (("hi-95", 89.9, 90.1), ("lo-95", -49.9, -50.1)):
        others = {name: 20.0 for name in frame.columns if name.startswith("TCN")}
        job = job_of(model={"target": "real"})
        for value, fails in ((inside, False), (outside, True)):
            made = frame.assign(**others).assign(**{f"TCN-{side}": value})
            assert bool(failing_series(made, history, job)) == fails, (side, value)


def test_negative_forecasts_pass_where_values_are_negative_or_real():
    changed = forecast(TCN_lo_95=-0.5)
    wide = {"gates": {"max_multiple": 20}}
    below = history_of()
    below.loc[0, "y"] = -1.0
    assert failing_series(changed, below, job_of(**wide)) == {}
    assert failing_series(changed, history_of(), job_of(model={"target": "real"}, **wide)) == {}


@pytest.mark.parametrize("level", [0.0, 1e-9, 5.0, 1e9])
def test_constant_series_may_move_a_little(level):
    history = history_of()
    history.loc[history["unique_id"] == "s1", "y"] = level
    made = forecast()
    of_s1 = made["unique_id"] == "s1"
    for name in [name for name in made.columns if name.startswith("TCN")]:
        made.loc[of_s1, name] = level * (1.2 if "hi" in name else 1.0) + (1.0 if level == 0 else 0.0)
    assert failing_series(made, history, job_of()) == {}
    made.loc[of_s1, "TCN-hi-95"] = level * 2 + 1000.0
    assert [*failing_series(made, history, job_of())] == ["s1"]


def test_short_and_unknown_series_are_not_held_to_a_range_they_have_not_shown():
    history = history_of()
    few = history[(history["unique_id"] != "s1") | (history["ds"] < DAYS[2])]
    assert failing_series(forecast(TCN_hi_95=300.0), few, job_of()) == {}
    none = history[history["unique_id"] != "s1"]
    assert failing_series(forecast(TCN_hi_95=1e9), none, job_of()) == {}
    assert [*failing_series(forecast(TCN=np.nan), none, job_of())] == ["s1"]


def test_order_of_rows_and_types_of_ids_do_not_matter():
    made, history = forecast(TCN_hi_95=1e6), history_of()
    expected = failing_series(made, history, job_of())
    assert [*expected] == ["s1"]
    shuffled = failing_series(made, history.sample(frac=1, random_state=0), job_of())
    assert shuffled == expected
    as_category = history.assign(unique_id=history["unique_id"].astype("category"))
    assert failing_series(made, as_category, job_of()) == expected
    numbers = {"s0": 10, "s1": 11, "s2": 12}
    by_number = [frame.assign(unique_id=frame["unique_id"].map(numbers)) for frame in (made, history)]
    assert [*failing_series(*by_number, job_of())] == [11]
