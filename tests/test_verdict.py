"""The verdict: what is said of a model, and that it is never kinder than the figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from example_results import ERRORS, make_result
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.metrics import Scores, evaluate
from pipelines.tracking.note import note_of
from pipelines.verdict import Verdict, verdict

RESULT = make_result()
SCORES = RESULT.scores
BASELINES = [name for name in ERRORS if name != "TCN"]
TONES = ["bad", "fair", "good"]


def changed(
    maes: dict[str, float] | None = None,
    wqls: dict[str, float] | None = None,
    coverage: float = 0.8,
    shift: str = "ok",
    **skill: Any,
) -> Scores:
    """Scores in which TCN is clearly best at 1.0, but for what is given."""
    overall, table = SCORES.overall.copy(), SCORES.skill.copy()
    overall["mae"] = pd.Series(dict.fromkeys(BASELINES, 2.0) | {"TCN": 1.0} | (maes or {}))
    overall["wql"] = pd.Series(dict.fromkeys(BASELINES, 0.2) | {"TCN": 0.1} | (wqls or {}))
    overall.loc["TCN", "coverage_80"] = coverage
    own, naive = overall["mae"]["TCN"], overall["mae"]["SeasonalNaive"]
    gain = 1 - own / naive if naive else (-np.inf if own else 0.0)
    figures = {"skill_mae": gain, "p_value": 0.001, "test": "Diebold-Mariano", "series_won": 0.8} | skill
    for name, value in figures.items():
        table.loc["TCN", name] = value
    table.loc["TCN", "significant"] = bool(figures["p_value"] < 0.05 and figures["skill_mae"] > 0)
    return replace(SCORES, overall=overall, skill=table, shift={"verdict": shift, "text": f"It {shift}."})


def judge(*args: Any, **kwargs: Any) -> Verdict:
    judged = verdict(changed(*args, **kwargs), "TCN", (95, 80))
    assert all(text.endswith(".") for text in (judged.headline, *judged.details))
    return judged


@pytest.mark.parametrize(
    ("figures", "tone", "label", "headline"),
    [
        ({}, "good", "Better", "TCN beats seasonal naive by 50 %."),
        (
            {"p_value": 0.2},
            "fair",
            "Not clearly better",
            "TCN is 50 % ahead of seasonal naive, maybe by chance.",
        ),
        ({"p_value": np.nan}, "fair", "Ahead, not tested", "TCN is 50 % ahead of seasonal naive."),
        ({"maes": {"SeasonalNaive": 0.5}}, "bad", "Worse", "TCN is 100 % worse than seasonal naive."),
        (
            {"maes": {"SeasonalNaive": 0.5}, "p_value": np.nan},
            "bad",
            "Worse",
            "TCN is 100 % worse than seasonal naive.",
        ),
        (
            {"maes": {"SeasonalNaive": 0.98}, "p_value": 0.4},
            "fair",
            "Not better",
            "TCN is no better than seasonal naive (2.0 % behind).",
        ),
        ({"skill_mae": np.nan}, "unknown", "No comparison", "TCN could not be compared with seasonal naive."),
        (
            {"maes": {"SeasonalNaive": 0.0}},
            "bad",
            "Worse",
            "TCN is worse than seasonal naive, which is exact here.",
        ),
        ({"maes": {"SeasonalNaive": 0.05}}, "bad", "Worse", "TCN has 20 times the error of seasonal naive."),
        (
            {"maes": {"SeasonalNaive": 1e-16}},
            "bad",
            "Worse",
            "TCN has over a million times the error of seasonal naive.",
        ),
        (
            {"maes": {"SeasonalNaive": 0.0, "TCN": 0.0}, "p_value": 1.0},
            "fair",
            "Not better",
            "TCN and seasonal naive are both exact here.",
        ),
        (
            {"maes": {"Naive": 174 / 245, "Drift": 168 / 245, "SeasonalNaive": 278 / 245}, "p_value": np.nan},
            "bad",
            "Worse than Drift",
            "TCN is 12 % ahead of seasonal naive, but Drift beats TCN by 31 %.",
        ),
        (
            {"maes": {"Naive": 0.95}},
            "fair",
            "Not better than Naive",
            "TCN beats seasonal naive by 50 %, but Naive beats TCN by 5.0 %.",
        ),
        ({"coverage": 0.355}, "fair", "Better, but far too sure", "TCN beats seasonal naive by 50 %."),
        ({"coverage": 0.99}, "fair", "Better, but intervals too wide", "TCN beats seasonal naive by 50 %."),
        ({"wqls": {"Naive": 0.05}}, "fair", "Better, but not by WQL", "TCN beats seasonal naive by 50 %."),
        (
            {"shift": "repeats last value"},
            "bad",
            "Better, but repeats last value",
            "TCN beats seasonal naive by 50 %.",
        ),
    ],
)
def test_words(figures: dict[str, Any], tone: str, label: str, headline: str) -> None:
    judged = judge(**figures)
    assert (judged.tone, judged.label, judged.headline) == (tone, label, headline)
    assert judged.details[-1] == f"It {figures.get('shift', 'ok')}."


sizes = st.floats(0.0, 3.0).map(lambda size: round(size, 6))


@settings(max_examples=200)
@given(
    maes=st.fixed_dictionaries({name: sizes for name in ERRORS}),
    wqls=st.fixed_dictionaries({name: sizes for name in ERRORS}),
    coverage=st.floats(0, 1),
    p_value=st.sampled_from([0.001, 0.2, np.nan]),
)
def test_the_tone_is_good_only_if_nothing_speaks_against_it(
    maes: dict[str, float], wqls: dict[str, float], coverage: float, p_value: float
) -> None:
    judged = judge(maes, wqls, coverage, p_value=p_value)
    best = min(BASELINES, key=lambda name: maes[name])
    if maes[best] < 0.999 * maes["TCN"]:
        assert judged.tone in ("fair", "bad")
        assert best in judged.headline or maes[best] == maes["SeasonalNaive"] or "seasonal" in judged.headline
        if maes[best] < 0.9 * maes["SeasonalNaive"]:
            assert f"{best} beats TCN by" in judged.headline
    if min(wqls[name] for name in BASELINES) < 0.999 * wqls["TCN"]:
        assert judged.tone != "good"
        assert "By WQL" in " ".join(judged.details)
    if coverage < 0.65 or coverage > 0.97:
        assert judged.tone != "good"
        assert f"interval held {100 * coverage:.1f} %" in " ".join(judged.details)
        assert "far too" in " ".join(judged.details)
    if not p_value < 0.05:
        assert judged.tone != "good"
        assert "is statistically significant" not in " ".join(judged.details)


@settings(max_examples=50)
@given(mae=st.floats(0.01, 5), better=st.floats(0, 0.99), name=st.sampled_from(BASELINES))
def test_a_better_baseline_never_helps(mae: float, better: float, name: str) -> None:
    maes = {"TCN": mae, name: mae}
    before, after = judge(maes), judge(maes | {name: mae * better})
    assert TONES.index(after.tone) <= TONES.index(before.tone)


def test_few_values_do_not_accuse_intervals() -> None:
    few = replace(changed(coverage=0.6), counts={"rows": 10, "rows_without_y": 0, "series": 1})
    assert verdict(few, "TCN", [80]).tone == "good"


def test_without_windows_enough_no_significance_is_claimed_of_many_series() -> None:
    history = pd.DataFrame({"unique_id": np.repeat(range(100), 30), "ds": np.tile(range(30), 100)})
    history["y"] = 10 + np.arange(len(history)) % 7.0
    backtest = history[history["ds"] >= 26].assign(cutoff=25)
    backtest["TCN"], backtest["SeasonalNaive"] = backtest["y"] + 1, backtest["y"] + 3
    judged = verdict(evaluate(backtest, history, 7, freq=1), "TCN")
    text = " ".join(judged.details)
    assert judged.tone == "fair"
    assert "too few independent windows" in text
    assert "on 100 % of the series, which may all move together" in text


def test_the_details_name_test_wins_and_coverage() -> None:
    text = " ".join(judge(p_value=0.012).details)
    assert "is statistically significant (Diebold-Mariano test over windows, p = 0.012)" in text
    assert "on 80 % of the series" in text
    assert "80 % interval held 80.0 % of the outcomes" in text


@pytest.mark.parametrize("reason", ["The longest series has 7 rows.", "No value was observed."])
def test_why_nothing_was_tested_is_said_everywhere(reason: str) -> None:
    result = make_result(n_windows=0, reason=reason)
    assert verdict(result.scores, "TCN", reason=result.reason).details == (reason,)
    assert reason in note_of(result)


@pytest.mark.parametrize("figures", [{}, {"maes": {"Drift": 0.5}}, {"coverage": 0.2}])
def test_mlflow_says_the_same(figures: dict[str, Any]) -> None:
    note = note_of(replace(RESULT, scores=changed(**figures)))
    judged = judge(**figures)
    assert f"**{judged.label}.** {judged.headline}" in note
    assert all(text in note for text in judged.details)
