"""``tcn explain``: of a bundle and of data, its folder, its page, its answers and its exit codes."""

import json

import numpy as np
import pandas as pd
import pytest
from accessibility import find_axe, violations
from chromium import Chromium, find_chromium
from explaining_cases import EVERY_ROLE, rich_frame
from small_forecasters import HORIZON, UNTRAINED
from typer.testing import CliRunner

from pipelines import Forecaster
from pipelines.cli import app
from pipelines.explaining import FRAMES
from pipelines.jobs.results_folder import read_manifest

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def place(tmp_path_factory, eagerly):
    """A bundle, the data that it forecasts and what is known ahead, and an explanation of one series."""
    folder = tmp_path_factory.mktemp("explained")
    frame = rich_frame()
    last = frame["ds"].max() - pd.Timedelta(days=HORIZON)
    known, ahead = frame[frame["ds"] <= last], frame[frame["ds"] > last].drop(columns="y")
    Forecaster(**UNTRAINED, covariates=EVERY_ROLE).fit(known).save(folder / "bundle", onnx=False)
    known.to_csv(folder / "sales.csv", index=False)
    ahead.to_csv(folder / "ahead.csv", index=False)
    done = run(
        "--bundle", folder / "bundle", "--future", folder / "ahead.csv", "--series", "b",
        "--output", folder / "why", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (folder / "answer.json").write_text(done.stdout.splitlines()[-1])
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


def test_a_folder_holds_page_facts_and_frames(place):
    answer = json.loads((place / "answer.json").read_text())
    assert answer["command"] == "explain"
    assert answer["ids"] == ["b"]
    names = {"explanation.html", "explanation.json", *(f"{name}.parquet" for name in FRAMES)}
    assert names == {path.name for path in (place / "why").iterdir()} - {"manifest.json", ".lock"}
    assert set(read_manifest(place / "why")) == names == set(answer["files"])
    parts = pd.read_parquet(place / "why" / "parts.parquet").groupby("step")["value"].sum()
    forecast = pd.read_parquet(place / "why" / "forecast.parquet")
    np.testing.assert_allclose(parts, forecast["TCN"], rtol=1e-5)
    facts = json.loads((place / "why" / "explanation.json").read_text())
    assert facts["field"] == answer["field"]
    assert {row["covariate"] for row in facts["by_covariate"]} >= {"y", "load", "temp", "kind", "region"}


def test_people_read_tables_and_a_past_cutoff_needs_no_future(place):
    done = run(
        place / "sales.csv", "--bundle", place / "bundle", "--series", "a", "--cutoff", "2024-02-20",
        "--width", "7", "-o", place / "past",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    for text in ("Before it", "Covariate", "Largest parts", "matters most", "explanation.html"):
        assert text in done.stdout
    forecast = pd.read_parquet(place / "past" / "forecast.parquet")
    assert forecast["cutoff"].astype(str).unique().tolist() == ["2024-02-20"]


def test_data_alone_are_fitted_and_the_network_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.network.can_export_onnx", lambda: False)
    frame = pd.DataFrame({"unique_id": 7, "ds": range(60), "y": np.arange(60) % 5})
    frame.to_csv(tmp_path / "sales.csv", index=False)
    asked = ("--horizon", 3, "--season-length", 5, "--preset", "fast", "--max-steps", 1, "--series", 7)
    done = run(tmp_path / "sales.csv", *asked, "--cutoff", 50, "--output", tmp_path / "why", "--quiet")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    facts = json.loads((tmp_path / "why" / "explanation.json").read_text())
    assert Forecaster.load(tmp_path / "why" / "bundle").horizon == 3
    assert facts["seasons"] == [5]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 64, "name data as SOURCE, or a saved network"),
        (("--bundle", "BUNDLE", "--series", "x"), 78, "unique_id must name series"),
        (("--bundle", "BUNDLE"), 65, "'temp'"),
        (("--bundle", "nowhere"), 65, "bundle"),
        (("SALES", "--bundle", "BUNDLE", "--horizon", "9"), 78, "keeps the settings"),
        (("SALES", "--bundle", "BUNDLE", "--cutoff", "soon"), 78, "cutoff must be a stamp"),
    ],
)
def test_mistakes_have_their_exit_codes(place, tmp_path, arguments, code, message):
    named = {"BUNDLE": place / "bundle", "SALES": place / "sales.csv"}
    done = run(*(named.get(word, word) for word in arguments), "--output", tmp_path / "why")
    assert done.exit_code == code, done.output
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "why" / "explanation.html").exists()


@pytest.mark.long
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed")
def test_the_page_is_drawn_on_a_phone_and_serves_every_reader(place):
    page = place / "why" / "explanation.html"
    assert page.stat().st_size < 5_000_000
    with Chromium(find_chromium()) as browser:
        for width, dark in ((390, True), (1440, False)):
            browser.show(page, width=width, dark=dark)
            assert browser.messages == []
            asked = [one for one in browser.requests if not one.startswith("data:")]
            assert asked == [page.resolve().as_uri()]
            assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            drawn = browser.run("document.querySelectorAll('.chart .main-svg').length")
            assert drawn >= len(browser.run("[...document.querySelectorAll('.chart')].map(one => 1)"))
            if find_axe() is not None:
                browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
                assert violations(browser) == []
