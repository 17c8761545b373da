"""Short series borrow from those like them, and from nothing that comes later."""

import contextlib
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from small_forecasters import EXTREME, HORIZON, START, UNTRAINED, fitted, frame_of, training_frame
from typer.testing import CliRunner

from pipelines import ConfigError, Covariates, Forecaster, Panel, PanelError
from pipelines.cli import app
from pipelines.frequency import Freq
from pipelines.similarity import ColdStart
from pipelines.similarity.lenders import Pool, cycle_of

pytestmark = pytest.mark.usefixtures("eagerly")
LEVELS = [50, 90]
ROWS = 70


def shops(count=12, rows=ROWS, seed=0):
    """Daily series, none negative: weeks of four shapes, of all sizes."""
    rng = np.random.default_rng(seed)
    weeks = rng.uniform(0.2, 2, (4, 7))
    return {
        f"shop {i:02}": 10 ** rng.uniform(0, 4)
        * weeks[i % 4][np.arange(rows) % 7]
        * rng.uniform(0.95, 1.05, rows)
        for i in range(count)
    }


@cache
def forecaster():
    """With the weights that it starts with, which repeat weeks."""
    return Forecaster(**UNTRAINED, levels=LEVELS).fit(frame_of(shops()))


def short_of(frame, rows, cut=0):
    """The last rows of each series, some of them cut off."""
    kept = frame.groupby("unique_id").head(ROWS - cut)
    return kept.groupby("unique_id").tail(rows).reset_index(drop=True)


def unseen(rows, cut=0, seed=0):
    """Short series of the same shapes, which the fit did not see."""
    series = {f"new {name}": 3 * y for name, y in shops(4, seed=seed).items()}
    return short_of(frame_of(series), rows, cut)


def numbers(frame):
    return frame.drop(columns=["unique_id", "ds"]).to_numpy()


