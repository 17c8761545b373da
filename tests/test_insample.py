"""Fitted values are what a loop over origins forecasts for the next row."""

import numpy as np
import pandas as pd
import pytest
from small_forecasters import EXTREME, fitted, frame_of, training_frame, weekly

import pipelines.insample
from pipelines import Panel, PanelError


def one_by_one(f, frame, **wanted):
    """The slow way: a forecast from each row of each series, with nothing after it."""
    parts = []
    for _, rows in frame.groupby("unique_id", sort=True):
        for n in range(1, len(rows)):
            parts.append(f.predict(rows[:n], **wanted).head(1))
    return pd.concat(parts, ignore_index=True)


def test_they_are_those_of_a_loop_over_origins():
    f = fitted()
    frame = training_frame().groupby("unique_id").tail(18)
    found = f.fitted_values(frame, levels=[80], quantiles=[0.25])
    expected = one_by_one(f, frame, levels=[80], quantiles=[0.25])
    assert list(found) == ["unique_id", "ds", "y", *expected.columns[2:]]
    keys = ["unique_id", "ds"]
    pd.testing.assert_frame_equal(found[keys], expected[keys])
    size = np.abs(expected.iloc[:, 2:]).max(axis=1)
    error = np.abs(found.iloc[:, 3:] - expected.iloc[:, 2:]).max(axis=1)
    assert (error <= 1e-5 * size).all()
    y = found[keys].merge(frame, how="left")["y"]
    np.testing.assert_array_equal(found["y"], y)


def test_series_of_any_length_in_blocks_of_any_size(monkeypatch):
    lengths = {"long": weekly(30), "one": [3.0], "short": weekly(3, 1), "two": [1.0, 2.0]}
    panel = Panel.from_frame(frame_of(lengths))
    whole = fitted().fitted_values(panel)
    assert whole["unique_id"].value_counts().to_dict() == {"long": 29, "short": 2, "two": 1}
    monkeypatch.setattr(pipelines.insample, "_BUDGET", 1)
    single = fitted().fitted_values(panel)
    pd.testing.assert_frame_equal(whole, single, rtol=1e-5)


def test_nothing_at_or_after_a_row_moves_its_fitted_value():
    frame = frame_of({"a": weekly(25)})
    changed = frame.assign(y=np.where(np.arange(25) < 12, frame["y"], -1e3))
    before, after = (fitted().fitted_values(rows).iloc[:, 3:].to_numpy() for rows in (frame, changed))
    np.testing.assert_array_equal(before[:12], after[:12])
    assert (before[12:] != after[12:]).any()


def test_they_are_finite_for_any_series():
    values = fitted().fitted_values(frame_of(EXTREME))
    assert np.isfinite(values.iloc[:, 3:].to_numpy()).all()


def test_the_default_is_the_data_of_the_fit():
    f = fitted()
    pd.testing.assert_frame_equal(f.fitted_values(), f.fitted_values(training_frame()))


def test_a_panel_without_two_rows_is_refused():
    with pytest.raises(PanelError, match="at least two rows"):
        fitted().fitted_values(frame_of({"a": [1.0]}).assign(ds=pd.Timestamp("2024-01-01")))
