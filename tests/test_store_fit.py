"""A fit from a store is that of the same rows in memory, bit for bit, and reads what a block needs."""

import errno
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import EXTREME, SMALL, frame_of, training_frame, weekly

from pipelines import ConfigError, Covariates, Forecaster, Panel, PanelError, PanelStore
from pipelines.config import Settings
from pipelines.network import ChunkGatherer, feed_of, feeding
from pipelines.preparing import prepare
from pipelines.preparing_parts import prepare_rows
from pipelines.windows import ChunkSampler, StoredTable
from pipelines.windows.row_file import RowFile

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return stored(training_frame(), tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def from_store(store):
    """A forecaster that has learned from a store, in several blocks a record."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeding, "_MOST_ROWS", 1)
        return Forecaster(**SMALL | {"max_steps": 30}).fit(store)


def stored(frame, folder, part_rows=100):
    frame.to_parquet(folder / "data.parquet", index=False)
    return PanelStore.create(folder / "data.parquet", folder / "store", part_rows=part_rows)


def spread(frame):
    """The series of a frame, all of them with values above 0."""
    return frame.assign(y=frame.groupby("unique_id").y.transform(lambda y: y - y.min() + 1))


def test_it_is_the_fit_of_the_same_rows_in_memory(from_store):
    in_memory = Forecaster(**SMALL | {"max_steps": 30}).fit(training_frame())
    for own, other in zip(from_store.network_.get_weights(), in_memory.network_.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    losses = [[record["loss"] for record in each.history_] for each in (from_store, in_memory)]
    assert losses[0] == losses[1]
    assert from_store.calibration_ == in_memory.calibration_
    own, other = (each._fitted.dependence.correlation for each in (from_store, in_memory))
    np.testing.assert_array_equal(own, other)
    assert replace(from_store.plan_, memory_mb=0) == replace(in_memory.plan_, memory_mb=0)
    frame = training_frame()
    pd.testing.assert_frame_equal(from_store.predict(frame), in_memory.predict(frame), check_exact=True)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"transform": "log"},
        {"transform": "box-cox"},
        {"transform": "asinh"},
        {"transform": "difference", "scaling": "mixed"},
        {"scaling": "global", "season_length": (7, 14)},
    ],
    ids=str,
)
def test_tables_plans_and_transforms_are_those_of_the_rows_in_memory(asked, tmp_path):
    frame = spread(
        pd.concat([training_frame(), frame_of({"z": np.r_[weekly(40), np.full(60, 60.0), weekly(9)]})])
    )
    wanted, panel = Settings.of(Forecaster(**SMALL, **asked).get_params()), Panel.from_frame(frame)
    expected, found = prepare(wanted, panel), prepare_rows(wanted, stored(frame, tmp_path))
    assert replace(found.plan, memory_mb=0) == replace(expected.plan, memory_mb=0)
    assert found.transform == expected.transform
    table, whole = found.table, expected.table
    for name in ("indptr", "seen", "moved", "negative", "base", "unit", "weight", "first_origin", "offset"):
        np.testing.assert_array_equal(getattr(table, name), getattr(whole, name), strict=True)
    assert (table.phases, table.nonnegative) == (whole.phases, whole.nonnegative)
    np.testing.assert_array_equal(table.held_out(3), whole.held_out(3))
    rows = table.around(np.zeros(1, np.int64), panel.n_rows)
    assert (whole.silent is None) == ("silent" not in rows)
    for name, values in rows.items():
        np.testing.assert_array_equal(values, getattr(whole, name), strict=True)


def test_odd_series_and_integer_stamps(tmp_path):
    frame = frame_of({**EXTREME, "a": weekly(50)})
    frame["ds"] = frame.groupby("unique_id").cumcount() + 5
    wanted, panel = Settings.of(Forecaster(**SMALL).get_params()), Panel.from_frame(frame)
    expected, found = prepare(wanted, panel), prepare_rows(wanted, stored(frame, tmp_path))
    assert replace(found.plan, memory_mb=0) == replace(expected.plan, memory_mb=0)
    rows = found.table.around(np.zeros(1, np.int64), panel.n_rows)
    for name, values in rows.items():
        np.testing.assert_array_equal(values, getattr(expected.table, name))


@cache
def both():
    """The training frame in memory and on disk, prepared."""
    wanted = Settings.of(Forecaster(**SMALL).get_params())
    rows = stored(training_frame(), Path(mkdtemp()))
    return prepare(wanted, Panel.from_frame(training_frame())), prepare_rows(wanted, rows)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), context=st.integers(1, 40), difference=st.sampled_from([0, 7]))
def test_chunks_of_a_block_are_those_of_the_whole_table(seed, context, difference):
    whole, parts = both()
    plan = replace(whole.plan, difference=difference)
    draws = ChunkSampler(parts.table, plan.origins_per_chunk).draw(np.random.default_rng(seed), (2, 3))
    expected = ChunkGatherer.of(whole.table, plan, context).gather(*draws)
    feed = feed_of(parts.table, plan, context)
    rows, *places = feed.block(*draws)
    found = feed.gatherer(rows).gather(*places)
    for name, values in found._asdict().items():
        if name != "features":
            np.testing.assert_array_equal(values, getattr(expected, name), err_msg=name)


def test_a_block_reads_the_rows_of_its_chunks_whatever_the_size_of_the_store(tmp_path):
    read = []
    for times in (1, 8):
        folder = tmp_path / str(times)
        folder.mkdir()
        rows = stored(frame_of({f"{i:03d}": weekly(100, i) for i in range(4 * times)}), folder)
        table, plan, *_ = prepare_rows(Settings.of(Forecaster(**SMALL).get_params()), rows)
        feed = feed_of(table, plan, context=20)
        steps = feed.steps(100, plan.members * plan.chunks)
        draws = ChunkSampler(table, plan.origins_per_chunk).draw(
            np.random.default_rng(0), (steps, plan.members, plan.chunks)
        )
        arrays, *_ = feed.block(*draws)
        read.append({name: values.nbytes for name, values in arrays.items()})
        assert steps * plan.members * plan.chunks * feed.rows_of_chunk == len(arrays["values"])
        assert len(arrays["values"]) <= feeding._MOST_ROWS
        assert all(getattr(table, name).size == 0 for name in ("values", "observed", "change", "era"))
    assert read[0] == read[1]


@pytest.mark.parametrize(
    ("wished", "most", "steps"), [(12, 1, 1), (12, 500, 4), (12, 10**6, 12), (7, 500, 1)]
)
def test_blocks_make_up_the_steps_that_are_wished_for(wished, most, steps, monkeypatch):
    _, parts = both()
    feed = feed_of(parts.table, replace(parts.plan, origins_per_chunk=16, horizon=4), context=80)
    monkeypatch.setattr(feeding, "_MOST_ROWS", most)
    assert feed.rows_of_chunk == 100
    assert feed.steps(wished, chunks=1) == steps


def test_a_store_is_forecast_part_by_part(store, from_store):
    parts = list(from_store.predict_parts(store, levels=[50], quantiles=[0.3]))
    assert len(parts) == store.n_parts
    found, expected = (
        pd.concat(parts, ignore_index=True),
        from_store.predict(training_frame(), None, None, [50], [0.3]),
    )
    assert list(found.columns) == ["unique_id", "ds", "TCN", "TCN-lo-50", "TCN-hi-50", "TCN-q-0.3"]
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-4, atol=1e-5)


def test_without_history_a_forecaster_asks_for_data_and_its_bundle_does_so_too(from_store, tmp_path):
    from_store.save(tmp_path / "bundle", onnx=False)
    loaded = Forecaster.load(tmp_path / "bundle")
    for forecaster in (from_store, loaded):
        for call in (
            forecaster.predict,
            forecaster.backtest,
            forecaster.sample_paths,
            forecaster.fitted_values,
        ):
            with pytest.raises(PanelError, match="keeps no history"):
                call()
    frame = training_frame()
    pd.testing.assert_frame_equal(loaded.predict(frame), from_store.predict(frame), check_exact=True)
    assert loaded.panel_.ids.tolist() == ["a", "c", "e"]
    pd.testing.assert_frame_equal(loaded.update(frame).predict(), loaded.predict(frame))


def test_a_backtest_tells_how_many_values_a_fit_from_a_store_has_learned(from_store):
    longer = frame_of({"b": 10 * weekly(72, 2), "new": weekly(72)})
    with pytest.warns(UserWarning, match="learned from 2 values"):
        from_store.backtest(longer)
    # Every row of the fit counts, but those of no other series.
    with pytest.warns(UserWarning, match="learned from 4 values"):
        from_store.backtest(longer.groupby("unique_id").head(60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_store.backtest(longer[longer.unique_id == "new"])


def test_the_ends_of_what_was_learned_are_kept(from_store):
    longer = frame_of({"a": weekly(130, 1), "new": weekly(120)})
    from_store_ends = from_store._fitted.ends
    assert from_store_ends.ids.tolist() == ["a", "b", "c", "d", "e"]
    np.testing.assert_array_equal(from_store_ends.starts, Panel.from_frame(training_frame()).last_stamps)
    own = Forecaster(**SMALL)
    own._fitted = from_store._fitted
    assert own.calibrate(longer).coverage_["coverage_before"].notna().any()


@pytest.mark.parametrize(
    "asked",
    [{"covariates": Covariates(calendar="auto")}, {"multivariate": True}, {"conformal": "split"}],
    ids=lambda asked: next(iter(asked)),
)
def test_settings_that_need_all_rows_in_memory_are_refused(asked, store):
    forecaster = Forecaster(**SMALL, **asked)
    for call in (forecaster.fit, forecaster.plan):
        with pytest.raises(ConfigError, match=rf"must do without.*{next(iter(asked))}="):
            call(store)


def test_what_a_store_cannot_do_is_said(store, from_store):
    with pytest.raises(ConfigError, match="must be in memory"):
        from_store.predict(store)
    with pytest.raises(ConfigError, match="begins anew"):
        fitted_like(from_store).fit(store, initial="bundle")
    with pytest.raises(ConfigError, match="static"):
        Forecaster(**SMALL).fit(store, static=pd.DataFrame())
    with pytest.raises(PanelError, match="freq='h'"):
        Forecaster(**SMALL, freq="h").fit(store)
    with pytest.raises(PanelError, match="'c'"):
        Forecaster(**SMALL, target="nonnegative").fit(store)


def fitted_like(forecaster):
    other = Forecaster(**forecaster.get_params())
    other._fitted = forecaster._fitted
    return other


def test_a_folder_that_cannot_be_written_to_is_named(store, monkeypatch):
    def full(self, records):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RowFile, "append", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        prepare_rows(Settings.of(Forecaster(**SMALL).get_params()), store)


def test_the_file_of_a_table_has_no_name(store):
    before = sorted(store.path.iterdir())
    table = prepare_rows(Settings.of(Forecaster(**SMALL).get_params()), store).table
    assert isinstance(table, StoredTable)
    assert sorted(store.path.iterdir()) == before