def test_forecasts_are_those_of_any_forecaster():
    new = unseen(4, cut=7)
    found = ColdStart(forecaster()).predict(new, quantiles=[0.1])
    plain = forecaster().predict(new, quantiles=[0.1])
    assert list(found.columns) == list(plain.columns)
    pd.testing.assert_frame_equal(found[["unique_id", "ds"]], plain[["unique_id", "ds"]])
    ordered = found[["TCN-lo-90", "TCN-q-0.1", "TCN-lo-50", "TCN", "TCN-hi-50", "TCN-hi-90"]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()
    assert np.isfinite(ordered).all()


@pytest.mark.parametrize("rows", [2, 4, 7, 14])
def test_short_series_are_forecast_better(rows):
    new, truth = unseen(rows, cut=HORIZON), unseen(HORIZON)
    errors = [
        np.abs(found["TCN"] - truth["y"]).groupby(truth["unique_id"]).sum()
        / truth.groupby("unique_id")["y"].sum()
        for found in (ColdStart(forecaster(), n_neighbors=3).predict(new), forecaster().predict(new))
    ]
    assert errors[0].mean() < (1.0 if rows == 14 else 0.7) * errors[1].mean()


def test_lenders_have_the_shape_of_the_series():
    found = ColdStart(forecaster(), n_neighbors=3).lenders(unseen(5))
    assert list(found.columns) == ["unique_id", "neighbor", "rank", "distance"]
    shape = found["unique_id"].str[-2:].astype(int) % 4
    assert (found["neighbor"].str[-2:].astype(int) % 4 == shape).all()
    assert (found.groupby("unique_id")["distance"].diff().dropna() >= 0).all()
    assert found["rank"].tolist() == [1, 2, 3] * 4


@pytest.mark.parametrize("rows", [3, 10])
def test_nothing_after_the_last_row_is_read(rows):
    cut = 9
    new, known = unseen(rows, cut), frame_of(shops())
    later = known.groupby("unique_id").cumcount() >= ROWS - cut
    rng = np.random.default_rng(0)
    changed = known.assign(y=known["y"].where(~later, rng.choice([0.0, 1e300, np.nan, 7.0], len(known))))
    before, after = (ColdStart(forecaster(), panel).predict(new) for panel in (known, changed))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    gone = ColdStart(forecaster(), known[~later]).predict(new)
    pd.testing.assert_frame_equal(before, gone, check_exact=True)
    # And rows that are known do matter.
    earlier = known.assign(y=known["y"].where(later, rng.uniform(1, 2, len(known))))
    assert not np.allclose(numbers(ColdStart(forecaster(), earlier).predict(new)), numbers(before), rtol=0.01)


def test_order_names_and_company_do_not_matter():
    new, known = unseen(4, cut=3), frame_of(shops())
    cold = ColdStart(forecaster(), known)
    found = cold.predict(new)
    shuffled = ColdStart(forecaster(), known.sample(frac=1, random_state=0)).predict(
        new.sample(frac=1, random_state=1)
    )
    pd.testing.assert_frame_equal(found, shuffled, check_exact=True)
    renamed = known.assign(unique_id=known["unique_id"].map(lambda name: f"{99 - int(name[-2:])} x"))
    np.testing.assert_allclose(
        numbers(ColdStart(forecaster(), renamed).predict(new)), numbers(found), rtol=1e-4
    )
    for name, rows in new.groupby("unique_id"):
        alone = cold.predict(rows.assign(unique_id="alone"))
        np.testing.assert_allclose(numbers(alone), numbers(found[found["unique_id"] == name]), rtol=1e-4)


def test_sizes_do_not_matter():
    new = unseen(4, cut=3)
    cold = ColdStart(forecaster())
    large = new.assign(y=1024 * new["y"])
    pd.testing.assert_frame_equal(
        cold.lenders(large).drop(columns="distance"), cold.lenders(new).drop(columns="distance")
    )
    np.testing.assert_allclose(numbers(cold.predict(large)), 1024 * numbers(cold.predict(new)), rtol=1e-4)


def test_series_that_fill_the_window_borrow_nothing():
    full = forecaster().network_.context + 1
    new = unseen(full)
    assert ColdStart(forecaster()).lenders(new).empty
    pd.testing.assert_frame_equal(
        ColdStart(forecaster()).predict(new), forecaster().predict(new), check_exact=True
    )
    assert len(ColdStart(forecaster()).lenders(unseen(full - 1))) == 40


def test_short_series_of_the_fit_borrow_from_the_others():
    short = short_of(frame_of({"late": shops()["shop 05"] / 7}), 3)
    own = Forecaster(**UNTRAINED).fit(pd.concat([frame_of(shops()), short]))
    cold = ColdStart(own, n_neighbors=2)
    assert cold.lenders()["unique_id"].tolist() == ["late", "late"]
    assert cold.lenders()["neighbor"].iloc[0] == "shop 05"
    found, plain = cold.predict(), own.predict()
    is_long = plain["unique_id"] != "late"
    pd.testing.assert_frame_equal(found[is_long], plain[is_long], check_exact=True)
    assert (found["TCN"] != plain["TCN"])[~is_long].any()


def test_one_lender_is_the_forecast_of_a_series_with_its_past():
    """Against a frame made by hand, with covariates of every role."""
    rng = np.random.default_rng(0)
    covariates = Covariates(past=["load"], future=["kind"], static=["region"])
    known = frame_of(shops(4))
    known = known.assign(
        load=rng.normal(size=len(known)),
        kind=rng.choice(["dry", "rain", "snow"], len(known)),
        region=known["unique_id"].str[-1].map({"0": "n", "1": "s", "2": "n", "3": "s"}),
    )
    own = Forecaster(**UNTRAINED, levels=LEVELS, covariates=covariates).fit(known)
    like = known[known["unique_id"] == "shop 02"].assign(unique_id="new", region="s", load=1.0, kind="dry")
    new = like.assign(y=like["y"] / 8).tail(5)
    ahead = pd.DataFrame(
        {"unique_id": "new", "ds": pd.date_range(new["ds"].max(), periods=HORIZON + 1)[1:], "kind": "rain"}
    )
    found = numbers(ColdStart(own, n_neighbors=1).predict(new, ahead))
    past = known[known["unique_id"] == "shop 02"].head(ROWS - 5)
    by_hand = pd.concat([past.assign(unique_id="new", region="s", y=past["y"] / 8), new])
    trust = 5 / (5 + 4 * 7)
    columns = [0.5, *(p for level in LEVELS for p in (0.5 - level / 200, 0.5 + level / 200))]
    asked = sorted({round(p + shift, 4) for p in columns for shift in (-0.011, 0.011)})
    plain, full = (own.predict(rows, ahead, quantiles=asked) for rows in (new, by_hand))
    for i, p in enumerate(columns):
        # Its distribution is known by the middles of a hundred parts.
        below, above = (full[f"TCN-q-{round(p + shift, 4):g}"] for shift in (-0.011, 0.011))
        mixed = (found[:, i] - trust * numbers(plain)[:, i]) / (1 - trust)
        assert (mixed >= below - 1e-3).all()
        assert (mixed <= above + 1e-3).all()


def test_lenders_that_ended_earlier_are_seen_whole_weeks_before():
    known = Panel.from_frame(frame_of(shops(), freq="h"))
    late = known.freq.advance(known.last_stamps[:1], 30)[0]
    pool = Pool(known, known.ids.astype(str), 168, 24, is_ratio=True, most=5)
    assert not len(pool.lenders("new", np.ones(4), late).series)  # they have less than a week
    long = Panel.from_frame(frame_of(shops(rows=24 * 21), freq="h"))
    pool = replace(pool, panel=long)
    for after in (0, 1, 167, 168, 169):
        late = long.freq.advance(long.last_stamps[:1], after)[0]
        found = pool.lenders("new", np.arange(1.0, 5.0), late)
        weeks = -(-after // 168)
        row = long.rows_until(late)[found.series] - 4 - 168 * weeks
        np.testing.assert_array_equal(found.begin, long.indptr[found.series] + row)
        assert (found.begin + 4 <= long.indptr[found.series + 1]).all()


def test_equally_like_ones_are_chosen_by_size():
    known = Panel.from_frame(
        frame_of({name: np.full(30, size) for name, size in zip("abcd", (1, 50, 9, 400.0), strict=True)})
    )
    pool = Pool(known, known.ids.astype(str), 7, 7, is_ratio=True, most=2)
    found = pool.lenders("new", np.array([10.0]), known.last_stamps[0])
    assert known.ids[found.series].tolist() == ["c", "b"]
    np.testing.assert_allclose(found.factor, [10 / 9, 0.2])


def test_values_of_both_signs_need_three_to_have_a_size():
    cold = ColdStart(fitted())
    assert not cold.pool.is_ratio
    like = training_frame().query("unique_id == 'a'")
    new = like.assign(unique_id="new", y=-2 * like["y"].max() + 3 * like["y"])
    assert cold.lenders(new.tail(2)).empty
    found = cold.lenders(new.tail(5))
    assert found["neighbor"].iloc[0] == "a"
    assert found["distance"].iloc[0] < 1e-9


def test_extreme_series_have_finite_forecasts():
    series = {name: y[-6:] for name, y in EXTREME.items()}
    hard = frame_of(series, start=pd.Timestamp(START) + pd.Timedelta(days=ROWS - 6))
    for own in (forecaster(), fitted()):
        for panel in (None, frame_of({**EXTREME, **{f"{name} 2": y for name, y in EXTREME.items()}})):
            found = ColdStart(own, panel).predict(hard)
            assert np.isfinite(numbers(found)).all()
    assert (numbers(ColdStart(forecaster()).predict(unseen(3))) >= 0).all()


def test_counts_stay_whole():
    series = {name: np.rint(y) for name, y in shops(6).items()}
    own = Forecaster(**UNTRAINED, target="count").fit(frame_of(series))
    found = numbers(ColdStart(own).predict(short_of(frame_of({"new": series["shop 01"] * 2}), 4)))
    np.testing.assert_array_equal(found, np.rint(found))


def test_intervals_that_adapt_and_differences_are_borrowed_for():
    for more in ({"conformal": "adaptive"}, {"transform": "difference"}):
        own = Forecaster(**{**UNTRAINED, "ensemble": 1}, **more).fit(frame_of(shops(6)))
        found = ColdStart(own).predict(unseen(6, cut=2))
        assert np.isfinite(numbers(found)).all()
        assert not np.allclose(numbers(found), numbers(own.predict(unseen(6, cut=2))))


def test_calendars_begin_anew_after_a_cycle():
    cycles = {"h": 168, "30min": 336, "D": 7, "W": 52, "MS": 12, "B": 5, "7min": 24}
    found = {
        freq: cycle_of(Freq.parse(freq), [{"W": 52, "MS": 12, "B": 5}.get(freq, 24 if freq != "D" else 7)])
        for freq in cycles
    }
    assert found == {**cycles, "30min": 336, "7min": 1440 * 7 // 7 * 24 // np.gcd(1440, 24)}


def test_the_command_forecasts_short_series_with_neighbors(tmp_path):
    forecaster().save(tmp_path / "bundle", onnx=False)
    unseen(4).to_parquet(tmp_path / "new.parquet")
    asked = ["predict", "--bundle", "bundle", "--data", "new.parquet", "-o", "next.parquet", "--cold-start"]
    with contextlib.chdir(tmp_path):
        done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    wanted = ColdStart(forecaster()).predict(unseen(4))
    np.testing.assert_allclose(
        numbers(pd.read_parquet(tmp_path / "next.parquet")), numbers(wanted), rtol=1e-6
    )


def test_wrong_arguments():
    with pytest.raises(ConfigError, match=r"n_neighbors must be a positive integer\. Received: 0"):
        ColdStart(forecaster(), n_neighbors=0)
    own = Forecaster(**UNTRAINED, multivariate=True).fit(frame_of(shops(3)))
    with pytest.raises(ConfigError, match="with multivariate=True"):
        ColdStart(own)
    with pytest.raises(PanelError, match="freq='D'"):
        ColdStart(forecaster(), Panel.from_frame(frame_of(shops(2), freq="h")))
