"""Figures of studies show exactly what the records say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from example_studies import SPACE, make_study, make_trial

from pipelines.plots import (
    best_by_step,
    best_score_chart,
    importance_chart,
    parallel_coordinates,
    slices_chart,
    study_figures,
)
from pipelines.tuning.records import StudyRecord, TrialRecord

STUDY = make_study(9, failed=(2,))
SCORED = [trial for trial in STUDY.trials if trial.score is not None]


def test_each_trial_is_a_line_through_its_values_to_its_score() -> None:
    (lines,) = parallel_coordinates(STUDY).data
    axes = {axis.label: axis for axis in lines.dimensions}
    assert list(axes) == [*SPACE, "mase"]  # the most important first
    assert list(axes["mase"].values) == list(lines.line.color) == [trial.score for trial in SCORED]
    assert list(axes["filters"].values) == [trial.values["filters"] for trial in SCORED]
    rates = [trial.values["learning_rate"] for trial in SCORED]
    np.testing.assert_allclose(10 ** np.asarray(axes["learning_rate"].values), rates)
    ticks = zip(axes["learning_rate"].tickvals, axes["learning_rate"].ticktext, strict=True)
    assert all(f"{10**at:.3g}" == text for at, text in ticks)
    heads = axes["head"]
    assert [heads.ticktext[code] for code in heads.values] == [trial.values["head"] for trial in SCORED]
    assert set(axes["dilations"].ticktext) == {"[1, 2, 4]", "[1, 2, 4, 8, 16]"}


def test_the_best_so_far_never_rises_and_ends_with_the_best() -> None:
    trials, best, default = best_score_chart(STUDY).data
    assert list(trials.x) == [trial.number for trial in SCORED]
    assert list(trials.y) == [trial.score for trial in SCORED]
    assert all(best.y[n] == min(trials.y[: n + 1]) for n in range(len(SCORED)))
    assert STUDY.best is not None
    assert STUDY.default is not None
    assert best.y[-1] == STUDY.best.score
    assert set(default.y) == {STUDY.default.score}
    assert len(best_score_chart(replace(STUDY, default=None)).data) == 2


def test_every_hyper_parameter_has_its_panel() -> None:
    figure = slices_chart(STUDY)
    assert [trace.name for trace in figure.data] == list(SPACE)
    for trace in figure.data:
        assert list(trace.y) == [trial.score for trial in SCORED]
        assert list(trace.marker.color) == [trial.number for trial in SCORED]
    assert list(figure.data[0].x) == [trial.values["filters"] for trial in SCORED]
    axes = [figure.layout[f"xaxis{'' if n == 1 else n}"].type for n in range(1, 6)]
    assert axes == ["linear", "linear", "log", "category", "category"]


def test_importance_is_ranked() -> None:
    (bars,) = importance_chart(STUDY).data
    assert bars.y[-1] == "filters"
    assert list(bars.x) == sorted(bars.x)
    assert sum(bars.x) == pytest.approx(100)


def test_best_and_default_are_compared_by_step() -> None:
    default, best = best_by_step(STUDY).data
    for line, trial in ((default, STUDY.default), (best, STUDY.best)):
        assert trial is not None
        mean = np.mean([fold.by_step["mase"] for fold in trial.folds], axis=0)
        np.testing.assert_allclose(line.y, mean)
        assert list(line.x) == list(range(1, 13))
    other = best_by_step(replace(STUDY, objective="wql"))
    assert list(other.data[0].y) != list(default.y)  # no scores of it by step: the first there are
    with pytest.raises(ValueError, match="score both on the folds first"):
        best_by_step(replace(STUDY, default=None))


def test_a_study_has_the_figures_that_it_has_data_for() -> None:
    assert len(study_figures(STUDY)) == 5
    assert study_figures(make_study(2, failed=(0, 1), default=None, importance={})) == {}
    with pytest.raises(ValueError, match="must have a trial with a score"):
        parallel_coordinates(make_study(1, failed=(0,)))
    one = TrialRecord("0", 0, {}, "COMPLETED", score=0.5)
    bare = StudyRecord("id", "bare", "mase", "random", 0, {}, {}, "bare", "", (one,))
    assert set(study_figures(bare)) == {"parallel_coordinates", "best_score"}


def test_names_are_shown_as_they_are_not_as_markup() -> None:
    evil = "<script>alert(1)</script>"
    trial = replace(make_trial(0), values={evil: evil, "same": 1})
    study = make_study(
        0, space={evil: {}}, trials=(trial,), best=trial, importance={evil: 1.0}, objective="mase"
    )
    for figure in study_figures(study).values():
        assert "<script>" not in figure.to_json()
