"""What a plan derives, and that it says the truth of the network."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import SMALL, frame_of, weekly

from pipelines import ConfigError, Forecaster, Panel, PanelError
from pipelines.config import Settings, checked_levels
from pipelines.network import build_network
from pipelines.plan import MAX_ROWS, Plan, check_size, make_plan, season_of
from pipelines.windows import SeriesTable
from tcn.receptive_field import receptive_field


def plan_of(frame, **arguments):
    settings_ = Settings.of({"horizon": 4, **arguments})
    panel = Panel.from_frame(frame, settings_.freq)
    return make_plan(settings_, panel, SeriesTable.from_panel(panel, season_of(settings_, panel)))


def frame_at(freq, n=200, count=3):
    start = 0 if isinstance(freq, int) else "2000-01-01"
    stamps = np.arange(n) if isinstance(freq, int) else pd.date_range(start, periods=n, freq=freq)
    one = pd.DataFrame({"ds": stamps, "y": weekly(n)})
    return pd.concat([one.assign(unique_id=i) for i in range(count)])


@given(
    st.integers(1, 30),
    st.integers(2, 40),
    st.integers(1, 12),
    st.integers(2, 5),
    st.lists(st.integers(1, 8), min_size=1, max_size=3),
    st.integers(1, 3),
    st.sampled_from(["D", "YS"]),
    st.sampled_from(["tcn", "wavenet"]),
)
@settings(max_examples=15)
def test_parameters_are_those_of_the_network(
    horizon, lookback, filters, kernel_size, dilations, ensemble, freq, architecture
):
    plan = plan_of(
        frame_at(freq, 60),
        horizon=horizon,
        lookback=lookback,
        filters=filters,
        kernel_size=kernel_size,
        dilations=dilations,
        ensemble=ensemble,
        architecture=architecture,
    )
    network = build_network(plan, seed=0)
    # Counters of random draws are no weights.
    assert plan.parameters == sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert plan.members == network.members == ensemble
    assert plan.receptive_field == network.stack_field == receptive_field(kernel_size, dilations)
    assert (network.horizon, network.lookback, network.filters) == (horizon, lookback, filters)


def test_a_default_plan_counts_its_own_network():
    plan = plan_of(frame_at("h", 500))
    assert plan.parameters == sum(
        int(np.prod(v.shape)) for v in build_network(plan, seed=0).trainable_variables
    )


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        ("h", 24),
        ("30min", 48),
        ("15min", 96),
        ("D", 7),
        ("B", 5),
        ("W", 52),
        ("MS", 12),
        ("QS", 4),
        ("YS", 1),
        (1, 1),
    ],
)
def test_defaults_follow_the_frequency(freq, season):
    n = 1500 if season in (24, 48, 96) else 300
    if freq == "YS":
        n = 100
    plan = plan_of(frame_at(freq, n), horizon=6)
    assert plan.season_length == season
    assert plan.lookback > season  # a season and the step before it
    assert plan.lookback <= n
    assert plan.receptive_field <= 2 * plan.lookback + 64
    assert all(b == 2 * a for a, b in zip(plan.dilations, plan.dilations[1:], strict=False))
    assert plan.steps >= 100
    assert plan.origins == 3 * (n - 1 - max(season, 1))
    assert (plan.series, plan.rows, plan.observations) == (3, 3 * n, 3 * n)
    assert plan.memory_mb > 0
    assert plan.seconds > 0


def test_settings_come_before_defaults():
    plan = plan_of(
        frame_at("D"),
        season_length=5,
        lookback=20,
        filters=6,
        kernel_size=2,
        dilations=[1, 3],
        max_steps=17,
        ensemble=3,
    )
    assert (plan.season_length, plan.lookback, plan.filters, plan.kernel_size) == (5, 20, 6, 2)
    assert (plan.dilations, plan.steps, plan.members) == ((1, 3), 17, 3)
    assert plan.receptive_field == 5


def test_presets_spend_more_and_more():
    fast, default, best = (plan_of(frame_at("D"), preset=name) for name in ("fast", "default", "best"))
    assert fast.steps < default.steps < best.steps
    assert fast.members < default.members < best.members
    assert fast.seconds <= default.seconds < best.seconds
    assert fast.memory_mb <= default.memory_mb <= best.memory_mb


def test_more_data_means_more_steps_up_to_a_bound():
    steps = [plan_of(frame_at("D", 40, count)).steps for count in (1, 10, 100)]
    assert steps == sorted(steps)
    assert plan_of(frame_at("D", 2000, 300)).steps <= 2000


@pytest.mark.parametrize("lengths", [[1], [2, 1], [5], [9, 300]])
@pytest.mark.parametrize("horizon", [1, 48])
def test_short_series_and_long_horizons_are_planned(lengths, horizon):
    frame = frame_of({i: weekly(n) for i, n in enumerate(lengths)})
    plan = plan_of(frame, freq="D", horizon=horizon)
    assert plan.lookback >= plan.season_length + 1
    assert plan.memory_mb >= 0
    assert (plan.steps > 0) == (max(lengths) > 2)
    assert build_network(plan, 0).context >= plan.lookback - 1


def test_notes_say_how_special_series_are_forecast():
    silent = np.full(30, 7.0)
    silent[3] = np.nan
    plan = plan_of(
        frame_of({"a": weekly(30), "b": [1.0, 2.0], "c": silent, "d": np.full(9, np.nan), "e": [5.0]}),
        freq="D",
    )
    assert "1 series teach nothing and are forecast by what the others teach" in plan.notes
    assert "2 series have not changed so far and are forecast as their value" in plan.notes
    assert "1 series have no value and are forecast as 0" in plan.notes
    assert not any("no training" in note for note in plan.notes)
    assert any("no training" in note for note in plan_of(frame_of({"a": np.ones(9)})).notes)
    assert any("no training" in note for note in plan_of(frame_at("D"), max_steps=0).notes)


def test_a_plan_is_json_and_back_and_readable():
    plan = plan_of(frame_at("h", 500))
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    lines = dict(line.split(maxsplit=1) for line in str(plan).splitlines() if not line.startswith("note: "))
    assert lines["parameters"] == f"{plan.parameters:,}"
    assert lines["dilations"] == ", ".join(map(str, plan.dilations))
    assert set(lines) == set(plan.to_dict()) - {"notes"}
    assert [f"note: {note}" for note in plan.notes] == str(plan).splitlines()[len(lines) :]


def test_more_rows_than_32_bits_count_are_refused_before_any_work():
    panel = Panel.from_frame(frame_of({"a": weekly(9)}))
    check_size(panel)
    rows = MAX_ROWS + 1
    # One float seen as many: no memory is taken.
    object.__setattr__(panel, "values", np.broadcast_to(1.0, (rows,)))
    object.__setattr__(panel, "indptr", np.array([0, rows]))
    for method in (Forecaster(**SMALL).plan, Forecaster(**SMALL).fit):
        with pytest.raises(
            PanelError, match=r"at most 2,146,435,072 rows\. Received: 2,146,435,073 rows; fit groups"
        ):
            method(panel)


@pytest.mark.parametrize("levels", [[0], [100], [80, -1], [float("nan")], 80, ["high"], [None]])
def test_levels_are_numbers_between_0_and_100(levels):
    with pytest.raises(ConfigError, match="must be numbers between 0 and 100, in percent") as raised:
        checked_levels(levels)
    assert f"Received: {levels!r}; try [80, 95]." in str(raised.value)


def test_levels_are_sorted_numbers():
    assert checked_levels([95, np.float32(50)]) == (50.0, 95.0)
