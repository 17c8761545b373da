from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from jobs_stand_in import make_frame

from pipelines.holding_out import HeldOut
from pipelines.jobs.training_rows import seen_targets
from pipelines.learned import rows_of_plan
from pipelines.panel import Panel

HORIZON = 4


def panel_of(lengths, start=0):
    return Panel.from_frame(make_frame(tuple(lengths), start=start), freq=1)


def fitted(panel, ends=None):
    """What learned from a panel, or up to the ends of other rows."""
    plan = SimpleNamespace(horizon=HORIZON)
    return SimpleNamespace(fitted_=SimpleNamespace(panel=panel, plan=plan, learned=ends, ends=ends))


lengths = st.lists(st.integers(1, 60), min_size=1, max_size=5)


@given(lengths=lengths, left_out=st.integers(0, 59))
def test_the_rows_of_the_fit_follow_from_its_plan(lengths, left_out):
    panel = panel_of(lengths)
    if left_out < max(lengths):
        expected = panel.before(left_out)
        assert rows_of_plan(panel, expected.n_rows) == expected


def test_all_rows_count_if_the_plan_is_not_one_of_these_data():
    panel = panel_of((30, 20))
    for rows in (51, 47, 10**9):  # 50 rows, 48 without the last of each
        assert rows_of_plan(panel, rows) == panel


@given(
    length=st.integers(20, 60),
    left_out=st.integers(0, 40),
    n_windows=st.integers(1, 3),
    step=st.integers(1, 6),
    gap=st.none() | st.integers(0, 59),
)
def test_values_are_counted_that_lie_in_a_window_and_in_the_fit(length, left_out, n_windows, step, gap):
    frame = make_frame((length,))
    frame.loc[frame["ds"] == gap, "y"] = np.nan
    panel = Panel.from_frame(frame, freq=1)
    left_out = min(left_out, length - 1)
    held = HeldOut(n_windows, step, HORIZON + (n_windows - 1) * step, keep=0)
    windows = [range(length - w * step - HORIZON, length - w * step) for w in range(n_windows)]
    targets = {row for window in windows for row in window} - {gap}
    expected = len([row for row in targets if row < length - left_out])
    trained = fitted(panel, panel.before(left_out).tail(1))
    assert seen_targets(trained, panel, held) == expected


def test_series_and_stretches_that_the_fit_has_not_seen_do_not_count():
    held = HeldOut(1, HORIZON, HORIZON, keep=0)
    trained = fitted(panel_of((30,), start=100))
    assert seen_targets(trained, panel_of((30,), start=100), held) == HORIZON
    assert seen_targets(trained, panel_of((30,), start=0), held) == 0
    assert seen_targets(trained, panel_of((30,), start=200), held) == 0
    others = Panel.from_frame(make_frame((30,), start=100).replace("s0", "other"), freq=1)
    assert seen_targets(trained, others, held) == 0
