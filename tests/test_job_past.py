"""Sources of which a job knows the last steps only: the same rows, however they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from job_places import job_of, rows_of

from pipelines import datasets
from pipelines.errors import ConfigError, PanelError
from pipelines.nightly import narrowing, snapshot, sources
from pipelines.nightly.loading import load_job
from pipelines.nightly.snapshot import read_snapshot, settle

NIGHT, PAST = pd.Timestamp("2024-01-31"), 5
MODEL: dict[str, Any] = {"freq": "D", "covariates": {"future": ["price"], "past": ["load"]}}
ROWS = rows_of("a", "007", 'c "d", e', days=40)


def source(folder: Path, kind: str) -> dict[str, Any]:
    """Write the rows in a way, in no order, and tell where."""
    rows = ROWS.sample(frac=1, random_state=0)
    if kind == "csv":
        rows.to_csv(folder / "rows.csv", index=False)
        return {"path": str(folder / "rows.csv")}
    if kind == "parquet":
        rows.to_parquet(folder / "rows.parquet", index=False)
        return {"path": str(folder / "rows.parquet")}
    if kind == "stamps as text":
        rows.assign(ds=rows["ds"].astype(str)).to_parquet(folder / "rows.parquet", index=False)
        return {"path": str(folder / "rows.parquet")}
    if kind == "partitioned":
        pq.write_to_dataset(pa.Table.from_pandas(rows), folder / "rows", partition_cols=["unique_id"])
        return {"path": str(folder / "rows")}
    types = {"ds": sa.Text()} if kind == "text in a database" else None
    rows.to_sql("sales", sa.create_engine(f"sqlite:///{folder}/rows.db"), index=False, dtype=types)
    return {"url": f"sqlite:///{folder}/rows.db", "table": "sales"}


KINDS = ("csv", "parquet", "stamps as text", "partitioned", "database", "text in a database")


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_steps_are_known_wherever_they_lie(tmp_path: Path, kind: str) -> None:
    found = read_snapshot(job_of({**source(tmp_path, kind), "past": PAST}, model=MODEL), NIGHT)
    known = ROWS[(ROWS["ds"] <= NIGHT) & (ROWS["ds"] > NIGHT - pd.Timedelta(days=PAST))]
    expected = known.sort_values(["unique_id", "ds"])[["unique_id", "ds", "y", "load", "price"]]
    pd.testing.assert_frame_equal(
        found.history, expected.reset_index(drop=True), check_dtype=False, check_like=True
    )
    assert found.future is not None
    assert len(found.future) == 2 * 3


@pytest.mark.parametrize("kind", KINDS[1:])
def test_what_is_too_old_is_not_read(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    monkeypatch.setattr(
        snapshot, "settle", lambda frame, *rest: sizes.append(len(frame)) or settle(frame, *rest)
    )
    read_snapshot(job_of({**source(tmp_path, kind), "past": PAST}, model={"freq": "D"}), NIGHT)
    if kind.startswith(("stamps", "text")):
        assert sizes == [len(ROWS)]  # only reading tells
    else:
        assert PAST * 3 <= sizes[0] <= (PAST + 2 + 9) * 3


SPELLINGS = {
    "days": lambda ds: ds.dt.strftime("%Y-%m-%d"),
    "times": lambda ds: ds.dt.strftime("%Y-%m-%d %H:%M:%S"),
    "in UTC": lambda ds: ds.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "with an offset": lambda ds: ds.dt.strftime("%Y-%m-%dT%H:%M:%S+05:00"),
    "day first": lambda ds: ds.dt.strftime("%d/%m/%Y"),
    "integers": lambda ds: ds.dt.day_of_year,
}


@pytest.mark.parametrize("block", [150, 2**20])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_narrowed_file_gives_what_the_whole_one_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str, block: int
) -> None:
    monkeypatch.setattr(narrowing, "_BLOCK", block)
    whole = spelling == "integers"
    rows = ROWS.assign(ds=SPELLINGS[spelling](ROWS["ds"]), y=np.where(ROWS.index % 7 == 3, np.nan, ROWS["y"]))
    rows.assign(load=[3, *rows["load"][1:-1], "NA"]).to_csv(tmp_path / "rows.csv", index=False)
    job = job_of(
        {"path": str(tmp_path / "rows.csv"), "past": PAST}, model={**MODEL, "freq": 1 if whole else "D"}
    )
    cutoff = 31 if whole else NIGHT
    narrow = read_snapshot(job, cutoff)
    copies = sorted(tmp_path.iterdir())
    monkeypatch.setattr(sources, "narrowed", lambda job, path, *rest: path)
    same = read_snapshot(job, cutoff)
    pd.testing.assert_frame_equal(narrow.history, same.history)
    pd.testing.assert_frame_equal(narrow.future, same.future)
    assert len(narrow.history) == PAST * 3
    assert copies == [tmp_path / "rows.csv"]  # nothing is left


def test_a_narrowed_file_holds_what_is_needed_only(tmp_path: Path) -> None:
    where = source(tmp_path, "csv")
    job = job_of({**where, "past": PAST}, model={"freq": "D"})
    (tmp_path / "other").mkdir()
    copy = narrowing.narrowed(job, Path(where["path"]), "rows", NIGHT, tmp_path / "other")
    frame = datasets.read_table(copy)
    assert list(frame.columns) == ["unique_id", "ds", "y"]
    assert frame["ds"].min() == NIGHT + pd.Timedelta(days=1)
    assert set(frame["unique_id"]) == {"a", "007", 'c "d", e'}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unique_id,ds,y\na,2024-01-30,1\na,never,2\n", "never"),
        ("unique_id,ds,y\na,2024-01-30,1\na,2024-01-31\n", "cannot be read as csv"),
        ("unique_id,ds,y,y\na,2024-01-30,1,2\n", "must be unique"),
        ("unique_id,day,y\na,2024-01-30,1\n", "must have a column 'ds'"),
        ("unique_id,ds,y\na,2023-01-30,1\n", "raise source.past"),
        ("unique_id;ds;y\na;2024-01-30;1\n", "separated by commas"),
        ("", "cannot be read as csv"),
    ],
)
def test_what_cannot_be_read_is_told_as_ever(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    job = job_of({"path": str(tmp_path / "rows.csv"), "past": PAST}, model={"freq": "D"})
    with pytest.raises(PanelError, match=message):
        read_snapshot(job, NIGHT)


def test_steps_have_a_length(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(
        'name = "a"\n[source]\npath = "a.csv"\npast = 9\n[sink]\npath = "f.csv"\n[model]\nhorizon = 3\n'
    )
    with pytest.raises(ConfigError, match=r"model\.freq; set it"):
        load_job(tmp_path / "job.toml")
    assert load_job(tmp_path / "job.toml", {"model.freq": "D"}).source.past == 9


def test_only_chosen_columns_of_a_table_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"b": [1], "unique_id": ["007"], "a": [2.5]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    for kind in ("csv", "parquet"):
        found = datasets.read_table(tmp_path / f"t.{kind}", columns=lambda names: [*reversed(names)][:2])
        pd.testing.assert_frame_equal(found, frame[["a", "unique_id"]])
