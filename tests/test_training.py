"""Training: its loss against a loop in NumPy, its schedule, its limits and its failures."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_forecasters import SMALL, fitted, frame_of, training_frame, untrained_once, weekly

from pipelines import Forecaster, Panel
from pipelines import training as training_module
from pipelines.config import Settings
from pipelines.errors import ForecastingError
from pipelines.plan import make_plan
from pipelines.training import learning_rates, train
from pipelines.windows import ChunkSampler, SeriesTable
from tcn.models import ForkingTCN

HORIZON, SEASON, MEMBERS, CHUNKS, ORIGINS, STEPS, SEED = 3, 7, 2, 8, 5, 20, 11
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)


def small_problem(dropout=0.0):
    series = {"a": weekly(60, 1), "b": 100 * weekly(25, 2), "c": weekly(40, 3), "d": weekly(5, 4)}
    series["c"][[9, 20, 21, 39]] = np.nan
    panel = Panel.from_frame(frame_of(series))
    table = SeriesTable.from_panel(panel, SEASON)
    plan = make_plan(Settings(horizon=HORIZON, max_steps=STEPS), panel, table)
    plan = replace(plan, members=MEMBERS, chunks=CHUNKS, origins_per_chunk=ORIGINS, learning_rate=1e-2)
    network = ForkingTCN(
        HORIZON,
        QUANTILES,
        lookback=9,
        season_length=SEASON,
        phases=table.phases,
        filters=4,
        dilations=(1,),
        width=8,
        hidden=8,
        dropout=dropout,
        members=MEMBERS,
        seed=5,
    )
    network.build((None, None, 5))
    return network, table, plan


def loss_by_hand(network, table, plan):
    """Loss of the first step: a loop over members, chunks, origins, horizon steps and quantiles."""
    draws = ChunkSampler(table, plan.origins_per_chunk).draw(
        np.random.default_rng(SEED), (1, plan.members, plan.chunks)
    )
    windows, places = np.zeros((MEMBERS, CHUNKS * ORIGINS, network.context + 1, 5), "float32"), []
    for m in range(MEMBERS):
        for c in range(CHUNKS):
            i, newest = int(draws[0][0, m, c]), int(draws[1][0, m, c])
            begin, end = table.indptr[i], table.indptr[i + 1]
            for o in range(ORIGINS):
                origin = newest - ORIGINS + 1 + o
                places.append((m, i, origin))
                for k, row in enumerate(range(origin - network.context, origin + 1)):
                    inside = begin <= row < end
                    windows[m, c * ORIGINS + o, k] = (
                        table.values[row] if inside else 0.0,
                        inside and table.observed[row],
                        table.offset[i],
                        table.phase[min(max(row, begin), end - 1)],
                        table.change[row] if inside else 0.0,
                    )
    forecasts = network.forecast_members(windows).numpy().astype(float).reshape(-1, HORIZON, len(QUANTILES))
    total, count, too_early, kept_from = 0.0, 0, False, 0
    bounds = table.held_out(MEMBERS)
    for (m, i, origin), forecast in zip(places, forecasts, strict=True):
        first = table.indptr[i] + table.first_origin[i]
        too_early |= origin == first - 1
        if origin < first:
            continue
        for h in range(HORIZON):
            row = origin + 1 + h
            if row < table.indptr[i + 1] and table.observed[row]:
                if bounds[m, 0] <= table.era[row] < bounds[m, 1]:
                    kept_from += 1
                    continue
                errors = [float(table.values[row]) - forecast[h, q] for q in range(len(QUANTILES))]
                pinball = [max(q * e, (q - 1) * e) for q, e in zip(QUANTILES, errors, strict=True)]
                total += float(table.weight[i]) * np.mean(pinball)
                count += 1
    assert count > kept_from > 0
    assert too_early  # otherwise the draw would not show whether such origins are left out
    return total / count


@pytest.fixture(scope="module")
def trained():
    network, table, plan = small_problem()
    before = [w.copy() for w in network.get_weights()]
    by_hand = loss_by_hand(network, table, plan)
    calls = []
    history = train(
        network, table, plan, SEED, callbacks=[calls.append, lambda record: calls.append("second")]
    )
    return {"network": network, "history": history, "before": before, "calls": calls, "by_hand": by_hand}


def test_the_loss_is_that_of_a_loop(trained):
    assert trained["history"][0]["loss"] == pytest.approx(trained["by_hand"], rel=1e-4)


def test_the_loss_falls(trained):
    losses = [record["loss"] for record in trained["history"]]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_a_record_per_epoch_reaches_every_callback(trained):
    history = trained["history"]
    assert [record["step"] for record in history] == list(range(1, STEPS + 1))
    np.testing.assert_allclose([r["learning_rate"] for r in history], learning_rates(1e-2, STEPS))
    seconds = [record["seconds"] for record in history]
    assert 0 < seconds[0] < seconds[-1]
    assert seconds == sorted(seconds)
    assert trained["calls"][::2] == history
    assert trained["calls"][1::2] == ["second"] * STEPS


def test_every_weight_is_trained_and_finite(trained):
    calibrated = {id(trained["network"].shrink), id(trained["network"].widen)}
    for weight, before, after in zip(
        trained["network"].weights, trained["before"], trained["network"].get_weights(), strict=True
    ):
        if id(weight) in calibrated:
            assert before == after == 1.0
        elif before.size and before.dtype.kind == "f":
            assert np.isfinite(after).all()
            assert (before != after).any()


def test_members_differ_after_training(trained):
    kernel = trained["network"].long_kernel.kernel.numpy()
    assert kernel.shape[0] == MEMBERS
    assert (kernel[0] != kernel[1]).all()


def test_the_same_seed_gives_the_same_bits_from_any_order_of_rows():
    shuffled = training_frame().sample(frac=1, random_state=3)
    again = Forecaster(**SMALL).fit(shuffled)
    first = fitted()
    for a, b in zip(first.network_.get_weights(), again.network_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.predict().equals(again.predict())
    assert [r["loss"] for r in first.history_] == [r["loss"] for r in again.history_]


# With a stand-in for the compiled function


class StandIn:
    """Takes the place of the compiled block: notes what it is given, and advances a clock of its own."""

    def __init__(self, compiling=0.0, per_step=0.0, effect=None):
        self.now, self.compiling, self.per_step, self.effect = 0.0, compiling, per_step, effect
        self.series, self.rates, self.network, self.optimizer = [], [], None, None

    def perf_counter(self):
        return self.now

    def compile(self, weights, optimizer, feed, plan, seed):
        self.network, self.optimizer = weights.network, optimizer
        return self.block

    def block(self, rows, series, newest, rates, before):
        assert rows == {}  # a table in memory is not read again
        steps = int((rates >= 0).sum())
        self.now += self.per_step * steps + (0 if self.rates else self.compiling)
        self.rates.append(rates[:steps].tolist())
        if steps:
            self.series.append((series.copy(), newest.copy()))
        return before + (float(steps) if self.effect is None or not steps else self.effect(self, steps))


@pytest.fixture
def stand_in(monkeypatch):
    def install(**arguments):
        block = StandIn(**arguments)
        monkeypatch.setattr(training_module, "_compile", block.compile)
        monkeypatch.setattr(training_module, "time", block)
        return block

    return install


def train_with(seed=SEED, steps=STEPS, **arguments):
    network, table, plan = small_problem()
    return train(network, table, replace(plan, steps=steps), seed, **arguments)


def test_compiling_does_not_count_as_the_speed_of_training(stand_in):
    block = stand_in(compiling=10.0, per_step=0.1)
    history = train_with(steps=1000, time_budget=30.0)
    # Twenty seconds are left for steps of a tenth; a speed that counts compiling would allow 100 of them.
    assert history[-1]["step"] == pytest.approx(200, abs=50)
    assert block.now <= 30.0 + 5.0  # the last block may pass the limit
    rates = [rate for rates in block.rates for rate in rates]
    assert rates[-1] < 0.1 * max(rates)  # the schedule comes to its end
    assert len(rates) == history[-1]["step"]


def test_a_budget_that_is_long_enough_changes_nothing(stand_in):
    block = stand_in(compiling=10.0, per_step=0.1)
    history = train_with(steps=110, time_budget=100.0)
    assert [record["step"] for record in history] == [*range(6, 110, 6), 110]
    np.testing.assert_allclose(np.concatenate(block.rates), learning_rates(1e-2, 110))


def test_a_budget_spent_by_compiling_still_trains_one_block(stand_in):
    stand_in(compiling=10.0, per_step=0.1)
    history = train_with(steps=100, time_budget=1.0)
    assert [record["step"] for record in history] == [5]


def test_a_loss_that_is_not_finite_is_an_error(stand_in):
    seen = []
    stand_in(effect=lambda block, steps: float("nan") if len(block.rates) == 4 else 1.0)
    with pytest.raises(
        ForecastingError, match=r"finite loss and finite weights\. Received: nan at step 3; try"
    ):
        train_with(callbacks=[seen.append])
    assert [record["step"] for record in seen] == [1, 2]


def test_weights_that_are_not_finite_are_an_error(stand_in):
    def spoil(block, steps):
        # The averages that training ends with.
        block.optimizer.finalize_variable_values = lambda variables: variables[0].assign(
            variables[0] * np.inf
        )
        return 1.0

    stand_in(effect=spoil)
    with pytest.raises(ForecastingError, match=r"Received: (nan|inf) at step 20; try another seed"):
        train_with()


def test_the_seed_fixes_the_chunks(stand_in):
    drawn = []
    for seed in (1, 1, 2):
        block = stand_in()
        train_with(seed)
        drawn.append(np.array(block.series))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).mean() > 0.1
    # Every step and every member has chunks of its own.
    flat = drawn[0].transpose(0, 2, 3, 1, 4).reshape(STEPS * MEMBERS, -1)
    assert len(np.unique(flat, axis=0)) == STEPS * MEMBERS


def test_no_steps_need_no_compiling(stand_in):
    block = stand_in()
    assert train_with(steps=0) == []
    assert block.network is None


@given(st.floats(1e-6, 1.0), st.integers(1, 3000))
def test_rates_rise_to_the_peak_and_fall_to_nothing(peak, steps):
    rates = learning_rates(peak, steps)
    assert rates.shape == (steps,)
    assert rates.dtype == np.float32
    assert (rates >= 0).all()
    top = int(np.argmax(rates))
    assert top == min(50, steps // 4)
    assert rates[top] == np.float32(peak)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    if steps > 40:
        assert rates[-1] < 0.01 * peak


# Through the forecaster: what an earlier fit learned stays


@pytest.mark.parametrize(
    ("effect", "error"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (float("nan"), ForecastingError), (OSError("full"), OSError)],
)
def test_a_fit_that_fails_leaves_the_former_one(stand_in, effect, error):
    former = copy(untrained_once()).set_params(max_steps=10)
    learned, forecast = former.fitted_, former.predict()

    def fail(block, steps):
        if isinstance(effect, BaseException):
            raise effect
        return effect

    stand_in(effect=fail)
    with pytest.raises(error):
        former.fit(frame_of({"other": weekly(50, 9)}))
    assert former.fitted_ is learned
    assert former.predict().equals(forecast)


def test_a_callback_can_stop_a_fit(stand_in):
    stand_in()

    def stop(record):
        raise RuntimeError(f"enough at {record['step']}")

    forecaster = Forecaster(**SMALL)
    with pytest.raises(RuntimeError, match="enough at 1"):
        forecaster.fit(training_frame(), callbacks=[stop])
    assert not hasattr(forecaster, "network_")
