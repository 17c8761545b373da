"""``tcn detect``: files, answers, exit codes; the figure and the page of anomalies."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import weekly_network
from small_forecasters import frame_of, weekly
from typer.testing import CliRunner

from pipelines.anomaly import Detector
from pipelines.cli import app
from pipelines.jobs.results_folder import read_manifest
from pipelines.plots.anomalies import anomaly_chart

NAMES = {"anomalies.csv", "anomalies.parquet", "rows.parquet", "anomalies.html", "detector.json", "bundle"}


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch, tmp_path):
    weekly_network.install(monkeypatch.setattr)
    monkeypatch.chdir(tmp_path)
    values = {"a": weekly(400, 1), "<b>": 10 * weekly(400, 2), "constant": np.full(400, 2.0)}
    values["a"][350:355] -= 40
    frame_of(values).to_csv("data.csv", index=False)


def run(*arguments):
    result = CliRunner().invoke(app, ["detect", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def asked(*arguments):
    code, out, err = run(*arguments, "--json", "--quiet")
    assert code == 0, err
    return json.loads(out)


def test_the_newer_half_is_searched_and_files_are_written(tmp_path):
    answer = asked("data.csv", "--horizon", 4, "-o", "out")
    assert {answer["series"], answer["horizon"], answer["alpha"]} == {3, 4, 0.02}
    assert answer["searched"] == {"rows": 600, "start": "2024-07-19 00:00:00", "end": "2025-02-03 00:00:00"}
    assert answer["false_alarms_per_year"] == pytest.approx(0.02 * 365.25 / 4)
    assert answer["expected_false_alarms"] == pytest.approx(0.02 * 400 / 4)
    assert answer["skipped"] == ["constant"]
    assert set(answer["files"]) == NAMES
    listed = {name.split("/")[0] for name in read_manifest(tmp_path / "out")}
    assert listed == NAMES
    frame = pd.read_csv("out/anomalies.csv")
    assert frame.to_dict("records") == [
        {**row, "score": pytest.approx(row["score"]), "p_value": pytest.approx(row["p_value"])}
        for row in (
            {**each, **{name: each[name][:10] for name in ("start", "end", "peak")}}
            for each in answer["anomalies"]
        )
    ]
    assert (
        (frame["start"] <= "2024-12-18") & (frame["end"] >= "2024-12-16") & (frame["unique_id"] == "a")
    ).any()
    rows = pd.read_parquet("out/rows.parquet")
    assert rows.columns.tolist() == [
        "unique_id", "ds", "y", "expected", "low", "high", "score", "p_value", "is_anomaly",
    ]  # fmt: skip


def test_an_earlier_network_and_its_calibration_find_the_same(tmp_path):
    first = asked("data.csv", "--horizon", 4, "-o", "out")
    again = asked("data.csv", "--bundle", "out/bundle", "--calibration", "out/detector.json", "-o", "again")
    assert again["anomalies"] == first["anomalies"]
    assert "bundle" not in again["files"]
    later = asked(
        "data.csv", "--bundle", "out/bundle", "--calibration", "out/detector.json",
        "--start", "2024-12-01", "--alpha", 0.1, "-o", "again",
    )  # fmt: skip
    assert later["searched"]["start"] == "2024-12-01 00:00:00"
    assert later["alpha"] == 0.1
    part = asked("data.csv", "--bundle", "out/bundle", "-o", "part", "--false-alarms", 2)
    assert part["searched"]["start"] == "2024-07-18 00:00:00"  # a quarter of what was not learned
    assert part["false_alarms_per_year"] == pytest.approx(2)


def test_people_read_a_table_and_a_page():
    code, out, err = run("data.csv", "--horizon", 4, "-o", "out")
    assert code == 0, err
    assert re.search(r"data: \d+ anomal(y|ies) in 600 rows of 3 series", out)
    assert "Limit: one false alarm in 50 stretches of 4 rows of a series, 1.83 a year." in out
    assert "1 of 3 series were not searched (constant)" in err
    page = Path("out/anomalies.html").read_text(encoding="utf-8")
    assert "<script src" not in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert page.count("<tr>") == 1 + len(pd.read_csv("out/anomalies.csv"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.csv"], 65, "A data file must exist"),
        (["data.csv", "--horizon", 100], 65, "A search of a frame takes 600 rows at horizon 100"),
        (["data.csv", "--horizon", 4, "--alpha", 2], 78, "alpha must be a number above 0"),
        (["data.csv", "--horizon", 4, "--alpha", 0.1, "--fdr", 0.1], 78, "A detector has one limit"),
        (["data.csv", "--horizon", 4, "--calibration", "none.json"], 65, "Detector.save has written"),
        (["data.csv", "--horizon", 4, "--start", "soon"], 78, "start must be a stamp"),
        (["data.csv", "--gap", -1], 64, "gap"),
        (["data.csv", "--levels", "80"], 64, "levels"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_stays(arguments, code, words, tmp_path):
    found, _, err = run(*arguments, "-o", "out")
    assert found == code
    assert words in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "out").exists() or not [*(tmp_path / "out").glob("[!.]*")]


def test_a_network_that_has_learned_all_rows_cannot_calibrate():
    asked("data.csv", "--horizon", 4, "-o", "out")
    known = pd.read_parquet("out/bundle/history.parquet")
    known.to_csv("known.csv", index=False)
    code, _, err = run("known.csv", "--bundle", "out/bundle", "-o", "again")
    assert (code, "needs rows that it has not learned" in err) == (65, True)


def test_the_figure_shades_what_was_found():
    values = weekly(400, 1)
    values[350:355] -= 40
    frame = frame_of({"a": values, "b": weekly(400, 2)})
    forecaster = weekly_network.weekly_forecaster(frame[frame["ds"] < "2024-05-01"])
    detector = Detector(forecaster).calibrate(frame[frame["ds"] < "2024-11-01"])
    detection = detector.search(frame)
    figure = anomaly_chart(detection.rows, detection.anomalies)
    own = detection.anomalies.query("unique_id == 'a'")
    assert len(figure.layout.shapes) == len(own)
    observed = next(trace for trace in figure.data if trace.name == "Observed")
    assert list(observed.y) == detection.rows.query("unique_id == 'a'")["y"].tolist()
    low = next(trace for trace in figure.data if trace.name == "Too low")
    assert {f"2024-12-{day}" for day in (16, 17, 18)} <= set(low.x)
    assert figure.layout.title.text == "a"
    before = detection.rows[detection.rows["ds"] < own["start"].max()]
    shaded = anomaly_chart(before, detection.anomalies, "a").layout.shapes
    assert len(shaded) == len(own) - 1  # those outside the rows are not drawn
    with pytest.raises(ValueError, match="'series' must be an id of the frame"):
        anomaly_chart(detection.rows, detection.anomalies, "c")
    with pytest.raises(ValueError, match="'rows' must have rows"):
        anomaly_chart(detection.rows.iloc[:0], detection.anomalies.iloc[:0])
