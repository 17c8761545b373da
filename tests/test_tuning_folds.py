"""All trials are scored on the same origins, and nothing of a search sees what is held out."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs_stand_in import make_frame
from small_forecasters import weekly
from tuning_cases import Erring, forecaster, panel_of

from pipelines import ConfigError, Forecaster, Panel, PanelError, evaluate
from pipelines.config import Settings
from pipelines.tuning.folds import RollingOrigins
from pipelines.tuning.trials import run_trial

pytestmark = pytest.mark.usefixtures("eagerly")

UNTRAINED = {"horizon": 3, "season_length": 7, "filters": 2, "dilations": [1], "ensemble": 1, "max_steps": 0}


def origins_of(panel, folds=2, **arguments):
    return RollingOrigins.of(panel, Settings.of(forecaster(**arguments).get_params()), folds)


@given(
    st.lists(st.integers(50, 120), min_size=1, max_size=4),
    st.integers(1, 3),
    st.sampled_from([("auto", 4), (7, 30)]),
)
@settings(max_examples=25, deadline=None)
def test_folds_lie_before_what_is_held_out(lengths, folds, lookbacks):
    panel = Panel.from_frame(make_frame(lengths), 1)
    one, other = (origins_of(panel, folds, lookback=lookback) for lookback in lookbacks)
    assert one.bounds == other.bounds
    assert one.windows == other.windows
    assert one.rows == panel.before(one.held.rows)
    assert one.held.n_windows >= 1
    assert len(one.bounds) == folds
    epochs = []
    frames = one.backtest(forecaster(), epochs)
    assert {record["training"] for record in epochs} == {*range(1, folds + 1)}
    frame = pd.concat(frames)
    own = frame[frame["unique_id"] == f"s{np.argmax(panel.lengths)}"]
    assert one.longest == (np.arange(max(lengths)) <= own["cutoff"].min()).sum()
    # No value to be forecast is held out, and folds part the windows.
    last = panel.stamps(int(np.argmax(panel.lengths)))[-1]
    assert frame["ds"].max() <= last - one.held.rows
    assert not frame.duplicated(["unique_id", "cutoff", "ds"]).any()
    assert [(part["cutoff"].min(), part["cutoff"].max()) for part in frames] == [*one.bounds]
    for older, newer in pairwise(frames):
        last, first = (each.groupby("unique_id")["cutoff"] for each in (older, newer))
        assert (last.max() < first.min()).all()


def test_scores_of_folds_are_those_of_their_windows():
    panel = panel_of((100, 100))
    origins = origins_of(panel)
    asked = forecaster(filters=8, lookback=6)
    outcome = run_trial(Erring, asked.get_params(), origins, "wql")
    frame = pd.concat(origins.backtest(asked, []))
    assert outcome.error is None
    assert len(outcome.folds) == 2
    for fold, (first, last) in zip(outcome.folds, origins.bounds, strict=True):
        part = frame[frame["cutoff"].between(first, last)]
        scores = evaluate(part, origins.rows, origins.season_length)
        assert fold.cutoffs == (str(first), str(last))
        for name in ("mae", "wql", "mase", "coverage_80"):
            assert fold.metrics[name] == scores.overall.loc["TCN", name]
        assert fold.by_step["mae"] == tuple(scores.by_step.set_index("step")["mae"])
        assert len(fold.epochs) == 1
    assert outcome.score == np.mean([fold.metrics["wql"] for fold in outcome.folds])


def test_real_networks_of_any_look_back_are_scored_on_the_same_values():
    days = pd.date_range("2024-01-01", periods=80)
    panel = Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": days, "y": weekly(80)}))
    origins = RollingOrigins.of(panel, Settings.of(UNTRAINED), 2)
    frames = [
        pd.concat(origins.backtest(Forecaster(**UNTRAINED, lookback=lookback), [])) for lookback in (4, 30)
    ]
    pd.testing.assert_frame_equal(*(frame[["ds", "cutoff", "y"]] for frame in frames))
    assert not frames[0]["TCN"].equals(frames[1]["TCN"])


def test_folds_by_series_are_those_by_date_where_series_end_together():
    days = pd.date_range("2024-01-01", periods=80)
    panel = Panel.from_frame(
        pd.concat(pd.DataFrame({"unique_id": name, "ds": days, "y": weekly(80)}) for name in "ab")
    )
    asked = {**UNTRAINED, "lookback": 7, "max_steps": 2}
    by_date = RollingOrigins.of(panel, Settings.of(asked), 2)
    by_series = replace(by_date, aligned=False)
    one, other = (pd.concat(each.backtest(Forecaster(**asked), [])) for each in (by_date, by_series))
    one, other = (each.sort_values(["unique_id", "cutoff", "ds"], ignore_index=True) for each in (one, other))
    pd.testing.assert_frame_equal(one, other, rtol=1e-5)


def test_series_that_end_at_different_dates_take_as_many_trainings_as_folds():
    frame = make_frame((90, 110, 130, 170))
    origins = origins_of(Panel.from_frame(frame, 1), folds=1)
    epochs, fitted = [], []

    class Watching(Erring):
        def fit(self, df, **others):
            fitted.append(df)
            return super().fit(df, **others)

    [scored] = origins.backtest(Watching(**forecaster().get_params()), epochs)
    assert {record["training"] for record in epochs} == {1}
    assert len(fitted) == 1
    last = fitted[0].to_frame().groupby("unique_id")["ds"].max()
    assert last.equals(scored.groupby("unique_id")["cutoff"].min().rename("ds"))


def test_short_series_are_refused_before_anything_is_trained():
    with pytest.raises(PanelError, match="holds rows out"):
        origins_of(panel_of((10,)))
    with pytest.raises(ConfigError, match="folds=40 do not fit"):
        origins_of(panel_of((60,)), folds=40)


@pytest.mark.parametrize(
    ("unknown", "what"), [(slice(None), "held out"), (slice(80, None), "held out"), (slice(60, 90), "folds")]
)
def test_series_without_values_to_score_by_are_refused_before_anything_is_trained(unknown, what):
    frame = make_frame((100,))
    frame.loc[frame.index[unknown], "y"] = np.nan
    with pytest.raises(
        PanelError, match=f"{what} .*must have a row with a known 'y'. Received: .* rows without"
    ):
        origins_of(Panel.from_frame(frame, 1))
