"""Scores of stored forecasts against oracles: row by row, and those of a backtest."""

import numpy as np
import pandas as pd
import pytest
from nightly_cases import DAYS, forecasts_of, history_of, job_of

from pipelines.baselines import forecast_baselines
from pipelines.metrics import evaluate
from pipelines.nightly.history import up_to
from pipelines.nightly.scoring import score_nights
from pipelines.panel import Panel

HISTORY = history_of(n_series=4, n_rows=130)
NIGHTS = [(cutoff, forecasts_of(HISTORY, cutoff)) for cutoff in DAYS[99:129]]


@pytest.fixture(scope="module")
def backtest():
    """All rows that are known, as a backtest has them."""
    rows = pd.concat([frame for _, frame in NIGHTS])
    return rows.merge(HISTORY, on=["unique_id", "ds"])


def test_scores_are_those_of_a_backtest(backtest):
    scored = score_nights(NIGHTS, HISTORY, job_of())
    models = ["TCN", "SeasonalNaive"]
    columns = [name for name in backtest.columns if not name.startswith("raw-") and name != "model"]
    whole = evaluate(backtest[columns], Panel.from_frame(HISTORY, "D"), 7, models)
    both = ["mae", "wql", "coverage_80", "coverage_95"]
    np.testing.assert_allclose(scored.overall.loc[models, both], whole.overall.loc[models, both])
    for own, other, key in (
        (scored.by_cutoff, whole.by_cutoff, "cutoff"),
        (scored.by_step, whole.by_step, "step"),
    ):
        pd.testing.assert_frame_equal(
            own[["model", key, *both]], other[["model", key, *both]], check_dtype=False
        )
    assert scored.nights == 30
    assert int(scored.overall["rows"].iloc[0]) == len(backtest) == 4 * (24 * 7 + 6 + 5 + 4 + 3 + 2 + 1)


def test_scaled_errors_are_in_units_of_the_series_own_naive_errors(backtest):
    before = HISTORY[HISTORY["ds"] <= DAYS[99]]
    units = before.groupby("unique_id")["y"].apply(lambda y: y.diff(7).abs().mean())
    expected = ((backtest["y"] - backtest["TCN"]).abs() / backtest["unique_id"].map(units)).mean()
    assert score_nights(NIGHTS, HISTORY, job_of()).overall.loc["TCN", "mase"] == pytest.approx(expected)


def test_groups_are_those_of_the_static_file_or_of_the_rows(backtest):
    static = pd.DataFrame({"unique_id": ["s3", "s0", "s1"], "state": ["CA", "TX", "CA"]})
    job = job_of(watch={"group": "state"})
    scored = score_nights(NIGHTS, HISTORY, job, static)
    states = backtest["unique_id"].map(dict(static.to_numpy())).fillna("(none)")
    expected = (backtest["y"] - backtest["TCN"]).abs().groupby(states).mean()
    own = scored.by_group.query("model == 'TCN'").set_index("group")["mae"]
    np.testing.assert_allclose(own[expected.index], expected)
    joined = HISTORY.merge(static, how="left")
    pd.testing.assert_frame_equal(score_nights(NIGHTS, joined, job).by_group, scored.by_group)
    assert {"skill_mae/group/CA", "skill_mae/group/_none_"} <= {*scored.figures()}


def test_neither_order_nor_what_is_not_known_matters():
    scored = score_nights(NIGHTS, HISTORY, job_of())
    rng = np.random.default_rng(0)
    mixed = [(cutoff, frame.sample(frac=1, random_state=rng)) for cutoff, frame in reversed(NIGHTS)]
    later = [*mixed, (DAYS[129], forecasts_of(HISTORY, DAYS[129]))]
    missing = HISTORY.assign(y=HISTORY["y"].where(HISTORY["ds"] != DAYS[125]))
    for nights, actuals in ((mixed, HISTORY), (later, HISTORY.sample(frac=1, random_state=rng))):
        again = score_nights(nights, actuals, job_of())
        pd.testing.assert_frame_equal(again.by_cutoff, scored.by_cutoff)
        pd.testing.assert_frame_equal(again.overall, scored.overall)
    fewer = score_nights(NIGHTS, missing, job_of()).overall["rows"].iloc[0]
    assert fewer == scored.overall["rows"].iloc[0] - 4 * 7


def test_nights_without_a_known_value_have_no_scores():
    for nights in ([], [(DAYS[129], forecasts_of(HISTORY, DAYS[129]))]):
        scored = score_nights(nights, HISTORY, job_of())
        assert (scored.nights, len(scored.overall), scored.figures()) == (0, 0, {})


