import os

import pytest

from pipelines.errors import ConfigError
from pipelines.jobs.outputs import refuse_data, refuse_listed
from pipelines.jobs.results_folder import MANIFEST, results_folder


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("unique_id,ds,y\n")
    return path


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_no_name_of_the_data_is_an_output(data, tmp_path, link, monkeypatch):
    other = tmp_path / "other.csv"
    if link is not None:
        link(data, other)
    monkeypatch.chdir(tmp_path)
    for source, output in [
        (data, data),
        (data, "./data.csv"),
        *([(data, other), (other, data)] * bool(link)),
    ]:
        with pytest.raises(ConfigError, match=r"must not replace the data.*name another output"):
            refuse_data([str(source)], tmp_path / "absent.csv", tmp_path / output)


def test_data_in_a_folder_that_is_replaced_are_the_output_too(data, tmp_path):
    with pytest.raises(ConfigError, match="must not replace the data"):
        refuse_data([None, str(data)], tmp_path)


def test_other_files_and_shipped_data_are_no_concern(data, tmp_path):
    other = tmp_path / "data.parquet"
    other.write_text("")
    asked = [([str(data)], other, tmp_path / "new.csv"), (["bike_sharing"], other), ([None], data)]
    assert [refuse_data(*files) for files in asked] == [None, None, None]


@pytest.mark.parametrize("name", ["forecasts.csv", MANIFEST])
def test_a_file_that_a_manifest_names_is_not_written_alone(tmp_path, name):
    with results_folder(tmp_path) as folder:
        (folder.draft / "forecasts.csv").touch()
        folder.publish({})
    with pytest.raises(ConfigError, match="choose another name or folder"):
        refuse_listed(tmp_path / name)
    assert refuse_listed(tmp_path / "next.csv") == tmp_path / "next.csv"


def test_a_file_of_a_bundle_is_not_written_alone(tmp_path):
    from pipelines.bundle import write_bundle

    write_bundle(tmp_path / "b", {"config.json": {}}, {})
    with pytest.raises(ConfigError, match="earlier results"):
        refuse_listed(tmp_path / "b" / "config.json")


@pytest.mark.parametrize("text", ["", "[]", "3", '{"files": 3}'])
def test_a_manifest_of_something_else_is_no_concern(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    assert refuse_listed(tmp_path / "next.csv") == tmp_path / "next.csv"
