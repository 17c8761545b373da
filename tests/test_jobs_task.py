import numpy as np
import pandas as pd
import pytest
from jobs_stand_in import make_frame

from pipelines import datasets
from pipelines.errors import ConfigError, PanelError
from pipelines.jobs.task import Request, Task, read_source


@pytest.fixture
def frame():
    return make_frame((30, 20))


def digest(frame, path, **settings):
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path, index=False)
    return Task.load(Request(str(path), **settings)).digest()


def test_the_digest_is_that_of_the_series_not_of_the_file(frame, tmp_path):
    first = digest(frame, tmp_path / "a.csv")
    shuffled = frame.sample(frac=1, random_state=0).assign(extra=1)
    assert digest(shuffled, tmp_path / "b.parquet") == first
    renamed = frame.rename(columns={"unique_id": "shop", "y": "sold"})
    assert digest(renamed, tmp_path / "c.csv", id_col="shop", target_col="sold") == first


@pytest.mark.parametrize("change", ["value", "id", "stamp", "missing"])
def test_the_digest_changes_with_anything_in_the_series(frame, tmp_path, change):
    first = digest(frame, tmp_path / "a.csv")
    if change == "value":
        frame.loc[3, "y"] = np.nextafter(frame.loc[3, "y"], np.inf)
    elif change == "id":
        frame["unique_id"] = frame["unique_id"].replace("s1", "s2")
    elif change == "stamp":
        frame["ds"] += 1
    else:
        frame = frame.drop(index=3)
    assert digest(frame, tmp_path / "b.csv") != first


@pytest.mark.parametrize("name", datasets.names())
def test_a_data_set_brings_its_own_settings(name):
    info = datasets.describe(name)
    task = Task.load(Request(name))
    assert (task.horizon, task.season_length, task.panel.freq.text) == (
        info.horizon, info.season_length, info.freq,
    )  # fmt: skip
    assert task.name == name
    assert task.forecaster().get_params()["season_length"] == info.season_length


def test_what_is_asked_for_wins(frame, tmp_path):
    path = tmp_path / "sales.csv"
    frame.to_csv(path, index=False)
    plain = Task.load(Request(str(path)))
    assert (plain.name, plain.horizon, plain.season_length) == ("sales", 6, 1)
    wished = Task.load(
        Request(str(path), horizon=5, season_length=7, seed=3, max_steps=9, levels=(50.0,), name="n")
    )
    params = wished.forecaster().get_params()
    expected = {"horizon": 5, "season_length": 7, "seed": 3, "max_steps": 9, "levels": (50.0,)}
    assert params.items() >= expected.items()
    assert wished.name == "n"


def test_the_horizon_of_a_data_set_is_not_that_of_another_frequency(tmp_path):
    path = tmp_path / "daily.csv"
    days = pd.date_range("2024-01-01", periods=50)
    pd.DataFrame({"unique_id": "a", "ds": days, "y": 1.0}).to_csv(path, index=False)
    assert Task.load(Request(str(path))).horizon == 7


def test_settings_that_are_not_allowed_are_configuration_errors():
    with pytest.raises(ConfigError, match="seed"):
        Task.load(Request("us_unemployment", seed=-1)).forecaster()


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("bike_sharng", r"Did you mean 'bike_sharing'\?"),
        ("zzz", r"bike_sharing, nyc_airport_weather, us_unemployment\. Received: 'zzz'\.$"),
        ("sale.csv", r"no such file\. Did you mean 'sales\.csv'\?"),
        ("other.parquet", r"Data files in '.*': sales\.csv\.$"),
        ("nowhere/x.csv", r"There is no folder 'nowhere' either\.$"),
        (".", "must end in"),
    ],
)
def test_a_source_that_is_not_there_gets_a_hint(frame, tmp_path, monkeypatch, source, hint):
    monkeypatch.chdir(tmp_path)
    frame.to_csv("sales.csv", index=False)
    with pytest.raises(PanelError, match=hint):
        read_source(source)