def test_nights_of_other_levels_are_left_out():
    assert score_nights(NIGHTS, HISTORY, job_of(levels=(50, 80))).nights == 0
    assert score_nights(NIGHTS, HISTORY, job_of(levels=(80,))).nights == 30


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("freq", ["D", "h"])
def test_time_zones_and_text_are_the_stamps_that_they_mean(zone, freq):
    stamps = pd.date_range("2024-03-08", periods=130, freq=freq, tz=zone)  # clocks change on March 10
    of = dict(zip(DAYS[:130], stamps, strict=True))
    history = HISTORY.assign(ds=HISTORY["ds"].map(of))
    job = job_of(model={"freq": freq})
    nights = []
    for cutoff, frame in NIGHTS[:20]:
        moved = frame[frame["ds"].isin([*of])]
        nights.append((of[cutoff], moved.assign(ds=moved["ds"].map(of), cutoff=of[cutoff])))
    expected = score_nights(NIGHTS[:20], HISTORY, job_of())
    text = history["ds"].map(str) if freq == "h" else history["ds"]
    for actuals in (history, history.assign(ds=text)):
        scored = score_nights(nights, actuals, job)
        pd.testing.assert_frame_equal(scored.by_step, expected.by_step)


def test_integers_are_stamps_too():
    history = HISTORY.assign(ds=(HISTORY["ds"] - DAYS[0]).dt.days)
    nights = [
        ((cutoff - DAYS[0]).days, frame.assign(**{
            name: (frame[name] - DAYS[0]).dt.days for name in ("ds", "cutoff")
        }))
        for cutoff, frame in NIGHTS
    ]  # fmt: skip
    scored = score_nights(nights, history, job_of(model={"freq": 1}))
    pd.testing.assert_frame_equal(scored.by_step, score_nights(NIGHTS, HISTORY, job_of()).by_step)


def test_nights_of_stamps_of_another_kind_are_left_out():
    """As after a change of the source: times with and without a zone, integers, another step, other ids."""
    for change in (
        lambda column: column.dt.tz_localize("UTC"),
        lambda column: (column - DAYS[0]).dt.days,
        lambda column: column + pd.Timedelta(hours=1),
    ):
        nights = [
            (cutoff, frame.assign(ds=change(frame["ds"]), cutoff=change(frame["cutoff"])))
            for cutoff, frame in NIGHTS
        ]
        assert score_nights(nights, HISTORY, job_of()).nights == 0
    others = [(cutoff, frame.assign(unique_id=range(len(frame)))) for cutoff, frame in NIGHTS]
    assert score_nights(others, HISTORY, job_of()).nights == 0


@pytest.mark.parametrize(
    ("freq", "starts"),
    [
        ("7D", ["2024-01-01", "2024-01-02"]),
        ("B", ["2024-01-01", "2024-01-09"]),
        ("ME", ["2020-01-31", "2020-03-31"]),
        ("QS", ["2020-01-01", "2020-02-01"]),
        ("h", ["2024-01-01 00:00", "2024-01-01 00:30"]),
    ],
)
def test_steps_are_counted_from_the_last_row_of_each_series(freq, starts):
    """Series of one frequency may lie between the stamps of another."""
    rng = np.random.default_rng(0)
    history = pd.concat(
        pd.DataFrame(
            {
                "unique_id": start,
                "ds": pd.date_range(start, periods=60, freq=freq),
                "y": rng.normal(100, 5, 60),
            }
        )
        for start in starts
    )
    nights = []
    for cutoff in sorted(history["ds"])[80:100:4]:
        panel = up_to(Panel.from_frame(history[history["ds"] <= cutoff], freq), cutoff)
        made = forecast_baselines(panel, 4, 7, (80.0, 95.0))
        own = {n.replace("SeasonalNaive", "TCN"): made[n] for n in made if n.startswith("SeasonalNaive")}
        known = panel.frame_time(np.repeat(panel.last_stamps, 4))
        nights.append((cutoff, made.assign(cutoff=known, model="SeasonalNaive", **own)))
    rows = pd.concat([frame for _, frame in nights])
    rows["step"] = rows.groupby(["unique_id", "cutoff"]).cumcount() + 1
    rows = rows.merge(history, on=["unique_id", "ds"])
    expected = (rows["y"] - rows["TCN"]).abs().groupby(rows["step"]).mean()
    by_step = score_nights(nights, history, job_of(horizon=4, model={"freq": freq})).by_step
    own = by_step.query("model == 'TCN'").set_index("step")["mae"]
    pd.testing.assert_series_equal(own, expected, check_names=False, check_dtype=False)


def test_figures_are_finite_and_say_the_skill():
    scored = score_nights(NIGHTS, HISTORY, job_of())
    figures = scored.figures()
    own, naive = scored.overall.loc[["TCN", "SeasonalNaive"], "mae"]
    assert figures["skill_mae"] == pytest.approx(1 - own / naive)
    assert figures["nights"] == 30
    assert np.isfinite([*figures.values()]).all()
