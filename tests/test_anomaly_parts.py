"""The arithmetic of anomalies: stretches, chances, intervals and their scores, each against an oracle."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.anomaly import (
    false_discovery_cut,
    join_near,
    overlap,
    score_intervals,
    suppress_overlaps,
)
from pipelines.anomaly.blocks import Blocks
from pipelines.anomaly.judging import Judge
from pipelines.anomaly.rates import alpha_of, false_alarms_of
from pipelines.anomaly.reference import Reference, chances, outlying
from pipelines.anomaly.residuals import Forecasts
from pipelines.anomaly.track import Track
from pipelines.anomaly.windows import feature_lengths, window_features, window_lengths
from pipelines.errors import ConfigError, PanelError
from pipelines.normal import ndtri

intervals = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=12,
)
PROBABILITIES = (0.01, 0.1, 0.5, 0.9, 0.99)
HORIZON = 6


def ends(pairs):
    first, last = (np.array([pair[k] for pair in pairs], np.int64) for k in (0, 1))
    return first, last


def rows(pair):
    return set(range(pair[0], pair[1] + 1))


@given(intervals, intervals)
def test_overlap_is_intersection_over_union_of_rows(ours, theirs):
    found = overlap(*ends(ours), *ends(theirs))
    assert found.shape == (len(ours), len(theirs))
    for i, a in enumerate(ours):
        for j, b in enumerate(theirs):
            assert found[i, j] == pytest.approx(len(rows(a) & rows(b)) / len(rows(a) | rows(b)))


@given(intervals, st.sampled_from([0.0, 0.3, 0.5]), st.data())
def test_what_is_suppressed_overlaps_something_stronger_that_is_kept(pairs, iou, data):
    evidence = np.array(data.draw(st.permutations(range(len(pairs)))), float)
    kept = suppress_overlaps(*ends(pairs), evidence, iou)
    shared = overlap(*ends(pairs), *ends(pairs))
    assert evidence[kept].tolist() == sorted(evidence[kept], reverse=True)
    for i in kept:
        assert all(shared[i, j] <= iou for j in kept if j != i)
    for i in set(range(len(pairs))) - {*kept.tolist()}:
        assert any(shared[i, j] > iou and evidence[j] > evidence[i] for j in kept)


@given(intervals, st.integers(0, 3))
def test_near_intervals_are_joined(pairs, gap):
    first, last = join_near(*ends(pairs), gap)
    covered = set().union(*map(rows, pairs))
    filled = {t for t in range(60) if t in covered or _in_hole(t, covered, gap)}
    assert set().union(*map(rows, zip(first.tolist(), last.tolist(), strict=True))) == filled
    assert (first[1:] - last[:-1] - 1 > gap).all()


def _in_hole(t, covered, gap):
    """Whether a row lies between covered ones with at most so many rows between them."""
    before = max((s for s in covered if s < t), default=None)
    after = min((s for s in covered if s > t), default=None)
    return before is not None and after is not None and after - before - 1 <= gap


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=20), st.sampled_from([0.05, 0.2, 0.5]))
def test_the_cut_is_the_largest_p_value_below_the_line(p_values, rate):
    p = sorted(p_values)
    passed = [value for k, value in enumerate(p, 1) if value <= rate * k / len(p) + 1e-12]
    assert false_discovery_cut(np.array(p_values), rate) == pytest.approx(max(passed, default=0.0))


def test_cuts_are_found_for_each_block_and_ignore_what_was_not_tested():
    p = np.array([[0.01, np.nan], [0.5, 0.02], [np.nan, np.nan]])
    assert false_discovery_cut(p, 0.05).tolist() == [0.01, 0.02]


@given(intervals, intervals, st.sampled_from([0.0, 0.25, 0.5]))
def test_scores_of_intervals_count_rows_that_are_shared(found, events, min_iou):
    scores = score_intervals(frame_of(found), frame_of(events), freq=1, min_iou=min_iou)

    def best(pair, others):
        return max((len(rows(pair) & rows(b)) / len(rows(pair) | rows(b)) for b in others), default=0.0)

    true = [pair for pair in found if best(pair, events) > 0 and best(pair, events) >= min_iou]
    detected = [best(pair, found) for pair in events if best(pair, found) > 0]
    detected = [share for share in detected if share >= min_iou]
    assert (scores.found, scores.events) == (len(found), len(events))
    assert (scores.true, scores.detected) == (len(true), len(detected))
    assert scores.false_alarms == len(found) - len(true)
    if events and detected:
        assert scores.mean_iou == pytest.approx(np.mean(detected))
        harmonic = 2 / (1 / scores.precision + 1 / scores.recall)
        assert scores.f1 == pytest.approx(harmonic)


def frame_of(pairs, name="A"):
    return pd.DataFrame(
        {"unique_id": name, "start": [p[0] for p in pairs], "end": [p[1] for p in pairs]}
    ).astype({"start": "int64", "end": "int64"})


def test_intervals_of_other_series_are_no_hits_and_stamps_lie_on_the_grid():
    day = pd.DataFrame({"unique_id": ["A"], "start": ["2024-01-02"], "end": ["2024-01-02 23:00"]})
    hour = day.assign(start="2024-01-02 05:00", end="2024-01-02 06:59")
    assert score_intervals(hour, day, freq="h").mean_iou == pytest.approx(2 / 24)
    assert score_intervals(hour.assign(unique_id="B"), day, freq="h").false_alarms == 1
    aware = day.assign(start=pd.to_datetime(day["start"]).dt.tz_localize("Europe/Berlin"))
    aware = aware.assign(end=pd.to_datetime(day["end"]).dt.tz_localize("Europe/Berlin"))
    assert score_intervals(aware, aware, freq="h").f1 == 1.0


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            frame_of([(3, 1)]),
            "must not end before it starts. Received: start=3 and end=1 in row 0 of 'found'",
        ),
        (frame_of([(3, 4)]).drop(columns="end"), "must have the columns 'unique_id', 'start' and 'end'"),
    ],
)
def test_frames_that_hold_no_intervals_are_refused(found, words):
    with pytest.raises(PanelError, match=words):
        score_intervals(found, frame_of([(0, 1)]), freq=1)
    with pytest.raises(ConfigError, match="min_iou must be from 0 to 1"):
        score_intervals(frame_of([]), frame_of([]), freq=1, min_iou=2)


def test_features_are_means_over_stretches_of_the_forecast_from_before_them():
    rng = np.random.default_rng(0)
    residuals = rng.normal(size=(20, HORIZON))
    residuals[rng.random(residuals.shape) < 0.2] = np.nan
    features, lengths = window_features(residuals), feature_lengths(HORIZON)
    assert window_lengths(HORIZON) == (1, 2, 4, 6)
    assert lengths.tolist() == [1, 2, 4, 6, 2, 4, 6]
    for row in range(20):
        for place, length in enumerate(lengths):
            own = residuals[row - length + 1, :length] if row >= length - 1 else np.full(length, np.nan)
            if np.isnan(own[-1]) or 2 * np.isfinite(own).sum() < length:
                assert np.isnan(features[row, place])
            else:
                mean = abs(np.nanmean(own)) if place < 4 else np.nanmean(abs(own))
                assert features[row, place] == pytest.approx(mean)


def test_chances_are_ranks_among_usual_blocks():
    rng = np.random.default_rng(1)
    usual, scores = rng.normal(size=30), rng.normal(size=8)
    expected = [(1 + sum(other >= score for other in usual)) / 31 for score in scores]
    assert chances(usual, scores, 0.05).tolist() == pytest.approx(expected)


def test_chances_beyond_the_blocks_fall_off_and_stay_in_order():
    usual = np.sort(np.random.default_rng(2).exponential(size=20))
    scores = np.linspace(-1, 12, 60)
    found = chances(usual, scores, alpha=0.001)
    assert (np.diff(found) <= 1e-12).all()
    assert found[-1] < 0.001 < chances(usual, scores, alpha=0.1)[-1]


def test_chances_of_equal_blocks_hold_for_new_ones():
    """Whatever the distribution: of a hundred new blocks, five have p-values up to 0.05."""
    rng = np.random.default_rng(3)
    drawn = rng.standard_cauchy((4000, 40))
    p = np.array([chances(each[1:], each[:1], 0.05)[0] for each in drawn])
    assert (p <= 0.05).mean() == pytest.approx(2 / 40, abs=0.01)


def test_blocks_far_beyond_the_others_are_left_out_of_the_reference():
    rng = np.random.default_rng(4)
    clean = rng.gumbel(size=(100, 3))
    dirty = clean.copy()
    dirty[:15] += 40
    one, other = (Reference.fit([Blocks(each, each / 3, ("A",) * 100)]) for each in (clean, dirty))
    assert (one.left_out, other.left_out) == (0, 15)
    assert np.quantile(other.maxima, 0.95) < 2 * np.quantile(one.maxima, 0.95)
    assert not outlying(np.array([one.maxima.max()]), one.maxima)


def test_a_reference_needs_blocks():
    few = Blocks(np.ones((7, 3)), np.ones((7, 3)), ("A",) * 7)
    with pytest.raises(PanelError, match=r"needs 8 stretches .* Received: 7"):
        Reference.fit([few])


def test_series_with_blocks_enough_are_compared_with_their_own():
    blocks = [
        Blocks(np.full((30, 1), 1.0) + np.arange(30)[:, None], np.ones((30, 1)), ("A",) * 30),
        Blocks(np.full((3, 1), 9.0), np.ones((3, 1)), ("B",) * 3),
    ]
    reference = Reference.fit(blocks)
    assert len(reference.usual("A", 0.05)) == 30
    assert len(reference.usual("B", 0.05)) == len(reference.usual("C", 0.05)) == 33
    assert len(reference.usual("A", 0.01)) == len(reference.usual("A", 0.05, pooled=True)) == 33


def test_blocks_are_those_of_time_and_must_be_judged():
    values = np.arange(12.0)[:, None]
    values[8:] = np.nan
    blocks = Blocks.of(values, np.array([4, 4, *[5] * 4, *[6] * 6]), 4, "A")
    assert blocks.largest.ravel().tolist() == [1.0, 5.0, 7.0]
    assert blocks.mean.ravel().tolist() == [0.5, 3.5, 6.5]


def normal_track(values, alpha=0.05):
    """A track of a forecaster that says each row is standard normal, and all that it judged."""
    rng = np.random.default_rng(9)
    usual = rng.normal(size=100 * HORIZON)
    reference = Reference.fit(
        [Blocks.of(window_features(_forecasts(usual).residuals(usual)), _numbers(usual), HORIZON, "A")]
    )
    judge = Judge(reference, feature_lengths(HORIZON), alpha, alpha, gap=0)
    track = Track("A", 0, 0, judge, PROBABILITIES)
    while track.next < len(values):
        track.extend(_forecasts(values[track.next :]), values)
    return track


def _forecasts(values):
    quantiles = np.tile(ndtri(np.array(PROBABILITIES)), (len(values), HORIZON, 1))
    return Forecasts(quantiles, np.full(len(values), -np.inf), PROBABILITIES)


def _numbers(values):
    return np.arange(len(values)) // HORIZON


def test_alarms_come_as_often_as_was_asked_for_and_anomalies_are_found_where_they_are():
    rng = np.random.default_rng(5)
    values = rng.normal(size=600 * HORIZON)
    found = normal_track(values).found(values)
    assert 0.6 * 30 < len(found) < 1.4 * 30
    places = np.arange(40, 3500, 400)
    for place in places:
        values[place : place + 4] -= 12
    found = normal_track(values, alpha=0.01).found(values)
    for place in places:
        own = [each for each in found if each.first <= place + 3 and each.last >= place]
        assert [(each.first, each.last, each.direction) for each in own] == [(place, place + 3, "low")]
        assert own[0].observed == pytest.approx(values[place : place + 4].mean())
        assert own[0].expected == 0.0
        assert values[own[0].peak] == values[place : place + 4].min()


def test_what_is_usual_follows_a_series_that_grows_wilder():
    rng = np.random.default_rng(6)
    values = rng.normal(size=400 * HORIZON) * np.linspace(1, 2, 400 * HORIZON)
    late = [each for each in normal_track(values).found(values) if each.first > 200 * HORIZON]
    assert len(late) < 4 * 0.05 * 200  # all blocks would be unusual beside those of the calibration


def test_a_level_that_stays_is_shown_to_forecasts_after_three_blocks():
    values = np.random.default_rng(7).normal(size=20 * HORIZON)
    values[5 * HORIZON :] += 30
    track = normal_track(values, alpha=0.02)
    shown = {row // HORIZON for first, hidden in track.shown for row in range(first, first + len(hidden))}
    assert shown == set()
    track = normal_track(values[: 8 * HORIZON], alpha=0.02)
    shown = {row // HORIZON for first, hidden in track.shown for row in range(first, first + len(hidden))}
    assert shown == {5, 6, 7}
    assert all(abs(hidden).max() == 0 for _, hidden in track.shown)


def test_closing_keeps_what_was_found_and_little_else():
    values = np.random.default_rng(8).normal(size=100 * HORIZON)
    values[200:204] += 15
    values[-2:] -= 15
    whole = normal_track(values, alpha=0.01)
    track = normal_track(values[:150], alpha=0.01)
    for end in range(151, len(values) + 1):
        track.extend(_forecasts(values[track.next : end]), values[:end])
        if track.next < end:
            track.extend(_forecasts(values[track.next : end]), values[:end])
        track.close(values[:end])
    assert [*track.closed, *track.found(values)] == whole.found(values)
    assert len(track.row_p_values) <= 2 * HORIZON


@pytest.mark.parametrize(
    ("freq", "block", "false_alarms"),
    [("h", 24, 12), ("D", 7, 2), ("B", 5, 4), ("MS", 12, 0.1), ("30min", 48, 1)],
)
def test_false_alarms_a_year_and_chances_of_blocks_say_the_same(freq, block, false_alarms):
    alpha = alpha_of(false_alarms, freq, block)
    assert false_alarms_of(alpha, freq, block) == pytest.approx(false_alarms)
    year = pd.date_range("2001-01-01", "2200-12-31", freq="D" if freq in ("h", "30min") else freq)
    steps = len(year) / 200 * {"h": 24, "30min": 48}.get(freq, 1)
    assert alpha == pytest.approx(false_alarms * block / steps, rel=0.01)


@pytest.mark.parametrize(("false_alarms", "freq"), [(0, "h"), (-1, "h"), (300, "h"), (1, 1)])
def test_false_alarms_that_no_block_can_have_are_refused(false_alarms, freq):
    with pytest.raises(ConfigError, match="alse"):
        alpha_of(false_alarms, freq, 24)
