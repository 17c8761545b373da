"""Alarms: raised by what is wrong, by nothing else, and not before there is evidence."""

import numpy as np
import pytest
from nightly_cases import DAYS, forecasts_of, history_of, job_of

from pipelines.nightly.alarms import alarms_of
from pipelines.nightly.scoring import score_nights

HISTORY = history_of(n_series=4, n_rows=130)


def alarms(change=lambda frame: frame, job=None, first=99, history=HISTORY):
    nights = [(cutoff, change(forecasts_of(history, cutoff))) for cutoff in DAYS[first:129]]
    return alarms_of(score_nights(nights, history, job or job_of()), job or job_of())


def test_a_good_forecast_raises_none():
    assert alarms() == []


def test_an_error_above_that_of_seasonal_naive_raises_one():
    (found,) = alarms(
        lambda frame: frame.assign(**{name: frame[name] + 5 for name in frame if name.startswith("TCN")}),
        job_of(watch={"coverage_gap": 1.0}),
    )
    assert (found.check, found.severity, found.limit) == ("error", "warn", 1.0)
    assert found.message.startswith("Over 30 nights the mean absolute error must be at most 1 times that")
    assert found.value > 1
    lenient = job_of(watch={"coverage_gap": 1.0, "max_loss": found.value + 0.01})
    assert alarms(lambda frame: frame.assign(TCN=frame["TCN"] + 5), lenient) == []


def test_seasonal_naive_itself_raises_none():
    job = job_of()

    def fall_back(frame):
        own = [name for name in frame if name.startswith("SeasonalNaive")]
        return frame.assign(**{name.replace("SeasonalNaive", "TCN"): frame[name] for name in own})

    assert alarms(fall_back, job) == []


@pytest.mark.parametrize(("factor", "levels", "word"), [(0.3, [80, 95], "narrow"), (9, [80], "wide")])
def test_intervals_that_break_their_promise_raise_one_each(factor, levels, word):
    def change(frame):
        return frame.assign(**{
            name: frame["TCN"] + factor * (frame[name] - frame["TCN"])
            for name in frame if name.startswith("TCN-")
        })  # fmt: skip

    found = alarms(change)
    assert [finding.check for finding in found] == ["coverage"] * len(levels)
    for level, finding in zip(levels, found, strict=True):
        assert f"intervals of {level} %" in finding.message
        assert f"too {word}" in finding.message
        assert finding.value > finding.limit == 0.15


def test_zeros_that_are_the_lower_bound_do_not_make_an_interval_too_wide():
    history = history_of(n_series=4, n_rows=130)
    history["y"] = np.where(np.arange(len(history)) % 10 < 9, 0.0, 1.0)

    def change(frame):
        bounds = {name: 0.0 if "-lo-" in name else 2.0 for name in frame if name.startswith("TCN-")}
        return frame.assign(TCN=0.0, **bounds)

    assert alarms(change, history=history) == []
    widened = alarms(lambda frame: change(frame).assign(**{"TCN-lo-80": -1.0}), history=history)
    assert [finding.check for finding in widened] == ["coverage"]


def test_few_nights_or_values_are_no_evidence():
    def worse(frame):
        return frame.assign(TCN=frame["TCN"] + 50)

    assert [finding.check for finding in alarms(worse, first=122)] == ["error"]
    assert alarms(worse, first=123) == []
    assert alarms(worse, job_of(watch={"nights": 3}), first=123) != []
    of_one = HISTORY[HISTORY["unique_id"] == "s0"]
    assert alarms(worse, first=122, history=of_one) == []
    assert alarms_of(score_nights([], HISTORY, job_of()), job_of()) == []
