"""Detectors: what they find, what moves it and what does not, row by row or all at once."""

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest
from served_bundles import echo_forecaster
from small_forecasters import START, UNTRAINED, fitted, frame_of, weekly
from weekly_network import weekly_forecaster

from pipelines import Covariates, Forecaster
from pipelines.anomaly import Detection, Detector, detect
from pipelines.errors import BundleError, ConfigError, NotFittedError, PanelError

pytestmark = pytest.mark.usefixtures("eagerly")

COLUMNS = ["unique_id", "start", "end", "score", "p_value", "direction", "expected", "observed", "peak"]
ROWS, CALIBRATED = 400, 300
OUTAGE = slice(350, 355)


def usual():
    """Two series of the fit of the small forecasters, long after its end."""
    return {"a": weekly(ROWS, 1), "b": 10 * weekly(ROWS, 2)}


@cache
def forecaster():
    """One that has learned the first hundred rows."""
    return weekly_forecaster(cut(frame_of(usual()), 100))


def calibrated(of=None, **limits):
    return Detector(of or forecaster(), **limits).calibrate(cut(frame_of(usual())))


def cut(frame, rows=CALIBRATED):
    return frame[frame["ds"] < pd.Timestamp(START) + pd.Timedelta(days=rows)]


def with_outage(series="a", by=-40.0):
    values = usual()
    values[series] = values[series].copy()
    values[series][OUTAGE] += by
    return frame_of(values)


def day(row):
    return pd.Timestamp(START) + pd.Timedelta(days=row)


def test_an_outage_is_found_where_it_is():
    found = calibrated().detect(with_outage())
    assert list(found.columns) == COLUMNS
    own = found[found["unique_id"] == "a"].sort_values("score").iloc[-1]
    assert day(348) <= own["start"] <= day(350)
    assert day(354) <= own["end"] <= day(358)
    assert own["direction"] == "low"
    assert own["observed"] < own["expected"] - 20
    assert day(350) <= own["peak"] < day(355)
    assert (found["p_value"] <= 0.02).all()


def test_nothing_after_a_row_moves_what_is_said_of_it():
    detector = calibrated()
    one, other = (
        detector.search(frame).rows.set_index(["unique_id", "ds"])[["score", "p_value"]]
        for frame in (frame_of(usual()), with_outage())
    )
    before = one.index.get_level_values("ds") < day(350)
    pd.testing.assert_frame_equal(one[before], other[before], rtol=1e-5)
    assert not np.allclose(one[~before], other[~before])


def test_series_are_judged_apart_and_in_any_order():
    detector = calibrated()
    whole = detector.detect(with_outage())
    alone = detector.detect(with_outage().query("unique_id == 'a'"))
    pd.testing.assert_frame_equal(whole[whole["unique_id"] == "a"], alone, rtol=1e-5)
    shuffled = detector.detect(with_outage().sample(frac=1.0, random_state=0))
    pd.testing.assert_frame_equal(shuffled, whole)


@pytest.mark.parametrize("seed", range(4))
def test_row_by_row_the_same_is_said_as_of_all_rows_at_once(seed):
    check_stream(forecaster(), seed)


def test_row_by_row_a_network_of_keras_says_the_same():
    check_stream(fitted(), 0, most=40)


def check_stream(forecaster, seed, most=1):
    frame = with_outage("b", by=300.0)
    frame.loc[(frame["unique_id"] == "a") & (frame["ds"] == day(330)), "y"] = np.nan
    detector = calibrated(forecaster, alpha=0.05)
    whole = detector.search(frame)
    stream = detector.stream(cut(frame, 310))
    rng = np.random.default_rng(seed)
    parts, known = [], {name: 310 for name in "ab"}
    while min(known.values()) < ROWS:
        pieces = []
        for name in known:
            own = frame[frame["unique_id"] == name]
            count = int(rng.choice([0, 1, 1, 2, 9]) * most)
            pieces.append(own.iloc[known[name] : known[name] + count])
            known[name] = min(known[name] + count, ROWS)
        if any(len(piece) for piece in pieces):
            parts.append(stream.update(pd.concat(pieces)))
    keys, facts = ["unique_id", "ds"], ["y", "score", "p_value"]
    one = pd.concat(parts).set_index(keys).sort_index()[facts]
    other = whole.rows[whole.rows["ds"] >= day(310)].set_index(keys)[facts]
    pd.testing.assert_frame_equal(one, other, rtol=1e-5, atol=1e-5)
    assert len(whole.anomalies)
    pd.testing.assert_frame_equal(stream.anomalies(), whole.anomalies, rtol=1e-5)


