"""How the rows of a backtest are numbered, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import PanelError
from pipelines.folds import Folds
from pipelines.panel import Panel


def history(freq: str | int = 1, n: int = 20, tz: str | None = None) -> pd.DataFrame:
    stamps = range(n) if freq == 1 else pd.date_range("2024-03-20", periods=n, freq=freq, tz=tz)
    return pd.concat(
        [pd.DataFrame({"unique_id": uid, "ds": stamps, "y": np.arange(n) + 1.0}) for uid in "ab"]
    )


def rows_of(frame: pd.DataFrame, wanted: list[tuple[str, int, int]]) -> pd.DataFrame:
    """Rows (series, number of the cutoff row, steps ahead) of a history."""
    by_id = {uid: part["ds"].tolist() for uid, part in frame.groupby("unique_id")}
    return pd.DataFrame(
        [{"unique_id": u, "cutoff": by_id[u][c], "ds": by_id[u][c + k], "y": 1.0} for u, c, k in wanted]
    )


@given(
    wanted=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 14), st.integers(1, 5)), min_size=1, unique=True
    ),
    calendar=st.sampled_from(["h", "D", "MS", "B", 1]),
)
def test_every_row_knows_its_series_cutoff_and_step(wanted, calendar):
    frame = history(calendar)
    panel = Panel.from_frame(frame, freq=calendar)
    backtest = rows_of(frame, wanted)
    folds = Folds.from_frame(backtest, panel)
    assert folds.step.tolist() == [k for _, _, k in wanted]
    assert folds.ids[folds.series].tolist() == [uid for uid, _, _ in wanted]
    assert folds.cutoffs[folds.pair_cutoff[folds.pair]].tolist() == backtest["cutoff"].tolist()
    assert folds.ids[folds.pair_series[folds.pair]].tolist() == backtest["unique_id"].tolist()
    assert folds.pair_row[folds.pair].tolist() == ["ab".index(u) * 20 + c for u, c, _ in wanted]
    assert folds.pair_known[folds.pair].tolist() == [c + 1 for _, c, _ in wanted]
    assert folds.horizon == max(k for _, _, k in wanted)


@pytest.mark.parametrize("freq", ["h", "D"])
def test_a_change_of_the_clocks_is_no_step(freq):
    frame = history(freq, 400 if freq == "h" else 20, tz="Europe/Berlin")
    panel = Panel.from_frame(frame, freq=freq)
    wanted = [("a", 5, k) for k in range(1, 15)]
    assert Folds.from_frame(rows_of(frame, wanted), panel).step.tolist() == list(range(1, 15))


def test_a_missing_row_leaves_the_steps_of_the_others():
    frame = history()
    panel = Panel.from_frame(frame, freq=1)
    assert Folds.from_frame(rows_of(frame, [("a", 3, 1), ("a", 3, 4)]), panel).step.tolist() == [1, 4]


def test_series_and_cutoffs_that_the_panel_lacks_have_no_row():
    panel = Panel.from_frame(history(), freq=1)
    backtest = pd.DataFrame(
        {"unique_id": ["z", "a", "a"], "cutoff": [3, 30, -5], "ds": [4, 31, -4], "y": 1.0}
    )
    folds = Folds.from_frame(backtest, panel)
    assert folds.pair_row[folds.pair].tolist() == [-1, -1, -1]
    assert folds.pair_known[folds.pair].tolist() == [0, 20, 0]


@pytest.mark.parametrize("kind", ["int32", "category", "object"])
def test_ids_of_any_type_find_their_series(kind):
    frame = history().assign(unique_id=lambda d: d["unique_id"].map({"a": 10, "b": 9}).astype(kind))
    panel = Panel.from_frame(frame, freq=1)
    backtest = frame[frame["ds"] == 8].assign(cutoff=7)
    folds = Folds.from_frame(backtest, panel)
    assert folds.ids.tolist() == [10, 9]
    assert folds.pair_row[folds.pair].tolist() == [27, 7]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop(columns="cutoff"), "without 'cutoff'"),
        (lambda d: d.head(0), "at least one row"),
        (lambda d: pd.concat([d, d.head(1)]), r"series 'a', cutoff 5, ds 6; drop"),
        (lambda d: d.assign(cutoff=6), "1 rows that are not, first series 'a', cutoff 6, ds 6"),
        (lambda d: d.assign(cutoff=pd.Timestamp("2024-01-01")), "'cutoff' of a backtest must hold integers"),
    ],
)
def test_what_is_no_backtest_is_refused(change, message):
    frame = history()
    with pytest.raises(PanelError, match=message):
        Folds.from_frame(change(rows_of(frame, [("a", 5, 1), ("a", 5, 2)])), Panel.from_frame(frame, freq=1))


def test_stamps_between_steps_are_refused():
    frame = history("D")
    backtest = rows_of(frame, [("a", 5, 1)])
    panel = Panel.from_frame(frame, freq="D")
    with pytest.raises(PanelError, match="whole number of steps of freq='D'"):
        Folds.from_frame(backtest.assign(ds=backtest["ds"] + pd.Timedelta("1h")), panel)
    monthly = Panel.from_frame(history("MS"), freq="MS")
    with pytest.raises(PanelError, match="whole number of steps of freq='MS'"):
        Folds.from_frame(backtest, monthly)
