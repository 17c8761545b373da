"""What a panel looks like, against plain counting."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_forecasters import EXTREME, frame_of

from pipelines import Panel
from pipelines.data_summary import POINTS, SKETCHES, summarize_panel


def test_it_counts_what_is_there() -> None:
    y = np.array([0.0, 1.0, np.nan, 3.0] * 10)
    panel = Panel.from_frame(frame_of({"a": y, "b": y[:24] + 5}))
    found = summarize_panel(panel, 4)
    assert (found["series"], found["rows"], found["shortest"], found["longest"]) == (2, 64, 24, 40)
    assert found["missing"] == pytest.approx(0.25)
    assert found["zero"] == pytest.approx(10 / 48)
    assert (found["smallest"], found["largest"]) == (0.0, 8.0)
    assert found["seasonality"] == pytest.approx(1.0)
    assert found["first"].startswith("2024-01-01")
    assert found["sketches"]["a"][:4] == [0.0, 1.0, None, 3.0]


@given(st.integers(1, 500), st.integers(2, 30))
def test_sketches_keep_the_mean(length: int, season: int) -> None:
    values = np.random.default_rng(length).normal(size=length)
    found = summarize_panel(Panel.from_frame(frame_of({"a": values}), "D"), season)
    drawn = found["sketches"]["a"]
    assert len(drawn) == min(length, POINTS)
    edges = np.linspace(0, length, len(drawn) + 1).astype(int)
    np.testing.assert_allclose(drawn, [values[a:b].mean() for a, b in pairwise(edges)], rtol=1e-3)
    assert found["seasonality"] is None or 0 <= found["seasonality"] <= 1


def test_series_that_begin_at_other_times_have_one_profile() -> None:
    days = pd.date_range("2024-01-01", periods=70)
    week = np.sin(2 * np.pi * np.arange(70) / 7)
    whole = pd.DataFrame({"unique_id": "a", "ds": days, "y": week})
    late = whole.iloc[3:].assign(unique_id="b")
    one = summarize_panel(Panel.from_frame(whole), 7)["profile"]
    both = summarize_panel(Panel.from_frame(pd.concat([whole, late])), 7)["profile"]
    np.testing.assert_allclose(both, one, atol=0.02)


@pytest.mark.parametrize("name", EXTREME)
@pytest.mark.filterwarnings("error")
def test_any_values_are_described(name: str) -> None:
    found = summarize_panel(Panel.from_frame(frame_of({"a": EXTREME[name], "b": np.arange(30.0)})), 7)
    json.dumps(found, allow_nan=False)


def test_many_series_are_sketched_in_part() -> None:
    panel = Panel.from_frame(frame_of({f"s{i}": np.arange(5.0) + i for i in range(40)}))
    assert len(summarize_panel(panel)["sketches"]) == SKETCHES
