"""The pages of the server, asked in this process: forecasts equal Python's, and no body breaks it."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from asgi_client import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from served_bundles import echo_forecaster, rows_of, served_bundle, served_forecaster
from serving_cases import WRONG, requests
from small_forecasters import frame_of, weekly

from pipelines.serving.app import About, create_app
from pipelines.serving.bodies import read_body
from pipelines.serving.forecasts import Forecasts
from pipelines.serving.problems import Refused
from pipelines.serving.server import load_app

PAGES = ["/forecast", "/observations", "/invocations"]
LONGEST = 200_000
ONE = {"unique_id": "a", "ds": "2024-01-01", "y": 1}


@pytest.fixture(scope="module")
def client():
    return Client(load_app(str(served_bundle()), "nowhere", LONGEST))


@pytest.fixture(scope="module")
def forecaster():
    return served_forecaster()


def client_of(frame, **settings):
    forecaster = echo_forecaster(frame, horizon=3, lookback=8, dilations=(1, 2), **settings)
    about = About("echo", None, "", {}, {})
    return Client(create_app(Forecasts.of(forecaster.fitted_), about)), forecaster


def sent(frame):
    """A frame as JSON has it."""
    plain = frame.assign(ds=frame["ds"].map(lambda stamp: getattr(stamp, "isoformat", lambda: stamp)()))
    return json.loads(plain.to_json(orient="records"))


def assert_same(rows, expected):
    """The same rows in the same order, ids of the same type, numbers to 1e-6."""
    frame = pd.DataFrame(rows)
    if expected["ds"].dtype.kind == "M":
        frame["ds"] = pd.to_datetime(frame["ds"])
    pd.testing.assert_frame_equal(frame, expected.reset_index(drop=True), rtol=1e-6, check_dtype=False)
    assert [type(name) for name in frame["unique_id"]] == [type(name) for name in expected["unique_id"]]


# Forecasts


def test_forecasts_equal_those_of_python(client, forecaster):
    rows = rows_of(forecaster)
    expected = forecaster.predict(rows, levels=[50, 90], quantiles=[0.3])
    asked = {"levels": [50, 90], "quantiles": [0.3]}
    found = client.post("/forecast", {"rows": sent(rows), **asked}).json()
    assert_same(found["forecast"], expected)
    columns = {name: [row[name] for row in sent(rows)] for name in rows}
    assert_same(client.post("/forecast", {"rows": columns, **asked}).json()["forecast"], expected)
    static = rows[["unique_id", "kind"]].drop_duplicates()
    apart = {"rows": sent(rows.drop(columns="kind")), "static": sent(static.assign(ds=0))}
    for record in apart["static"]:
        del record["ds"]
    assert_same(client.post("/forecast", {**apart, **asked}).json()["forecast"], expected)


def test_forecasts_of_what_is_known_equal_those_of_python(client, forecaster):
    expected = forecaster.predict()
    assert_same(client.post("/forecast", {}).json()["forecast"], expected)
    short = expected.groupby("unique_id").head(2)
    assert_same(client.post("/forecast", {"horizon": 2, "rows": []}).json()["forecast"], short)
    name = expected["unique_id"].iloc[-1]
    own = client.get(f"/forecast/{name}?levels=50&horizon=1").json()["forecast"]
    assert list(own[0]) == ["unique_id", "ds", "TCN", "TCN-lo-50", "TCN-hi-50"]
    assert own[0]["TCN"] == pytest.approx(expected[expected["unique_id"] == name]["TCN"].iloc[0], rel=1e-6)


def test_clients_of_mlflow_are_answered(client, forecaster):
    rows = rows_of(forecaster)
    expected = forecaster.predict(rows, levels=[60])
    records = sent(rows)
    params = {"params": {"levels": [60]}}
    split = {"columns": list(rows), "data": [list(record.values()) for record in records]}
    for body in ({"dataframe_records": records, **params}, {"dataframe_split": split, **params}):
        assert_same(client.post("/invocations", body).json()["predictions"], expected)
    known = forecaster.predict(levels=[60])
    for nothing in ({}, {"dataframe_records": []}, {"dataframe_split": {"columns": [], "data": []}}):
        assert_same(client.post("/invocations", {**nothing, **params}).json()["predictions"], known)
    assert client.get("/ping").status == 200


@pytest.mark.parametrize("kind", ["integers", "zone", "dates"])
def test_ids_and_stamps_keep_their_kind(kind):
    frame = frame_of({"a": weekly(20), "b/c d": weekly(25)})
    if kind == "integers":
        frame = frame.assign(unique_id=frame["unique_id"].map({"a": 7, "b/c d": 12}), ds=frame.index % 20)
        frame = frame[:40]
    if kind == "zone":
        frame["ds"] = (frame["ds"] - frame["ds"][0]) / 24 + pd.Timestamp("2024-03-31", tz="Europe/Berlin")
    client, forecaster = client_of(frame)
    expected = forecaster.predict()
    rows = client.post("/forecast", {"rows": sent(frame)}).json()["forecast"]
    if kind == "zone":
        stamps = [pd.Timestamp(row["ds"]) for row in rows]
        assert stamps == list(expected["ds"])
        assert {str(stamp.utcoffset()) for stamp in stamps} == {"2:00:00"}
    else:
        assert_same(rows, expected)
    name = expected["unique_id"].iloc[-1]
    own = client.get(f"/forecast/{name}").json()["forecast"]
    assert [row["unique_id"] for row in own] == [name] * 3


def test_observations_move_the_forecast():
    frame = frame_of({"a": weekly(40), "b": weekly(40, 1)})
    known, later = frame[frame["ds"] < "2024-02-05"], frame[frame["ds"] >= "2024-02-05"]
    client, forecaster = client_of(known, freq="D")
    for _ in range(2):
        assert client.post("/observations", {"rows": sent(later)}).status == 200
    assert client.post("/observations", {"rows": sent(later)}).json() == {
        "series": 2,
        "rows": 0,
        "repeated": 10,
        "replaced": 0,
    }
    assert_same(client.post("/forecast", {}).json()["forecast"], forecaster.predict(frame))


def test_a_wrong_observation_is_corrected_by_who_says_so():
    frame = frame_of({"a": weekly(40), "b": weekly(40, 1)})
    client, forecaster = client_of(frame, freq="D")
    before = client.post("/forecast", {}).json()
    wrong = frame.loc[[37]].assign(y=999.0)
    refused = client.post("/observations", {"rows": sent(wrong)})
    assert refused.status == 409
    told = refused.json()
    assert (told["series"], told["column"]) == ("a", "y")
    assert told["cure"].startswith('send later rows only, or "replace": true')
    missing = client.post("/observations", {"rows": sent(frame.loc[[37]].assign(y=None))}).json()
    assert "Received: y=null in series 'a'" in missing["error"]
    assert client.post("/forecast", {}).json() == before
    for rows, expected in ((wrong, pd.concat([frame.drop(37), wrong])), (frame.loc[[37]], frame)):
        answer = client.post("/observations", {"rows": sent(rows), "replace": True})
        assert answer.json() == {"series": 1, "rows": 0, "repeated": 0, "replaced": 1}
        assert_same(client.post("/forecast", {}).json()["forecast"], forecaster.predict(expected))
    odd = client.post("/observations", {"rows": sent(wrong), "replace": "yes"})
    assert odd.status == 422
    assert "'replace' must be true or false. Received: str; send true" in odd.json()["error"]


def test_a_bundle_without_history_asks_for_one():
    frame = frame_of({"a": weekly(20)})
    forecaster = echo_forecaster(frame, horizon=3, lookback=8, dilations=(1, 2))
    sample = replace(forecaster.fitted_, is_sample=True)
    client = Client(create_app(Forecasts.of(sample), About("echo", None, "", {}, {})))
    assert_same(client.post("/forecast", {"rows": sent(frame)}).json()["forecast"], forecaster.predict())
    assert "keeps no history" in client.post("/forecast", {}).json()["error"]
    assert client.get("/forecast/a").status == 404


def test_it_says_what_it_serves(client, forecaster):
    assert client.get("/health").json() == {"status": "ok"}
    info = client.get("/info").json()
    assert info["settings"]["horizon"] == forecaster.horizon
    assert info["plan"]["receptive_field"] == forecaster.plan_.receptive_field
    assert info["columns"]["static"] == ["kind"]
    assert info["series"] == forecaster.panel_.n_series
    assert len(info["sha256"]) == 64
    assert {"/forecast", "/observations", "/health"} <= {*client.get("/openapi.json").json()["paths"]}


def test_what_the_fit_did_not_know_is_a_note(client, forecaster):
    rows = rows_of(forecaster).assign(kind="palace")
    [note] = client.post("/forecast", {"rows": sent(rows)}).json()["notes"]
    assert "'palace'" in note


def test_series_of_which_too_little_is_known_are_a_note(client, forecaster):
    rows = rows_of(forecaster)
    rows["y"] = rows["y"].where(~rows["unique_id"].duplicated(keep="last"))
    notes = client.post("/forecast", {"rows": sent(rows)}).json()["notes"]
    assert any("no value, or a single one, is known" in note for note in notes)


def test_notes_of_requests_at_once_are_their_own(client, forecaster):
    """Rows that hardly fill the grid, rows of unknown categories, and rows without anything to note."""
    rows = rows_of(forecaster)
    sparse = rows.assign(y=rows["y"].where(rows.groupby("unique_id").cumcount() % 3 == 0))
    bodies = {"": rows, "'palace'": rows.assign(kind="palace"), "rows have no value at the": sparse}

    def ask(expected):
        notes = client.post("/forecast", {"rows": sent(bodies[expected])}).json()["notes"]
        return len(notes) == bool(expected) and all(expected in note for note in notes)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(ask, [*bodies] * 6))


def test_addresses_on_the_page_are_safe_in_a_shell():
    page = Path(__file__).parents[1] / "docs" / "how-to" / "serve.md"
    addresses = re.findall(r"(\S?)(localhost:8000\S*)", page.read_text())
    assert addresses
    assert all(quote == "'" for quote, address in addresses if re.search("[?&]", address))


# Errors


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"y": "many"}, {"column": "y", "series": "north"}),
        ({"load": "heavy"}, {"column": "load"}),
        ({"ds": "soon"}, {"column": "ds"}),
        ({"unique_id": None}, {"column": "unique_id"}),
        ({"unique_id": 1.5}, {"column": "unique_id"}),
        ({"ds": "2024-01-01"}, {}),
        ({"y": {"a": 1}}, {"column": "y"}),
        ({"y": "NaN"}, {"column": "y", "series": "north"}),
        ({"y": "12"}, {"column": "y", "series": "north"}),
        ({"y": True}, {"column": "y", "series": "north"}),
        ({"more": 1}, {}),
    ],
)
def test_rows_that_cannot_be_used_are_named_with_a_cure(client, forecaster, change, named):
    rows = rows_of(forecaster)
    if "series" in named:
        named["series"] = rows["unique_id"].iloc[0]
    body = [{**record, **change} for record in sent(rows)]
    found = client.post("/forecast", {"rows": body})
    assert found.status == 422
    error = found.json()
    assert named.items() <= error.items()
    assert "Received: " in error["error"]
    assert error["error"].endswith(error["cure"])


@pytest.mark.parametrize(
    ("asked", "column"),
    [
        ({"rows": [ONE | {"z": 1}]}, "z"),
        ({"rows": [ONE], "future": [{"unique_id": "a", "ds": "2024-01-02", "temp": 1}]}, "temp"),
        ({"rows": [ONE], "static": [{"unique_id": "a", "region": "n"}]}, "region"),
        ({"rows": {"unique_id": ["a"] * 3, "ds": [1, 2, 3], "y": [1, 2]}}, "y"),
        ({"rows": {"unique_id": ["a"] * 3, "y": [1, 2]}}, None),
        ({"rows": [ONE], "unique_id": 1}, None),
    ],
)
def test_the_column_of_an_error_is_the_wrong_one(client, asked, column):
    found = client.post("/forecast", asked)
    assert found.status == 422
    assert found.json().get("column") == column


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        ({"ds": ["2024-01-01", "2024-01-01"]}, "send one row for each of its stamps."),
        ({"ds": ["2024-01-01", None]}, "fill them, or leave out their rows."),
        ({"ds": ["2024-01-01", "01.02.24"]}, "send times as text in ISO 8601."),
        ({"ds": [1, 2]}, "send times as text in ISO 8601."),
        ({"ds": ["2024-01-01", "2024-01-01T12:00:00"]}, "send the stamps of its steps."),
        ({"y": None}, "send it."),
        ({"unique_id": None}, "send it, the same text in each row for a single series."),
        ({"kind": ["kiosk", "shop"]}, "correct it."),
    ],
)
def test_cures_are_for_those_who_send_json(client, forecaster, change, cure):
    rows = {"unique_id": ["new"] * 2, "ds": ["2024-01-01", "2024-01-02"], "y": [1, 2], "kind": ["shop"] * 2}
    rows |= {"load": [1, 2]} | change
    body = {"rows": {name: values for name, values in rows.items() if values is not None}}
    error = client.post("/forecast", body).json()
    assert error["cure"].startswith(cure)
    assert not re.search(r"df\[|pandas|--|\bpass\b|freq=", error["cure"])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"horizon": 99}, "from 1 to 3, the horizon of the fit. Received: 99"),
        ({"horizon": True}, "Received: True"),
        ({"levels": "high"}, "levels must be numbers"),
        ({"levels": 80}, "levels must be numbers"),
        ({"quantiles": [2]}, "quantiles must be numbers between 0 and 1"),
        ({"quantiles": [1e-300]}, "quantiles must be numbers between 0.000001 and 0.999999"),
        ({"levels": [1e-9]}, "levels must be numbers between 0.000100 and 99.999900"),
        ({"levels": [80] * 101}, "levels must be at most 100 numbers. Received: 101"),
        ({"quantiles": [0.5] * 101}, "quantiles must be at most 100 numbers. Received: 101"),
        ({"rows": [{}]}, "Records of 'rows' must have columns. Received: none in record 0"),
        ({"rows": [ONE, {}]}, "Received: none in record 1"),
        ({"horizn": 1}, "did you mean 'horizon'?"),
        ({"rows": "none"}, "'rows' must be a list of records"),
        ({"rows": [1]}, "Records of 'rows' must be objects. Received: int as record 0"),
        ({"rows": {"y": 1}}, "Column 'y' of 'rows' must be a list"),
        ({"rows": {"y": [1], "ds": []}}, "must be of one length"),
        ({"future": []}, "future"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(client, asked, message):
    found = client.post("/forecast", asked)
    assert found.status == 422
    assert message in found.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [{}]},
        {"dataframe_split": {"columns": [], "data": [[]]}},
        {"dataframe_records": [], "dataframe_split": {"columns": [], "data": []}},
    ],
)
def test_invocations_of_rows_of_nothing_are_refused(client, body):
    found = client.post("/invocations", body)
    assert found.status == 422
    assert found.json()["cure"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/forecast/nobody", 404),
        ("GET", "/forecast/north?levels=high", 422),
        ("GET", "/forecast/north?horizon=" + "9" * 5000, 422),
        ("GET", "/forecast/north?horizon=" + "0" * 19 + "21", 422),
        ("GET", "/forecast/north?more=1", 422),
        ("GET", "/observations", 405),
        ("DELETE", "/forecast", 405),
        ("OPTIONS", "/forecast", 405),
        ("POST", "/forecast", 415),
    ],
)
def test_pages_that_are_not_there(client, method, path, status):
    found = client.request(method, path)
    assert found.status == status
    assert found.json()["error"]
    assert found.json()["cure"]


@pytest.mark.parametrize(
    "path", ["/health", "/ping", "/info", "/forecast/north", "/openapi.json", "/nowhere", "/observations"]
)
def test_head_answers_as_get_would(client, path):
    """Without the body, which the server leaves out."""
    head, get = (client.request(method, path) for method in ("HEAD", "GET"))
    assert (head.status, head.headers["content-type"]) == (get.status, get.headers["content-type"])


def test_digits_at_the_ends_are_those_that_columns_are_named_by(client):
    found = client.post("/forecast", {"quantiles": [0.000001, 0.999999], "levels": [0.0001, 99.9999]})
    assert {"TCN-q-0.000001", "TCN-q-0.999999", "TCN-lo-0.0001"} <= {*found.json()["forecast"][0]}


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=latin-1", "", "application/jsonp"])
def test_other_types_of_bodies_are_refused(client, kind):
    assert client.post("/forecast", {}, kind=kind).status == 415
    assert client.post("/forecast", {}, kind='application/json; charset="UTF-8"').status == 200


def test_pages_of_other_sites_cannot_ask(client):
    assert client.get("/info", host="example.org").status == 400
    assert client.get("/info", host="localhost:8000").status == 200


@pytest.mark.parametrize("length", [None, 10, LONGEST + 1, "many"])
def test_large_bodies_are_refused_whatever_they_say_of_their_length(client, length):
    headers = {} if length is None else {"content-length": length}
    body = b'{"rows": [' + b" " * LONGEST + b"]}"
    found = client.post("/forecast", body, **headers)
    assert found.status == 413
    assert f"{LONGEST:,} bytes at most" in found.json()["error"]
    allowed = b'{"rows": [' + b" " * (LONGEST - 20) + b"]}"
    assert client.post("/forecast", allowed).status == 200


def test_a_large_body_is_not_read_to_its_end():
    parts = []

    def chunks():
        for _ in range(1000):
            parts.append(1)
            yield b" " * 1000

    async def stream():
        for chunk in chunks():
            yield chunk

    with pytest.raises(Refused):
        asyncio.run(read_body(stream(), None, 10_000))
    assert len(parts) == 11


def test_bodies_that_do_not_arrive_are_refused(client, monkeypatch):
    monkeypatch.setattr("pipelines.serving.bodies._SECONDS", 0.05)
    assert client.post("/forecast", b"{}", stops="waits").status == 408
    assert client.post("/forecast", b"{}", stops="leaves").status == 400
    assert client.get("/health").status == 200


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("body", WRONG, ids=lambda body: repr(body[:30]))
def test_what_is_no_request_is_refused(client, page, body):
    found = client.post(page, body)
    assert 400 <= found.status < 500
    assert found.json()["error"]


@given(st.sampled_from(PAGES), st.data())
@settings(max_examples=200)
def test_no_body_breaks_it(client, forecaster, page, data):
    body = data.draw(requests(forecaster.panel_.ids.tolist()))
    found = client.post(page, body)
    answer = found.json()  # strictly: never NaN
    if found.status == 200:
        rows = answer.get("forecast", answer.get("predictions", []))
        assert np.isfinite([row["TCN"] for row in rows] if isinstance(rows, list) else rows["TCN"]).all()
    else:
        assert 400 <= found.status < 500
        assert answer["error"]
    assert client.get("/health").status == 200
