import json
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mean_pinball_loss
from utilsforecast import losses as reference

from tcn.heads import DistributionHead
from tcn.losses import NegativeLogLikelihood, with_scale
from tcn.metrics import CRPS, MASE, SMAPE, WQL, Coverage, IntervalWidth, Pinball

QUANTILES = (0.1, 0.5, 0.9)
BATCHES = 3


def data(seed=0, batches=BATCHES, size=4, steps=5, horizon=2):
    """Targets with gaps, crossing-free quantiles and weights, in batches."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(batches, size, steps, horizon)).astype("float32")
    y[rng.random(y.shape) < 0.2] = np.nan
    forecasts = np.sort(rng.normal(size=(*y.shape, len(QUANTILES))), axis=-1).astype("float32")
    return y, forecasts, rng.uniform(0.0, 2.0, size=y.shape).astype("float32")


def result(metric, targets, forecasts, weights=None):
    for i, (y, f) in enumerate(zip(targets, forecasts, strict=True)):
        metric.update_state(y, f, None if weights is None else weights[i])
    return float(metric.result())


def pinballs(y, f):
    """Mean over the quantiles of the losses of all that was observed, by scikit-learn, element by element."""
    each = np.stack(
        [
            [mean_pinball_loss([a], [b], alpha=q) for a, b in zip(y.ravel(), f[..., i].ravel(), strict=True)]
            for i, q in enumerate(QUANTILES)
        ]
    )
    return each.mean(axis=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_pinball_and_weighted_quantile_loss(weighted):
    y, forecasts, weights = data()
    there = ~np.isnan(y)
    w = weights[there] if weighted else np.ones(there.sum())
    each = pinballs(y[there], forecasts[there])
    given = weights if weighted else None
    got = result(Pinball(QUANTILES), y, forecasts, given)
    np.testing.assert_allclose(got, np.average(each, weights=w), rtol=1e-5)
    got = result(WQL(QUANTILES), y, forecasts, given)
    np.testing.assert_allclose(got, 2 * np.sum(w * each) / np.sum(w * np.abs(y[there])), rtol=1e-5)
    got = result(CRPS(QUANTILES), y, forecasts, given)
    np.testing.assert_allclose(got, 2 * np.average(each, weights=w), rtol=1e-5)


def frame(y, **columns):
    there = ~np.isnan(y)
    return pd.DataFrame({"unique_id": "a", "y": y[there], **{k: v[there] for k, v in columns.items()}})


def test_coverage_width_and_smape_are_those_of_utilsforecast():
    y, forecasts, _ = data()
    table = frame(
        y.astype("float64"),
        **{"m-lo-80": forecasts[..., 0], "m": forecasts[..., 1], "m-hi-80": forecasts[..., 2]},
    )
    got = result(Coverage(80, QUANTILES), y, forecasts)
    np.testing.assert_allclose(got, reference.coverage(table, ["m"], level=80)["m"][0], rtol=1e-6)
    known = (table["m-hi-80"] - table["m-lo-80"]).mean()
    np.testing.assert_allclose(result(IntervalWidth(80, QUANTILES), y, forecasts), known, rtol=1e-5)
    known = reference.smape(table, ["m"])["m"][0]
    np.testing.assert_allclose(result(SMAPE(QUANTILES), y, forecasts), known, rtol=1e-5)
    np.testing.assert_allclose(result(SMAPE(), y, forecasts[..., 1:2]), known, rtol=1e-5)


def test_mase_is_the_mean_of_scaled_errors():
    y, forecasts, weights = data()
    scale = np.float32([1.0, 2.0, 0.0, 0.25])
    targets = [with_scale(batch, scale) for batch in y]
    error = np.abs(y - forecasts[..., 1])
    counts = ~np.isnan(y) & (scale > 0)[:, None, None]
    with np.errstate(divide="ignore"):
        each = (error / scale[:, None, None])[counts]
    for metric, shown in (
        (MASE(QUANTILES), forecasts),
        (MASE(), forecasts[..., 1:2]),
        (MASE(), forecasts[..., 1]),
    ):
        np.testing.assert_allclose(
            result(metric, targets, shown, weights), np.average(each, weights=weights[counts]), rtol=1e-5
        )


def test_a_distribution_is_read_by_its_quantiles():
    y, forecasts, _ = data()
    parameters = np.abs(forecasts[..., :2]) + 0.1
    there = ~np.isnan(y)
    known = stats.norm(parameters[..., 0][there].astype("float64"), parameters[..., 1][there])
    quantiles = np.stack([known.ppf(q) for q in QUANTILES], axis=-1)
    seen = y[there]
    got = result(Pinball(QUANTILES, distribution="normal"), y, parameters)
    np.testing.assert_allclose(got, pinballs(seen, quantiles).mean(), rtol=1e-5)
    inside = (quantiles[:, 0] <= seen) & (seen <= quantiles[:, 2])
    np.testing.assert_allclose(
        result(Coverage(80, distribution="normal"), y, parameters), inside.mean(), rtol=1e-5
    )
    width = (quantiles[:, 2] - quantiles[:, 0]).mean()
    np.testing.assert_allclose(
        result(IntervalWidth(80, distribution="normal"), y, parameters), width, rtol=1e-5
    )
    z = (seen - known.mean()) / known.std()
    crps = known.std() * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    np.testing.assert_allclose(result(CRPS(distribution="normal"), y, parameters), crps.mean(), rtol=1e-5)
    smape = np.mean(np.abs(seen - known.mean()) / (np.abs(seen) + np.abs(known.mean())))
    np.testing.assert_allclose(result(SMAPE(distribution="normal"), y, parameters), smape, rtol=1e-5)


def test_the_score_of_a_point_is_the_absolute_error():
    y, forecasts, _ = data()
    known = np.nanmean(np.abs(y - forecasts[..., 0]))
    np.testing.assert_allclose(result(CRPS(), y, forecasts[..., :1]), known, rtol=1e-5)


def test_batches_of_different_sizes_count_by_what_they_hold():
    y, forecasts, _ = data()
    y[0] = np.nan
    together = result(
        Pinball(QUANTILES), [y.reshape(-1, *y.shape[2:])], [forecasts.reshape(-1, *forecasts.shape[2:])]
    )
    np.testing.assert_allclose(result(Pinball(QUANTILES), y, forecasts), together, rtol=1e-6)
    metric = Pinball(QUANTILES)
    assert result(metric, y[:1], forecasts[:1]) == 0.0
    result(metric, y, forecasts)
    metric.reset_state()
    np.testing.assert_allclose(result(metric, y, forecasts), together, rtol=1e-6)


ALL = [
    Pinball(QUANTILES),
    WQL(QUANTILES, distribution="laplace"),
    CRPS(distribution="zero_inflated_negative_binomial"),
    Coverage(80, QUANTILES),
    IntervalWidth(95, distribution="student_t", name="wide"),
    MASE(QUANTILES),
    SMAPE(),
]


@pytest.mark.parametrize("metric", ALL, ids=lambda m: type(m).__name__)
def test_configuration_comes_back(metric):
    stored = json.loads(json.dumps(keras.metrics.serialize(metric)))
    twin = keras.metrics.deserialize(stored)
    assert type(twin) is type(metric)
    assert json.loads(json.dumps(keras.metrics.serialize(twin))) == stored


def test_a_model_reports_them_and_is_saved_with_them(tmp_path):
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, DistributionHead(2, "laplace")(inputs))
    model.compile(
        "adam",
        loss=NegativeLogLikelihood("laplace"),
        metrics=[Coverage(80, distribution="laplace")],
        weighted_metrics=[CRPS(distribution="laplace")],
    )
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 5, 2)).astype("float32"), rng.normal(size=(8, 5, 2)).astype("float32")
    y[0, 0] = np.nan
    weights = rng.uniform(size=(8, 5)).astype("float32")
    model.fit(x, y, sample_weight=weights, batch_size=3, verbose=0)
    logs = model.evaluate(x, y, sample_weight=weights, batch_size=3, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    twin = keras.saving.load_model(tmp_path / "model.keras")
    again = twin.evaluate(x, y, sample_weight=weights, batch_size=3, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "coverage_80", "crps"}
    for name, value in logs.items():
        np.testing.assert_allclose(again[name], value, rtol=1e-5)
    parameters = np.asarray(model(x))
    alone = CRPS(distribution="laplace")
    alone.update_state(y, parameters, weights)
    np.testing.assert_allclose(logs["crps"], float(alone.result()), rtol=1e-5)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"percentage between 0 and 100. Received: level=0"):
        Coverage(0, QUANTILES)
    with pytest.raises(ValueError, match=r"must hold 0.025"):
        Coverage(95, QUANTILES)
    with pytest.raises(ValueError, match="must tell what the outputs are"):
        IntervalWidth(80)
    with pytest.raises(ValueError, match=r"must hold 0.5"):
        MASE([0.1, 0.9])
    with pytest.raises(ValueError, match="increase strictly"):
        Pinball([0.9, 0.1])


@pytest.mark.parametrize("metric", [SMAPE, MASE, CRPS, partial(Coverage, 80), partial(IntervalWidth, 80)])
def test_outputs_are_of_one_kind(metric):
    with pytest.raises(ValueError, match=r"not both. Received: quantiles=.*distribution='normal'"):
        metric(quantiles=QUANTILES, distribution="normal")
