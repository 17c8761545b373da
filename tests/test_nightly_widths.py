"""Recalibration of intervals on simulated nights, whose true coverage is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nightly_cases import DAYS, job_of
from scipy.stats import norm

from pipelines.nightly.widths import apply_widths, widths_of

SERIES, HORIZON = 20, 7
JOB = job_of()
KEPT = JOB.watch.nights
NORMAL = {80: 1.2816, 95: 1.96}


def stream(spread, n_nights=60, seed=0):
    """Actual values of a standard deviation of 10 and nightly intervals for one of ``spread(night)``."""
    rng, ids = np.random.default_rng(seed), [f"s{i:02}" for i in range(SERIES)]
    n_days = 60 + n_nights + HORIZON
    values = pd.DataFrame(rng.normal(100, 10, (n_days, SERIES)), index=DAYS[:n_days], columns=ids)
    actuals = values.stack().rename_axis(["ds", "unique_id"]).rename("y").reset_index()
    nights = []
    for night in range(n_nights):
        cutoff = DAYS[59 + night]
        frame = pd.DataFrame(
            {
                "unique_id": np.repeat(ids, HORIZON),
                "ds": np.tile(pd.date_range(cutoff + pd.Timedelta(days=1), periods=HORIZON), SERIES),
                "cutoff": cutoff,
                "TCN": 100.0,
                "model": "TCN v1",
            }
        )
        for level, normal in NORMAL.items():
            frame[f"raw-TCN-lo-{level}"] = frame[f"TCN-lo-{level}"] = 100 - normal * spread(night)
            frame[f"raw-TCN-hi-{level}"] = frame[f"TCN-hi-{level}"] = 100 + normal * spread(night)
        nights.append((cutoff, frame))
    return nights, actuals


def replay(nights, actuals, at, job=JOB):
    """Widths of some nights from what was known then, and the coverage that they have had in the mean."""
    widths, inside = [], []
    for number in at:
        cutoff, frame = nights[number]
        before = nights[max(number - KEPT, 0) : number]
        found = widths_of(before, actuals[actuals["ds"] <= cutoff], job)
        wide = apply_widths(frame, found, job).merge(actuals, on=["unique_id", "ds"])
        widths.append(found)
        inside.append([wide["y"].between(wide[f"TCN-lo-{x}"], wide[f"TCN-hi-{x}"]).mean() for x in NORMAL])
    return pd.DataFrame(widths), dict(zip(NORMAL, np.mean(inside, axis=0), strict=True))


@pytest.mark.parametrize("spread", [5.0, 10.0, 20.0])
def test_coverage_comes_back_to_its_promise_and_stays(spread):
    nights, actuals = stream(lambda night: spread)
    assert widths_of([], actuals, JOB) == dict.fromkeys(NORMAL, 1.0)
    widths, coverage = replay(nights, actuals, range(20, 60, 4))
    for level in NORMAL:
        assert coverage[level] == pytest.approx(level / 100, abs=0.02)
        np.testing.assert_allclose(widths[level], 10 / spread, rtol=0.15)


def change(night):
    """From night 20 on, intervals are a third as wide as they should be."""
    return 10.0 if night < 20 else 10.0 / 3


def test_coverage_follows_a_change():
    nights, actuals = stream(change, n_nights=70)
    assert replay(nights, actuals, [14, 16, 18])[1][80] == pytest.approx(0.8, abs=0.04)
    assert replay(nights, actuals, [20, 22])[1][80] < 0.5
    assert replay(nights, actuals, range(50, 70, 3))[1][80] == pytest.approx(0.8, abs=0.03)


def test_the_step_size_hastens_the_return():
    nights, actuals = stream(change, n_nights=40)
    slow, fast = (
        replay(nights, actuals, [26, 30, 34], job_of(watch={"rate": rate}))[1][80] for rate in (0.001, 0.2)
    )
    assert slow + 0.02 < fast


def test_one_night_moves_a_factor_by_little():
    nights, actuals = stream(lambda night: 1.0, n_nights=4)
    for known in (1, 2, 3):
        found = widths_of(nights[:known], actuals[actuals["ds"] <= nights[known][0]], JOB)
        assert found == pytest.approx(dict.fromkeys(NORMAL, 1.15**known))


def test_widths_follow_from_the_nights_alone():
    nights, actuals = stream(lambda night: 5.0, n_nights=30)
    found, rng = widths_of(nights, actuals, JOB), np.random.default_rng(0)
    mixed = [(cutoff, frame.sample(frac=1, random_state=rng)) for cutoff, frame in reversed(nights)]
    assert widths_of(mixed, actuals.sample(frac=1, random_state=rng), JOB) == found
    published = [(cutoff, frame.assign(**{"TCN-lo-80": -1e9, "TCN-hi-80": 1e9})) for cutoff, frame in nights]
    assert widths_of(published, actuals, JOB) == found


def test_rows_that_no_factor_could_move_say_nothing():
    nights, actuals = stream(lambda night: 5.0, n_nights=30)
    expected, half = widths_of(nights, actuals, JOB), {f"s{i:02}" for i in range(0, SERIES, 2)}
    rest = [(cutoff, frame[~frame["unique_id"].isin(half)]) for cutoff, frame in nights]
    without = widths_of(rest, actuals, JOB)
    assert without != expected
    naive = [
        (cutoff, frame.assign(model=frame["model"].where(~frame["unique_id"].isin(half), "SeasonalNaive")))
        for cutoff, frame in nights
    ]
    assert widths_of(naive, actuals, JOB) == without
    flat = [
        (cutoff, frame.assign(**{
            name: frame[name].where(~frame["unique_id"].isin(half), frame["TCN"])
            for name in frame.columns if name.startswith("raw-")
        }))
        for cutoff, frame in nights
    ]  # fmt: skip
    assert widths_of(flat, actuals, JOB) == without


def test_the_value_of_half_outside_is_found_by_hand():
    """One value a night, outside by a known factor each time: the quantile of the pool, bounded."""
    nights, actuals = stream(lambda night: 10.0, n_nights=30)
    single = [(cutoff, frame[(frame["unique_id"] == "s00")].iloc[:1]) for cutoff, frame in nights]
    at = actuals["unique_id"] == "s00"
    actuals = actuals[at].assign(y=100 + 12.816 * 1.7)
    found = widths_of(single, actuals, job_of(levels=(80,)))
    assert found[80.0] == pytest.approx(1.7, rel=0.006)


@settings(max_examples=60, deadline=None)
@given(
    factors=st.tuples(*[st.floats(0.25, 4.0)] * 2),
    middle=st.floats(-1e6, 1e6),
    reach=st.tuples(*[st.floats(0, 1e6)] * 4),
)
def test_intervals_are_never_crossed_and_the_forecast_stays(factors, middle, reach):
    inner = dict(zip(("lo", "hi"), reach[:2], strict=True))
    frame = pd.DataFrame(
        {
            "TCN": [middle],
            "TCN-lo-80": [middle - inner["lo"]],
            "TCN-hi-80": [middle + inner["hi"]],
            "TCN-lo-95": [middle - inner["lo"] - reach[2]],
            "TCN-hi-95": [middle + inner["hi"] + reach[3]],
        }
    )
    before = frame.copy()
    wide = apply_widths(frame, dict(zip((80.0, 95.0), factors, strict=True)), JOB)
    ordered = wide[["TCN-lo-95", "TCN-lo-80", "TCN", "TCN-hi-80", "TCN-hi-95"]].to_numpy()
    assert (np.diff(ordered) >= 0).all()
    assert wide["TCN"].equals(frame["TCN"])
    assert frame.equals(before)
    if before.to_numpy().min() >= 0:
        assert wide.to_numpy().min() >= 0


def test_factors_of_one_change_nothing():
    frame = stream(lambda night: 10.0, n_nights=1)[0][0][1]
    assert apply_widths(frame, {}, JOB) is frame
    assert apply_widths(frame, {80.0: 1.0, 95.0: 1.0}, JOB) is frame
    only = apply_widths(frame, {80.0: 1.2}, JOB)
    assert only["TCN-hi-80"].iloc[0] == pytest.approx(100 + 1.2 * 12.816)
    assert only["TCN-hi-95"].iloc[0] == pytest.approx(119.6)


def test_a_real_target_may_have_negative_bounds():
    frame = pd.DataFrame({"TCN": [1.0], "TCN-lo-80": [0.5], "TCN-hi-80": [2.0]})
    for target, least in (("real", -1.0), ("auto", 0.0), ("count", 0.0)):
        job = job_of(levels=(80,), model={"target": target})
        assert apply_widths(frame, {80.0: 4.0}, job)["TCN-lo-80"].iloc[0] == least


def test_asymmetric_intervals_keep_their_shape():
    frame = pd.DataFrame({"TCN": [10.0], "TCN-lo-80": [9.0], "TCN-hi-80": [14.0]})
    wide = apply_widths(frame, {80.0: 0.5}, job_of(levels=(80,)))
    assert wide.to_numpy().tolist() == [[10.0, 9.5, 12.0]]
    assert norm.ppf(0.9) == pytest.approx(NORMAL[80], abs=1e-4)