def test_a_stream_takes_new_series_and_later_rows_only():
    stream = calibrated().stream(cut(frame_of(usual())))
    new = frame_of({"new": weekly(10, 7)}, start=day(CALIBRATED))
    assert stream.update(new)["ds"].min() == day(CALIBRATED + 7)
    with pytest.raises(
        PanelError, match=r"must come after those that are known. Received: ds=2024-01-01 .*'a'"
    ):
        stream.update(frame_of({"a": weekly(1)}))
    with pytest.raises(ConfigError, match="judges each series by itself"):
        calibrated(fdr=0.1).stream(frame_of(usual()))


def test_missing_values_are_no_anomalies_and_what_cannot_be_searched_is_named():
    values = usual()
    values["a"] = np.where((np.arange(ROWS) > 340) & (np.arange(ROWS) < 380), np.nan, values["a"])
    values |= {"constant": np.full(ROWS, 3.0), "nothing": np.full(ROWS, np.nan), "zero": np.zeros(5)}
    with pytest.warns(UserWarning, match="series 'constant', 'nothing', 'zero' could not be searched"):
        found = calibrated().detect(frame_of(values))
    gap = found[(found["start"] >= day(341)) & (found["end"] < day(380))]
    assert gap[gap["unique_id"] == "a"].empty
    rows = calibrated().search(frame_of(values))
    assert rows.skipped == ("constant", "nothing", "zero")
    assert rows.rows.loc[rows.rows["y"].isna(), "score"].isna().all()


@pytest.mark.parametrize(
    "values", [1e300 * weekly(ROWS, 1), 1e-300 * weekly(ROWS, 2), np.r_[np.zeros(350), weekly(50)]]
)
def test_strange_series_are_searched_all_the_same(values):
    detection = calibrated().search(frame_of({**usual(), "strange": values}))
    assert isinstance(detection, Detection)
    assert np.isfinite(detection.anomalies[["score", "p_value"]]).all(axis=None)


def test_anomalies_among_the_calibration_do_not_hide_others():
    frame = with_outage()
    for first in (150, 210, 285):
        frame.loc[(frame["unique_id"] == "a") & frame["ds"].between(day(first), day(first + 3)), "y"] += 60
    detector = Detector(forecaster()).calibrate(cut(frame))
    assert detector.reference_.left_out > 0
    found = detector.detect(frame).query("unique_id == 'a'")
    assert ((found["start"] <= day(352)) & (found["end"] >= day(352))).any()


def test_false_discoveries_are_limited_over_series():
    rng = np.random.default_rng(5)
    many = {f"s{i:02}": weekly(ROWS, 100 + i) for i in range(20)}
    many["s07"][OUTAGE] += 60 * np.sign(rng.normal())
    found = calibrated(fdr=0.1).detect(frame_of(many), start=day(340))
    assert "s07" in set(found["unique_id"])
    assert len(found) <= 4


def test_limits_say_the_same_in_two_units():
    one, other = calibrated(alpha=0.02), calibrated(false_alarms=0.02 * 365.25 / 4)
    assert other.alpha_ == pytest.approx(0.02)
    assert one.false_alarms_ == pytest.approx(0.02 * 365.25 / 4)
    pd.testing.assert_frame_equal(one.detect(with_outage()), other.detect(with_outage()))
    detection = one.search(with_outage())
    assert detection.expected_false_alarms == pytest.approx(0.02 * 200 / 4)


def test_start_chooses_what_is_searched():
    detector = calibrated()
    rows = detector.search(with_outage(), start="2024-12-01").rows
    assert rows["ds"].min() == pd.Timestamp("2024-12-01")
    with pytest.raises(ConfigError, match="start must be a stamp such as 2024-01-01"):
        detector.detect(with_outage(), start="soon")
    with pytest.raises(PanelError, match="A search needs rows after those of the calibration"):
        detector.detect(cut(with_outage()))


def test_a_detector_is_saved_and_loaded(tmp_path):
    detector = calibrated(alpha=0.05, gap=2)
    detector.save(tmp_path / "detector.json")
    loaded = Detector.load(tmp_path / "detector.json", forecaster())
    pd.testing.assert_frame_equal(loaded.detect(with_outage()), detector.detect(with_outage()))
    assert Detector.load(tmp_path / "detector.json", forecaster(), alpha=0.01).alpha_ == 0.01
    assert Detector.load(tmp_path / "detector.json", forecaster(), alpha=0.01).gap == 2
    other = weekly_forecaster(cut(frame_of(usual()), 99))
    with pytest.raises(BundleError, match="belongs to the forecaster that it was made with"):
        Detector.load(tmp_path / "detector.json", other)


