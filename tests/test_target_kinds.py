"""Values of any kind, none below zero, and counts."""

import numpy as np
import pytest
from small_forecasters import UNTRAINED, frame_of, weekly

from pipelines import ConfigError, Forecaster, Panel, PanelError
from pipelines.panel import check_target, kind_of_target

COUNTS = np.random.default_rng(0).poisson(2.0, 60).astype(float)


def test_kinds_are_recognized():
    assert [kind_of_target(np.array(y)) for y in ([], [np.nan], [0.0, 3.0], [0.5], [0.5, -1.0], [-1.0])] == [
        "count", "count", "count", "nonnegative", "real", "real",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "value", "message"),
    [
        ({"target": "nonnegative"}, -0.5, "not be below 0 with target='nonnegative'. Received: -0.5"),
        ({"target": "count"}, 2.5, "be whole numbers from 0 on with target='count'. Received: 2.5"),
        ({"target": "count"}, -2.0, "be whole numbers from 0 on with target='count'. Received: -2"),
        ({"head": "hurdle"}, -3.0, "not be below 0 with head='hurdle'. Received: -3"),
    ],
)
def test_values_of_another_kind_are_named(settings, value, message):
    wrong = COUNTS.copy()
    wrong[[7, 9]] = value
    frame = frame_of({"a": COUNTS, "b": wrong})
    with pytest.raises(PanelError) as caught:
        Forecaster(**UNTRAINED, **settings).fit(frame)
    assert message in str(caught.value)
    assert "in series 'b' at 2024-01-08 00:00:00 and 1 more" in str(caught.value)
    fitted = Forecaster(**UNTRAINED, **settings).fit(frame_of({"a": COUNTS}))
    with pytest.raises(PanelError, match="series 'b'"):
        fitted.predict(frame)


def test_other_kinds_ask_for_nothing():
    panel = Panel.from_frame(frame_of({"a": weekly(30) - 50}))
    for kind in ("real", "auto"):
        check_target(panel, kind, "")


def test_there_is_no_other_kind():
    with pytest.raises(ConfigError, match="'target'"):
        Forecaster(horizon=3, target="integer")


def test_forecasts_are_of_the_kind():
    falling = frame_of({"a": np.r_[COUNTS + 20, np.linspace(20, 0, 21)].round()})
    columns = ["TCN", "TCN-lo-80", "TCN-hi-80", "TCN-lo-95", "TCN-hi-95"]
    fitted = {kind: Forecaster(**UNTRAINED, target=kind).fit(falling) for kind in ("real", "auto", "count")}
    made = {kind: forecaster.predict()[columns] for kind, forecaster in fitted.items()}
    assert (made["real"] < 0).any(axis=None)
    np.testing.assert_array_equal(made["auto"], np.maximum(made["real"], 0.0))
    np.testing.assert_array_equal(made["count"], made["auto"].round())
    assert (made["count"] != made["auto"]).any(axis=None)
    paths = fitted["count"].sample_paths(20)["TCN"]
    np.testing.assert_array_equal(paths, fitted["auto"].sample_paths(20)["TCN"].round())


def test_the_kind_is_kept_in_a_bundle(tmp_path):
    frame = frame_of({"a": COUNTS})
    saved = Forecaster(**UNTRAINED, target="count", head="hurdle").fit(frame)
    saved.save(tmp_path / "bundle", onnx=False)
    loaded = Forecaster.load(tmp_path / "bundle")
    assert (loaded.target, loaded.head) == ("count", "hurdle")
    np.testing.assert_array_equal(loaded.predict()["TCN"], saved.predict()["TCN"])
