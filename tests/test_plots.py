"""Figures show exactly what the frames say, whatever the order of rows, kind of stamps or names."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from example_results import ERRORS, make_result
from hypothesis import given
from hypothesis import strategies as st

from pipelines.plots import (
    backtest_chart,
    coverage_chart,
    error_by_step,
    fan_chart,
    scores_chart,
    training_curve,
)
from pipelines.plots.frames import stamps_of, windows_of
from pipelines.plots.series import history_length
from pipelines.plots.style import DARK, LIGHT

RESULT = make_result()


def trace(figure: go.Figure, meta: str) -> Any:
    found = [one for one in figure.data if one.meta == meta]
    assert len(found) == 1
    return found[0]


def rows(frame: pd.DataFrame, series: Any) -> pd.DataFrame:
    return frame[frame["unique_id"] == series]


@pytest.mark.parametrize("series", ["a", "b", "c"])
def test_fan_chart_shows_the_forecast_of_the_series(series: str) -> None:
    figure = fan_chart(RESULT.forecast, RESULT.history, series, season_length=7)
    ahead = rows(RESULT.forecast, series)
    assert list(trace(figure, "median").y) == ahead["TCN"].tolist()
    for level in (80, 95):
        assert list(trace(figure, f"lo-{level}").y) == ahead[f"TCN-lo-{level}"].tolist()
        assert list(trace(figure, f"hi-{level}").y) == ahead[f"TCN-hi-{level}"].tolist()
    past = trace(figure, "actual")
    assert list(past.y) == rows(RESULT.history, series)["y"].tolist()[-len(past.y) :]
    assert pd.Timestamp(past.x[-1]) + pd.Timedelta(days=1) == pd.Timestamp(trace(figure, "median").x[0])
    assert figure.layout.title.text == series


def test_wider_intervals_lie_behind_narrower_ones() -> None:
    names = [one.meta for one in fan_chart(RESULT.forecast, RESULT.history).data]
    assert names == ["lo-95", "hi-95", "lo-80", "hi-80", "actual", "median"]


def test_order_of_rows_does_not_matter() -> None:
    mixed = [
        frame.sample(frac=1, random_state=1) for frame in (RESULT.forecast, RESULT.history, RESULT.backtest)
    ]
    assert fan_chart(mixed[0], mixed[1], "b") == fan_chart(RESULT.forecast, RESULT.history, "b")
    assert backtest_chart(mixed[2], "b") == backtest_chart(RESULT.backtest, "b")


def test_frames_are_not_changed() -> None:
    before = [frame.copy() for frame in (RESULT.forecast, RESULT.history, RESULT.backtest)]
    fan_chart(RESULT.forecast, RESULT.history)
    backtest_chart(RESULT.backtest)
    for frame, copy in zip((RESULT.forecast, RESULT.history, RESULT.backtest), before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_integer_stamps_and_other_column_names() -> None:
    result = make_result(ids=[7, 3], start=100, freq="1", columns=("shop", "t", "sold"))
    figure = fan_chart(result.forecast, result.history, 3, columns=("shop", "t", "sold"))
    assert list(trace(figure, "median").x) == list(range(170, 184))
    assert figure.layout.yaxis.title.text == "sold"
    backtest = backtest_chart(result.backtest, 3, columns=("shop", "t", "sold"))
    assert max(x for x in trace(backtest, "actual").x if x is not None) == 169


def test_series_without_history_and_gaps_in_it() -> None:
    history = RESULT.history[RESULT.history["unique_id"] != "a"].copy()
    history.loc[history.index[-3], "y"] = np.nan
    assert list(trace(fan_chart(RESULT.forecast, history, "a"), "actual").y) == []
    past = trace(fan_chart(RESULT.forecast, history, "c"), "actual").y
    assert np.isnan(past).tolist() == [False] * (len(past) - 3) + [True, False, False]


def test_unknown_series_and_empty_frames_are_errors() -> None:
    with pytest.raises(ValueError, match=r"'series' must be an id of the frame\. Received: 'nobody'"):
        fan_chart(RESULT.forecast, RESULT.history, "nobody")
    with pytest.raises(ValueError, match="'forecast' must have rows"):
        fan_chart(RESULT.forecast.iloc[:0], RESULT.history)
    with pytest.raises(ValueError, match="'backtest' must have rows"):
        backtest_chart(RESULT.backtest.iloc[:0])


def test_names_are_shown_as_they_are_not_as_markup() -> None:
    name = "<script>alert(1)</script> & <b>Zürich</b>"
    result = make_result(ids=[name], columns=("unique_id", "ds", "<i>y</i>"))
    text = fan_chart(result.forecast, result.history, columns=result.columns).to_json()
    assert "<script>" not in text
    assert "<i>" not in text
    assert json.loads(text)["layout"]["title"]["text"] == (
        "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;Zürich&lt;/b&gt;"
    )


def test_backtest_chart_breaks_lines_between_windows_and_closes_each_band() -> None:
    figure = backtest_chart(RESULT.backtest, "a")
    past = rows(RESULT.backtest, "a")
    shown = list(trace(figure, "median").y)
    assert [y for y in shown if y is not None] == past["TCN"].tolist()
    assert [place for place, y in enumerate(shown) if y is None] == [14, 29]
    band = trace(figure, "band")
    assert band.name == "80 % interval"
    first = list(band.y)[: list(band.y).index(None)]
    window = past[past["cutoff"] == past["cutoff"].min()]
    assert first == [*window["TCN-hi-80"], *window["TCN-lo-80"][::-1]]
    assert list(trace(figure, "compare").y)[:14] == window["SeasonalNaive"].tolist()


@given(st.data())
def test_chosen_windows_never_overlap_and_end_with_the_last(data: st.DataObject) -> None:
    horizon = data.draw(st.integers(1, 6))
    cutoffs = sorted(data.draw(st.sets(st.integers(0, 60), min_size=1, max_size=20)))
    max_rows = data.draw(st.integers(1, 40))
    pairs = [(cutoff, cutoff + step) for cutoff in cutoffs for step in range(1, horizon + 1)]
    windows = windows_of([pair[0] for pair in pairs], [pair[1] for pair in pairs], max_rows)
    shown = [pairs[row][1] for window in windows for row in window]
    assert shown == sorted(set(shown))
    assert shown[-1] == cutoffs[-1] + horizon
    assert len(shown) <= max(max_rows, horizon)
    assert len(windows) == 1 or horizon > 1


@given(
    st.lists(st.datetimes(pd.Timestamp(1900, 1, 1), pd.Timestamp(2200, 1, 1)), min_size=1, max_size=5),
    st.sampled_from(["D", "h", "min", "s", "us"]),
)
def test_stamps_as_text_keep_the_time(times: list[Any], unit: str) -> None:
    stamps = pd.DatetimeIndex(times).floor(unit)
    assert pd.to_datetime(stamps_of(stamps), format="ISO8601").tolist() == stamps.tolist()


def test_stamps_with_a_time_zone_show_its_wall_time() -> None:
    stamps = pd.date_range("2024-03-31 01:00", periods=2, freq="h", tz="Europe/Zurich")
    assert stamps_of(stamps) == ["2024-03-31 01:00", "2024-03-31 03:00"]
    assert stamps_of(pd.period_range("2024-01", periods=2, freq="M")) == ["2024-01-01", "2024-02-01"]


@given(st.integers(1, 2000), st.integers(1, 10_000))
def test_history_shown_is_longer_than_the_forecast_but_bounded(horizon: int, season_length: int) -> None:
    assert horizon < history_length(horizon, season_length) <= 6 * horizon + 60


def test_scores_chart_has_the_best_model_on_top() -> None:
    assert RESULT.scores is not None
    bars = scores_chart(RESULT.scores, "mae").data[0]
    assert list(bars.x) == sorted(RESULT.scores.overall["mae"], reverse=True)
    assert bars.y[-1] == RESULT.scores.overall["mae"].idxmin()
    assert bars.marker.color[list(bars.y).index("TCN")] == LIGHT["model"]


def test_error_by_step_shows_each_model_the_forecaster_on_top() -> None:
    assert RESULT.scores is not None
    figure = error_by_step(RESULT.scores, "mae")
    assert {one.name for one in figure.data} == set(ERRORS)
    assert figure.data[-1].name == "TCN"
    by_step = RESULT.scores.by_step
    for one in figure.data:
        assert list(one.x) == list(range(1, 15))
        assert list(one.y) == by_step.loc[by_step["model"] == one.name, "mae"].tolist()
    looks = {(one.line.color, one.line.dash) for one in figure.data}
    assert len(looks) == len(ERRORS)


def test_coverage_chart_is_in_percent_beside_the_diagonal() -> None:
    assert RESULT.scores is not None
    figure = coverage_chart(RESULT.scores)
    exact, *models = figure.data
    assert list(exact.x) == list(exact.y)
    for one in models:
        expected = 100 * RESULT.scores.overall.loc[one.name, ["coverage_80", "coverage_95"]].to_numpy(float)
        np.testing.assert_allclose(np.asarray(one.y, dtype=float), expected)
        assert min(one.y) >= figure.layout.yaxis.range[0]


def test_training_curve_breaks_between_members_of_an_ensemble() -> None:
    steps = [10, 20, 30, 10, 20, 30]
    curve = training_curve([{"step": step, "loss": 1 / step} for step in steps]).data[0]
    assert list(curve.x) == [10, 20, 30, None, 10, 20, 30]
    assert list(training_curve([]).data[0].x) == []


def test_every_color_has_a_dark_partner() -> None:
    assert RESULT.scores is not None
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert not set(LIGHT.values()) & set(DARK.values())
    for figure in (
        fan_chart(RESULT.forecast, RESULT.history),
        backtest_chart(RESULT.backtest),
        scores_chart(RESULT.scores),
        error_by_step(RESULT.scores),
        coverage_chart(RESULT.scores),
        training_curve(RESULT.training),
    ):
        colors = set(re.findall(r"#[0-9a-f]{6}", figure.to_json()))
        assert colors <= set(LIGHT.values())


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_background(palette: dict[str, str]) -> None:
    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    def contrast(one: str, other: str) -> float:
        dark, light = sorted((luminance(one), luminance(other)))
        return (light + 0.05) / (dark + 0.05)

    for role, color in palette.items():
        if role not in ("surface", "grid"):  # WCAG 2.2: 4.5 for text, 3 for graphics
            assert contrast(color, palette["surface"]) >= (4.5 if role in ("ink", "muted") else 3), role