@pytest.mark.parametrize(
    "change",
    [
        "",
        "{",
        lambda record: record.pop("reference"),
        lambda record: record["reference"].update(maxima=[1.0]),
    ],
)
def test_damaged_files_are_refused(tmp_path, change):
    path = tmp_path / "detector.json"
    calibrated().save(path)
    if callable(change):
        record = json.loads(path.read_text())
        change(record)
        change = json.dumps(record)
    path.write_text(change)
    with pytest.raises(BundleError, match=r"must be a file that Detector\.save has written"):
        Detector.load(path, forecaster())


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"alpha": 0}, "alpha must be a number above 0"),
        ({"alpha": True}, "alpha must be a number above 0"),
        ({"fdr": 2.0}, "fdr must be a number above 0"),
        ({"false_alarms": 1000}, "false_alarms must be above 0 and at most"),
        ({"alpha": 0.1, "fdr": 0.1}, "A detector has one limit"),
        ({"gap": -1}, "gap must be an integer"),
        ({"iou": 1.0}, "iou must be from 0 to below 1"),
    ],
)
def test_limits_that_mean_nothing_are_refused(limits, words):
    with pytest.raises(ConfigError, match=words):
        Detector(forecaster(), **limits)


def test_what_must_come_first():
    with pytest.raises(NotFittedError, match="must be fitted first"):
        Detector(Forecaster(horizon=4))
    with pytest.raises(NotFittedError, match="must be calibrated first"):
        Detector(forecaster()).detect(with_outage())
    with pytest.raises(
        PanelError, match="A calibration needs rows after those that the forecaster has learned"
    ):
        Detector(forecaster()).calibrate()
    with pytest.raises(PanelError, match="A calibration needs 8 stretches"):
        Detector(forecaster()).calibrate(cut(frame_of({"a": weekly(110, 1)}), 110))


def test_a_frame_is_searched_in_one_call():
    small = {name: value for name, value in UNTRAINED.items() if name != "horizon"}
    found = detect(with_outage(), horizon=4, **small)
    assert list(found.columns) == COLUMNS
    assert (found["start"] >= day(ROWS // 2)).all()
    with pytest.raises(PanelError, match="A search of a frame takes 48 rows at horizon 8"):
        detect(frame_of({"a": weekly(20)}), horizon=8)


def test_frames_come_back_as_they_came():
    polars = pytest.importorskip("polars")
    found = calibrated().detect(polars.from_pandas(with_outage()))
    assert found.schema["start"] == found.schema["peak"] == polars.from_pandas(with_outage()).schema["ds"]
    assert found.columns == COLUMNS


def test_covariates_and_series_that_see_each_other_are_searched_row_by_row():
    rng = np.random.default_rng(3)
    frame = frame_of({"a": rng.normal(size=160), "b": rng.normal(size=160)}).assign(load=rng.normal(size=320))
    static = pd.DataFrame({"unique_id": ["a", "b"], "kind": ["x", "y"]})
    covariates = Covariates(past=["load"], static=["kind"])
    known = frame["ds"] < day(60)
    for settings in ({"covariates": covariates}, {"multivariate": True}):
        constant = static if "covariates" in settings else None
        echo = echo_forecaster(frame[known], constant, horizon=3, **settings)
        detector = Detector(echo, alpha=0.1).calibrate(frame[frame["ds"] < day(120)], constant)
        whole = detector.search(frame, constant)
        stream = detector.stream(frame[frame["ds"] < day(130)], constant)
        for row in range(130, 160, 5):
            stream.update(frame[frame["ds"].between(day(row), day(row + 4))])
        pd.testing.assert_frame_equal(stream.anomalies(), whole.anomalies, rtol=1e-5)
        assert len(whole.rows) == 80


def test_the_runtime_without_keras_finds_the_same(tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    fitted().save(tmp_path / "bundle", onnx=True)
    quick = Forecaster.load(tmp_path / "bundle", runtime="onnx")
    detector = calibrated(fitted())
    detector.save(tmp_path / "detector.json")
    found = Detector.load(tmp_path / "detector.json", quick).search(with_outage())
    told = detector.search(with_outage())
    pd.testing.assert_frame_equal(found.anomalies, told.anomalies, rtol=1e-3)
    pd.testing.assert_frame_equal(found.rows, told.rows, rtol=1e-3, atol=1e-4)
