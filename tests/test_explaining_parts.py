"""Parts of the network sum to the forecast of ``predict`` to 1e-5, in units of the target."""

from itertools import product

import numpy as np
import pytest
from explaining_cases import scrambled
from small_forecasters import HORIZON, SMALL, UNTRAINED, fitted, frame_of, weekly

from pipelines import Forecaster, explain
from pipelines.explaining.parts import divided
from pipelines.explaining.subjects import choose_subjects

pytestmark = pytest.mark.usefixtures("eagerly")

FRAME = frame_of({"a": np.abs(weekly(60, 1)), "b": np.abs(weekly(50, 2, 400.0))})
# A hurdle forecasts how often values are 0, and is for values as they are.
EVERY = [
    *product(("tcn", "wavenet"), ("origin", "global", "mixed"), ("quantile", "normal", "laplace")),
    ("tcn", "origin", "hurdle"),
    ("wavenet", "origin", "hurdle"),
]


def check_parts(forecaster, quantile=0.5, frame=None):
    """Compare the parts of each series with its forecast; return those of the last one."""
    column = "TCN" if quantile == 0.5 else f"TCN-q-{quantile:g}"
    expected = forecaster.predict(frame, quantiles=[] if quantile == 0.5 else [quantile])[column]
    subjects, _ = choose_subjects(forecaster.fitted_, frame, None, None, None, None, quantile)
    for subject, forecast in zip(subjects, expected.to_numpy().reshape(-1, HORIZON), strict=True):
        given, parts = divided(subject)
        size = np.maximum(np.abs([*parts.values(), forecast]).max(axis=0), 1e-300)
        assert (np.abs(sum(parts.values()) - forecast) / size).max() < 1e-5
        np.testing.assert_allclose(given, forecast, rtol=1e-5, atol=1e-5 * size.max())
    return parts


@pytest.mark.parametrize(("architecture", "scaling", "head"), EVERY)
def test_parts_sum_to_the_forecast_of_every_kind_of_network(architecture, scaling, head):
    kind = {"architecture": architecture, "scaling": scaling, "head": head}
    parts = check_parts(scrambled(Forecaster(**UNTRAINED, **kind, target="real").fit(FRAME[:60])))
    assert {"level", "seasons", "look-back", "dilation 1", "dilation 2", "constant"} <= set(parts)
    assert ("newest step" in parts) == (architecture == "tcn")


@pytest.mark.parametrize("scaling", ["origin", "mixed"])
@pytest.mark.parametrize("transform", ["log", "box-cox", "asinh", "difference"])
def test_parts_sum_through_transforms(transform, scaling):
    parts = check_parts(scrambled(Forecaster(**UNTRAINED, transform=transform, scaling=scaling).fit(FRAME)))
    assert ("season before" in parts) == (transform == "difference")
    if transform == "difference":
        np.testing.assert_allclose(parts["season before"], FRAME["y"].iloc[-7:-3], rtol=1e-6)


@pytest.mark.parametrize("head", ["quantile", "hurdle"])
def test_parts_sum_to_other_quantiles(head):
    f = scrambled(Forecaster(**UNTRAINED, head=head, target="real").fit(FRAME))
    for quantile in (0.05, 0.9):
        check_parts(f, quantile)


def test_bounds_and_calibration_are_parts_of_their_own():
    rng = np.random.default_rng(0)
    frame = frame_of({"a": rng.poisson(0.3, 90), "b": rng.poisson(4.0, 90)})
    f = Forecaster(**SMALL, target="count").fit(frame[frame["ds"] < "2024-03-01"])
    parts = check_parts(f, frame=frame)
    assert np.abs(parts["bounds"]).max() <= 0.5  # of rounding
    assert "calibration" not in parts
    f.calibrate(frame)
    check_parts(f, frame=frame)
    assert "calibration" in check_parts(f, 0.9, frame)


def test_a_quantile_has_its_own_name():
    found = explain(fitted(), unique_id="e", quantile=0.9)
    total = found.parts.groupby("step")["value"].sum()
    expected = fitted().predict(quantiles=[0.9]).set_index("unique_id").loc["e", "TCN-q-0.9"]
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    np.testing.assert_allclose(found.forecast["TCN-q-0.9"], expected, rtol=1e-5)


def test_short_and_silent_series_have_parts():
    f = scrambled(Forecaster(**UNTRAINED, transform="asinh").fit(FRAME))
    hard = {"one": [3.0], "same": [2.0] * 9, "none": [np.nan] * 5, "gaps": [1.0, np.nan, 5.0, np.nan, 2.0]}
    check_parts(f, frame=frame_of(hard))


def test_a_sum_of_parts_is_what_the_frames_hold():
    f = scrambled(Forecaster(**UNTRAINED, multivariate=True).fit(FRAME))
    found = explain(f, unique_id="b")
    total = found.parts.groupby("step")["value"].sum()
    np.testing.assert_allclose(total, f.predict()["TCN"][HORIZON:], rtol=1e-5)
    assert set(found.covariates["role"]) == {"series", "static", "calendar"}
