"""Covariates on their way from a table through the network: what is gathered, what may be known, and when."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import frame_of, weekly

from pipelines import Panel
from pipelines.calibration import calibrate
from pipelines.config import Settings
from pipelines.network import (
    ChunkGatherer,
    DeviceTable,
    build_network,
    forecast_origins,
    load_network,
    onepass,
    save_network,
)
from pipelines.plan import Plan, make_plan
from pipelines.training import train
from pipelines.windows import ChunkSampler, CovariateTable, SeriesTable

HORIZON, SEASON = 3, 4
PAST, AHEAD, STATIC = 2, 3, 2
KNOWN = (3, 1, 2)  # steps ahead that each feature is known for
LENGTHS = (40, 26, 33)
SETTINGS = Settings(
    horizon=HORIZON, season_length=SEASON, lookback=6, filters=4, dilations=(1, 2), ensemble=2, max_steps=6
)


def covariates_of(indptr, seed=0, sizes=(PAST, AHEAD, STATIC), known=KNOWN):
    rng = np.random.default_rng(seed)
    rows, series = int(indptr[-1]), len(indptr) - 1
    past, ahead, static = (
        rng.normal(size=shape).astype("float32")
        for shape in ((rows, sizes[0]), (rows + series * HORIZON, sizes[1]), (series, sizes[2]))
    )
    unknown = np.arange(HORIZON)[:, None] >= np.array(known[: sizes[1]], int)
    return CovariateTable(past, ahead, unknown, static, HORIZON)


def table_of(series, **arguments):
    """Names sort as they come."""
    panel = Panel.from_frame(frame_of({f"{i:02}": y for i, y in enumerate(series)}))
    table = SeriesTable.from_panel(panel, SEASON)
    return panel, replace(table, covariates=covariates_of(table.indptr, **arguments))


def series_of(i):
    return weekly(LENGTHS[i], i, 50.0 * (i + 1))


@cache
def problem():
    """A panel with covariates, its plan, and a network whose weights are all different."""
    panel, table = table_of([series_of(i) for i in range(3)])
    plan = make_plan(SETTINGS, panel, table)
    network = build_network(plan, seed=0)
    rng = np.random.default_rng(0)
    network.set_weights([w + 0.2 * rng.normal(size=w.shape) for w in network.get_weights()])
    network.shrink.assign(0.9)
    network.widen.assign(1.1)
    return table, plan, network


def backtest(table, count=8, stride=1):
    """Forecasts from the last origins of every series, `(series, count, horizon, quantiles)`."""
    every = np.arange(table.n_series)
    return forecast_origins(problem()[2], table, every, table.indptr[1:] - 1, count, stride)


def spoiled(table, role, row, column, by=1.0):
    """The table with one cell of its covariates changed."""
    cells = getattr(table.covariates, role).copy()
    cells[row, column] += by
    return replace(table, covariates=replace(table.covariates, **{role: cells}))


# What is gathered


@given(st.data())
@settings(max_examples=40)
def test_chunks_hold_what_a_loop_gathers(data):
    table = problem()[0]
    given_ = table.covariates
    before, origins = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 6))
    which = data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
    newest = [int(table.indptr[i]) + data.draw(st.integers(-4, LENGTHS[i] + 5)) for i in which]
    device = DeviceTable.from_table(table)
    inputs, _ = device.chunk(np.int32(which), np.int32(newest), before, 0)
    features = device.features(np.int32(which), np.int32(newest), origins - 1)
    assert inputs.shape == (len(which), before, 5 + PAST)
    assert features["ahead"].shape == (len(which), origins - 1 + HORIZON, AHEAD)
    np.testing.assert_array_equal(features["static"], given_.static[which])
    for k, (i, last) in enumerate(zip(which, newest, strict=True)):
        begin, end = table.indptr[i], table.indptr[i + 1]
        for column, row in enumerate(range(last - before + 1, last + 1)):
            expected = given_.past[row] if begin <= row < end else np.zeros(PAST)
            np.testing.assert_array_equal(inputs[k, column, 5:], expected)
        for column, row in enumerate(range(last - origins + 2, last + HORIZON + 1)):
            inside = begin <= row < end + HORIZON
            expected = given_.ahead[row + i * HORIZON] if inside else np.zeros(AHEAD)
            np.testing.assert_array_equal(features["ahead"][k, column], expected)


def test_training_sees_what_a_forecast_sees():
    table, plan, network = problem()
    plan = replace(plan, chunks=4, origins_per_chunk=5)
    series, newest = ChunkSampler(table, 5).draw(np.random.default_rng(0), (plan.members, plan.chunks))
    chunk = ChunkGatherer.of(table, plan, network.context).gather(series, newest)
    assert chunk.inputs.shape == (2, 4, network.context + 5, 5 + PAST)
    forecast = network.forecast_members(chunk.inputs, **chunk.features).numpy()
    device = DeviceTable.from_table(table)
    for m, c, o in np.ndindex(2, 4, 5):
        which, origin = series[m, c], newest[m, c] - 4 + o
        inputs, _ = device.chunk(which, origin, network.context + 1, 0)
        shown = {name: part[None, None] for name, part in device.features(which, origin, 0).items()}
        alone = network.forecast_members(inputs[None, None], **shown)
        np.testing.assert_allclose(forecast[m, c, o], alone[m, 0, 0], rtol=1e-5, atol=1e-5)


# What may be known, and when


def test_no_cell_that_is_not_known_yet_moves_a_forecast_by_a_bit_and_every_other_does():
    """Every cell of the covariates near the end of a series, one at a time."""
    table, _, network = problem()
    which, end = 1, int(table.indptr[2])
    first = backtest(table)
    origins = np.arange(end - 8, end)
    for row, column in product(range(end - 10, end), range(PAST)):
        changed = (backtest(spoiled(table, "past", row, column)) != first).any(axis=(2, 3))
        assert not changed[[0, 2]].any()
        age = origins - row
        np.testing.assert_array_equal(changed[which], (age >= 0) & (age < network.stack_field))
    for row, column in product(range(end - 8, end + HORIZON), range(AHEAD)):
        changed = (backtest(spoiled(table, "ahead", row + which * HORIZON, column)) != first).any(axis=3)
        assert not changed[[0, 2]].any()
        # The step ahead that the row is for each origin, if it is known there.
        step = row - origins[:, None]
        known = (step == np.arange(1, HORIZON + 1)) & (step <= KNOWN[column])
        np.testing.assert_array_equal(changed[which], known)


@pytest.mark.parametrize("column", range(STATIC))
def test_a_static_feature_moves_the_forecasts_of_its_series(column):
    table = problem()[0]
    changed = backtest(spoiled(table, "static", 2, column)) != backtest(table)
    assert changed[2].any(axis=(1, 2)).all()
    assert not changed[:2].any()


@given(st.data())
@settings(max_examples=25)
def test_whatever_comes_after_what_an_origin_may_know_its_forecast_has_the_same_bits(data):
    table, _, _ = problem()
    count = 8
    wild = st.sampled_from([np.nan, np.inf, -3e38, 1e30, 0.0, 7.0])
    given_ = table.covariates
    past, ahead = given_.past.copy(), given_.ahead.copy()
    kept = np.zeros((3, count), bool)
    for i in range(3):
        begin, end = int(table.indptr[i]), int(table.indptr[i + 1])
        origin = data.draw(st.integers(end - count, end - 1), f"last origin of series {i} that is kept")
        kept[i] = np.arange(end - count, end) <= origin
        past[origin + 1 : end] = data.draw(wild)
        for column, steps in enumerate(KNOWN):
            ahead[origin + 1 + steps + i * HORIZON : end + (i + 1) * HORIZON, column] = data.draw(wild)
        assert begin < origin
    other = replace(table, covariates=replace(given_, past=past, ahead=ahead))
    np.testing.assert_array_equal(backtest(other, count)[kept], backtest(table, count)[kept])


# One network, many ways to run it


def part_of(order, lengths):
    """The first rows of some series of the problem, in another order, and what is known at them."""
    table = problem()[0]
    _, part = table_of([series_of(i)[:length] for i, length in zip(order, lengths, strict=True)])
    whole, begin = table.covariates, table.indptr
    rows = [np.arange(length) + begin[i] for i, length in zip(order, lengths, strict=True)]
    ahead = [
        np.arange(length + HORIZON) + begin[i] + i * HORIZON for i, length in zip(order, lengths, strict=True)
    ]
    covariates = replace(
        whole,
        past=whole.past[np.concatenate(rows)],
        ahead=whole.ahead[np.concatenate(ahead)],
        static=whole.static[np.array(order)],
    )
    return replace(part, covariates=covariates)


def test_one_pass_equals_forecasts_from_truncated_histories(monkeypatch):
    table, count = problem()[0], 8
    whole = backtest(table, count)
    for back in range(count):
        alone = backtest(part_of(range(3), np.array(LENGTHS) - back), 1)[:, 0]
        np.testing.assert_allclose(alone, whole[:, count - 1 - back], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(backtest(table, 3, stride=3), whole[:, 1::3], rtol=1e-5, atol=1e-3)
    monkeypatch.setattr(onepass, "_BUDGET", 1)  # an origin at a time
    np.testing.assert_allclose(backtest(table, count), whole, rtol=1e-5, atol=1e-3)


def test_the_order_of_series_does_not_matter():
    order = [2, 0, 1]
    other = part_of(order, [LENGTHS[i] for i in order])
    np.testing.assert_array_equal(backtest(other), backtest(problem()[0])[order])


# Members, order of quantiles, extremes


def test_members_differ_and_forecasts_are_their_mean():
    table, _, network = problem()
    device = DeviceTable.from_table(table)
    series, newest = np.arange(3, dtype="int32"), np.int32(table.indptr[1:] - 1)
    inputs, _ = device.chunk(series, newest, network.context + 1, 0)
    shown = {name: part[None] for name, part in device.features(series, newest, 0).items()}
    each = network.forecast_members(inputs[None], **shown).numpy()[:, :, 0]
    assert (each[0] != each[1]).all()
    mean = table.base[:, None, None] + table.unit[:, None, None] * each.mean(axis=0)
    np.testing.assert_allclose(backtest(table, 1)[:, 0], mean, rtol=1e-5)


@pytest.mark.parametrize("size", [0.0, 10.0, -1e6, 3e38])
def test_forecasts_are_finite_and_in_order_for_covariates_of_any_size(size):
    table, _, _ = problem()
    rng = np.random.default_rng(1)
    given_ = table.covariates
    extreme = {
        role: (size * rng.choice([-1.0, 1.0], getattr(given_, role).shape)).astype("float32")
        for role in ("past", "ahead", "static")
    }
    forecast = backtest(replace(table, covariates=replace(given_, **extreme)))
    assert np.isfinite(forecast).all()
    assert (np.diff(forecast, axis=-1) >= 0).all()


# Training


def test_training_reaches_every_weight_and_learns_what_only_covariates_tell():
    rng = np.random.default_rng(0)
    # A step up or down that nothing in the past announces.
    news = [rng.choice([-1.0, 1.0], n + HORIZON).astype("float32") for n in (120, 110)]
    panel, table = table_of(
        [10.0 * x[:-HORIZON] + rng.normal(size=len(x) - HORIZON) for x in news], known=(3, 3, 3)
    )
    ahead = table.covariates.ahead.copy()
    ahead[:, 1] = np.concatenate(news)
    table = replace(table, covariates=replace(table.covariates, ahead=ahead))
    plan = replace(make_plan(SETTINGS, panel, table), steps=80, chunks=4, learning_rate=1e-2)
    network = build_network(plan, seed=1)
    before = [w.numpy() for w in network.trainable_variables]
    history = train(network, table, plan, seed=0)
    for weight, old in zip(network.trainable_variables, before, strict=True):
        assert (weight.numpy() != old).any(), weight.path
    assert history[-1]["loss"] < 0.4 * history[0]["loss"]
    assert np.isfinite([*calibrate(network, table, plan, seed=0).factors.values()]).all()
    every = np.arange(2)
    median = forecast_origins(network, table, every, table.indptr[1:] - 1, 12)[..., 6]
    newest = table.indptr[1:, None] - 12 + np.arange(12) + every[:, None] * HORIZON
    wanted = 10.0 * ahead[newest[..., None] + np.arange(1, HORIZON + 1), 1]
    assert np.abs(median - wanted).mean() < 4.0  # 10 for whoever does not read the news


# The plan


@pytest.mark.parametrize("sizes", [(0, 0, 0), (2, 0, 0), (0, 3, 0), (0, 0, 2), (2, 3, 2), (1, 1, 1)], ids=str)
def test_a_plan_counts_the_weights_that_covariates_add(sizes):
    panel, table = table_of([weekly(60)], sizes=sizes)
    plan = make_plan(SETTINGS, panel, table)
    assert (plan.past_channels, plan.ahead_features, plan.static_features) == sizes
    network = build_network(plan, seed=0)
    assert plan.parameters == sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert Plan.from_dict(plan.to_dict()) == plan


def test_a_plan_without_covariates_is_that_of_before():
    panel, table = table_of([weekly(60)])
    plain, with_them = (make_plan(SETTINGS, panel, t) for t in (replace(table, covariates=None), table))
    assert (plain.past_channels, plain.ahead_features, plain.static_features, plain.known_steps) == (
        0,
        0,
        0,
        (),
    )
    differing = {name for name, value in plain.to_dict().items() if with_them.to_dict()[name] != value}
    assert differing <= {
        "parameters",
        "memory_mb",
        "seconds",
        "past_channels",
        "ahead_features",
        "static_features",
        "known_steps",
    }
    assert {"parameters", "known_steps"} <= differing


def test_one_long_series_is_learned_longer_with_what_is_known_ahead():
    longer = SETTINGS.model_copy(update={"max_steps": "auto"})
    steps = {}
    for sizes in ((0, 0, 0), (2, 0, 2), (0, 3, 0)):
        panel, table = table_of([weekly(12_000)], sizes=sizes)
        steps[sizes] = make_plan(longer, panel, table).steps
    assert steps[2, 0, 2] == steps[0, 0, 0] < steps[0, 3, 0]


def test_a_plan_says_what_large_covariates_take():
    panel, table = table_of([weekly(3000)], sizes=(40, 60, 0), known=(HORIZON,) * 60)
    plain, with_them = (make_plan(SETTINGS, panel, t) for t in (replace(table, covariates=None), table))
    held = (table.covariates.past.nbytes + table.covariates.ahead.nbytes) / 2**20
    assert with_them.memory_mb - plain.memory_mb >= round(held)
    assert with_them.known_steps == ()


def test_a_network_remembers_which_steps_are_known(tmp_path):
    _, plan, network = problem()
    assert plan.known_steps == tuple(network.known_steps) == KNOWN
    save_network(network, tmp_path / "network.keras")
    loaded = load_network(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded.ahead.known, network.ahead.known)
    for a, b in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
