import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.holding_out import MAX_WINDOWS, hold_out
from pipelines.panel import Panel


def panel_of(*lengths):
    parts = [pd.DataFrame({"unique_id": i, "ds": range(n), "y": 1.0}) for i, n in enumerate(lengths)]
    return Panel.from_frame(pd.concat(parts), freq=1)


sizes = st.lists(st.integers(1, 400), min_size=1, max_size=6)


@given(lengths=sizes, horizon=st.integers(1, 60), season=st.integers(1, 60))
def test_what_is_held_out_leaves_enough_to_learn_from(lengths, horizon, season):
    panel = panel_of(*lengths)
    held = hold_out(panel, horizon, season)
    if held.reason:
        assert (held.n_windows, held.rows) == (0, 0)
        assert max(lengths) < season + 2 * horizon
        return
    assert 1 <= held.n_windows <= MAX_WINDOWS
    assert held.rows == horizon + (held.n_windows - 1) * held.step
    tested = held.tested(panel)
    assert (tested.lengths - held.rows >= season + horizon).all()
    assert held.n_windows == 1 or held.rows <= np.median(lengths) / 5


@given(lengths=sizes, horizon=st.integers(1, 60), season=st.integers(1, 60))
def test_all_series_long_enough_are_tested(lengths, horizon, season):
    panel = panel_of(*lengths)
    held = hold_out(panel, horizon, season)
    if held.n_windows:
        long_enough = [n for n in lengths if n >= held.rows + season + horizon]
        assert held.tested(panel).lengths.tolist() == long_enough


@pytest.mark.parametrize(
    ("length", "horizon", "season", "windows", "step"),
    [
        (17544, 48, 24, 28, 48),  # room for many: windows that do not overlap
        (122, 12, 12, 3, 6),  # room for few: half a horizon apart
        (36, 12, 12, 1, 6),  # a season and two horizons: the least that can be tested
        (5, 1, 1, 1, 1),
        (100, 1, 1, 20, 1),
    ],
)
def test_windows_by_length(length, horizon, season, windows, step):
    held = hold_out(panel_of(length), horizon, season)
    assert (held.n_windows, held.step) == (windows, step)


def test_a_series_one_row_too_short_is_named_with_both_lengths():
    held = hold_out(panel_of(35), 12, 12)
    assert held.n_windows == 0
    assert "36 rows" in held.reason
    assert "the longest has 35" in held.reason


def test_wishes_are_granted_as_far_as_the_longest_series_reaches():
    panel = panel_of(100, 30)
    held = hold_out(panel, 10, 5, n_windows=76, step=1)
    assert (held.n_windows, held.step, held.rows) == (76, 1, 85)
    assert held.tested(panel).n_series == 1
    with pytest.raises(ConfigError, match=r"n_windows=77 and step=1, .* has room for 76; ask for fewer"):
        hold_out(panel, 10, 5, n_windows=77, step=1)


@pytest.mark.parametrize("wish", [{"n_windows": 0}, {"step": 0}, {"step": -3}])
def test_wishes_must_be_positive(wish):
    with pytest.raises(ConfigError, match=f"{next(iter(wish))} must be a positive integer"):
        hold_out(panel_of(100), 10, 5, **wish)
