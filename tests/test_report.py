"""The report is one complete, well-formed, safe and bounded page that says what the scores say."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from example_results import ERRORS, make_result
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report import render_report, write_report
from pipelines.report.ranking import rank_series
from pipelines.report.tables import column_cells
from pipelines.results import ForecastResult
from pipelines.wording import number

VOID = {"meta", "link", "input", "br", "img"}
EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Elements and texts of a page; fails where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((tuple(self._open), data.strip()))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text_in(self, tag: str) -> list[str]:
        return [text for path, text in self.texts if tag in path]

    @property
    def visible(self) -> str:
        return " ".join(text for path, text in self.texts if not {"script", "style"} & set(path))


def payload(html: str) -> dict[str, Any]:
    """Numbers and figures that the page's script reads."""
    found = re.search(r'id="payload">([^<]+)</script>', html)
    assert found
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(found[1])))
    return data


@pytest.fixture(scope="module")
def result() -> ForecastResult:
    return make_result(ids=["north", EVIL, "Zürich 東京 🚲", "a & b", 'quo"te', "{{ 7 * 7 }}"])


@pytest.fixture(scope="module")
def html(result: ForecastResult) -> str:
    return render_report(result)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_page_is_well_formed_and_named(page: Page, html: str) -> None:
    assert html.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "en"}]
    assert page.text_in("title") == ["Visitors by shop \N{EN DASH} forecast report"]
    assert page.text_in("h1") == ["Visitors by shop"]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for landmark in ("header", "nav", "main", "footer"):
        assert len(page.all(landmark)) == 1


def test_every_reference_inside_the_page_exists(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = {attributes["href"].removeprefix("#") for attributes in page.all("a")}
    described = {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    assert links | described <= set(ids)


def test_tables_and_charts_say_what_they_are(page: Page) -> None:
    tables = [one for one in page.all("table") if "id" not in one]  # that one is filled by the script
    assert len(page.all("caption")) == len(tables) == 4
    assert {one["scope"] for one in page.all("th")} == {"col", "row"}
    regions = [one for _, one in page.elements if one.get("role") == "region"]
    assert all(one["aria-label"] and one["tabindex"] == "0" for one in regions)
    charts = [one for one in page.all("div") if "data-figure" in one]
    assert [one["data-figure"] for one in charts] == [
        "fan",
        "backtest",
        "scores-mase",
        "scores-wql",
        "cutoffs",
        "steps",
        "coverage",
        "parts",
        "training",
    ]
    assert all(one["role"] == "img" and one["aria-label"] for one in charts)
    assert len(page.all("figcaption")) == len(charts) + 1  # and the bars


def test_page_loads_nothing_and_runs_its_own_scripts_only(page: Page, html: str) -> None:
    for _, attributes in page.elements:
        for name in ("src", "srcset", "href", "data", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
        assert not [name for name in attributes if name.startswith("on")]
    (policy,) = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    assert policy.startswith("default-src 'none';")
    assert "unsafe-inline" not in policy.split("script-src")[1]
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    library = re.search(r'id="plotly">([^<]+)</script>', html)
    assert library
    for code in (script.encode(), gzip.decompress(base64.b64decode(library[1]))):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(code).digest()).decode()}'" in policy
    assert "url(" not in html.partition("<style>")[2].partition("</style>")[0]
    assert "@import" not in html


def test_names_from_the_data_are_text(page: Page, html: str, result: ForecastResult) -> None:
    assert EVIL not in html
    for name in result.forecast["unique_id"].unique():
        assert name in page.text_in("button")
    assert [tag for tag, _ in page.elements].count("script") == 3
    odd = replace(
        result, name=f"{EVIL}'\"", freq=EVIL, settings={EVIL: EVIL}, digest=EVIL, versions={EVIL: EVIL}
    )
    other = Page(render_report(odd))
    assert other.text_in("h1") == [f"{EVIL}'\""]
    assert other.visible.count(EVIL) == page.visible.count(EVIL) + 10
    assert [tag for tag, _ in other.elements].count("script") == 3


def test_same_run_gives_the_same_page(result: ForecastResult, html: str) -> None:
    assert render_report(result) == html


def test_embedded_numbers_are_those_of_the_frames(html: str, result: ForecastResult) -> None:
    data = payload(html)
    assert {one["id"] for one in data["series"]} == set(result.forecast["unique_id"])
    for one in data["series"]:
        frames = (result.forecast, result.history, result.backtest)
        ahead, past, tested = (frame[frame["unique_id"] == one["id"]] for frame in frames)
        stamps = data["stamps"][one["ahead"]["x"]]
        assert stamps == ahead["ds"].dt.strftime("%Y-%m-%d").tolist()
        for short, column in (("median", "TCN"), ("lo-80", "TCN-lo-80"), ("hi-95", "TCN-hi-95")):
            np.testing.assert_allclose(one["ahead"][short], ahead[column], rtol=5e-5)
        shown = one["past"]["actual"]
        np.testing.assert_allclose(shown, past["y"].tail(len(shown)), rtol=5e-5)
        assert len(data["stamps"][one["past"]["x"]]) == len(shown)
        for window, (_, rows) in zip(one["windows"], tested.groupby("cutoff"), strict=True):
            for short, column in (
                ("actual", "y"),
                ("median", "TCN"),
                ("lo", "TCN-lo-80"),
                ("compare", "SeasonalNaive"),
            ):
                np.testing.assert_allclose(window[short], rows[column], rtol=5e-5)


def test_series_share_their_time_axes(html: str) -> None:
    assert len(payload(html)["stamps"]) == 1 + 1 + 3  # past, future, three windows


def test_order_of_rows_does_not_matter(html: str, result: ForecastResult) -> None:
    mixed = {
        name: getattr(result, name).sample(frac=1, random_state=2)
        for name in ("forecast", "history", "backtest")
    }
    by_id = {one["id"]: one for one in payload(render_report(replace(result, **mixed)))["series"]}
    for one in payload(html)["series"]:
        other = by_id[one["id"]]
        assert one["past"]["actual"] == other["past"]["actual"]
        assert one["ahead"]["median"] == other["ahead"]["median"]
        assert [w["median"] for w in one["windows"]] == [w["median"] for w in other["windows"]]


def test_worst_series_come_first_and_landmarks_name_them(html: str, result: ForecastResult) -> None:
    assert result.scores is not None
    by_series = result.scores.by_series
    scores = by_series[by_series["model"] == "TCN"].set_index("unique_id")["mase"].sort_values()
    data = payload(html)
    assert [one["id"] for one in data["series"]] == scores.index[::-1].tolist()
    assert data["landmarks"] == {"Worst": 0, "Median": 2, "Best": 5}


def test_scores_are_shown_with_the_best_marked(html: str, page: Page, result: ForecastResult) -> None:
    assert result.scores is not None
    for model in ERRORS:
        assert model in page.text_in("th")
    best = re.findall(r'<td class="best">([^<]+)<span class="hidden"> \(best\)</span></td>', html)
    mae = result.scores.overall["mae"].min()
    assert any(abs(float(text) - mae) / mae < 0.01 for text in best if re.fullmatch(r"[\d.]+", text))
    assert len(best) >= 9  # seven errors and two coverages, where models may share the first place


def test_thousand_series_stay_below_five_megabytes() -> None:
    ids = [f"item-{place:04d}" for place in range(1000)]
    result = make_result(ids=ids, n_history=240, horizon=48, freq="h", season_length=24)
    html = render_report(result)
    assert len(html.encode()) < 5_000_000
    assert {one["id"] for one in payload(html)["series"]} == set(ids)


def test_what_is_left_out_is_said() -> None:
    result = make_result(ids=list(range(400)), n_windows=1, n_history=30)
    html = render_report(result, max_numbers=9_000)
    data = payload(html)
    places = [one["place"] for one in data["series"]]
    ranking = rank_series(result)
    assert places == sorted(places)
    assert {*range(10), 199, 399} <= set(places)
    assert [one["id"] for one in data["series"]] == [str(ranking.ids[place]) for place in places]
    numbers = sum(
        len(values)
        for one in data["series"]
        for values in one["ahead"].values()
        if values != one["ahead"]["x"]
    )
    assert numbers < 9_000
    assert f"Charts are embedded for {len(places)} of 400 series" in Page(html).visible
    assert f"{400 - len(places)} are left out here" in Page(html).visible


def test_forecast_without_a_backtest_still_has_a_report() -> None:
    result = make_result(n_windows=0)
    page = Page(render_report(result))
    assert page.text_in("h2")[0] == "This forecast could not be tested."
    assert [one["data-figure"] for one in page.all("div") if "data-figure" in one] == [
        "fan",
        "parts",
        "training",
    ]
    bare = replace(
        result,
        parts=None,
        data={},
        training=(),
        plan={},
        settings={},
        levels=(),
        forecast=result.forecast[["unique_id", "ds", "TCN"]],
    )
    assert payload(render_report(bare))["figures"].keys() == {"fan"}


def test_calibration_and_the_reason_for_no_scores_are_shown() -> None:
    reason = "Nothing was held out: the longest series has 7 rows & no more."
    made = make_result(n_windows=0, reason=reason, calibration={"shrink": 0.875, "widen": 1.2})
    visible = Page(render_report(made)).visible
    assert reason in visible
    assert "distance of the median from the last value \N{MULTIPLICATION SIGN} 0.88" in visible
    assert "width of the intervals \N{MULTIPLICATION SIGN} 1.20" in visible
    assert "Calibration" not in Page(render_report(make_result(n_windows=0))).visible


def test_one_series_needs_no_picker() -> None:
    result = make_result(ids=[1], start=1, freq="1")
    page = Page(render_report(result))
    assert not page.all("select")
    assert "Worst series" not in [one.get("aria-label") for one in page.all("div")]


def test_series_without_scores_are_ranked_last() -> None:
    result = make_result()
    assert result.scores is not None
    scores = result.scores.by_series.copy()
    scores.loc[scores["unique_id"] == "a", ["mase", "rmsse"]] = np.nan
    ranking = rank_series(replace(result, scores=replace(result.scores, by_series=scores)))
    assert ranking.ids[-1] == "a"
    assert ranking.n_scored == 2
    scores["mase"] = np.nan
    assert rank_series(replace(result, scores=replace(result.scores, by_series=scores))).metric == "mae"


def test_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "report.html"
    result = make_result()
    assert write_report(result, target) == target
    before = target.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, fail)
            with pytest.raises(OSError, match="disk full"):
                write_report(replace(result, name="other"), target)
        assert target.read_bytes() == before
        assert list(target.parent.iterdir()) == [target]
    write_report(replace(result, name="other"), os.fspath(target))
    assert target.read_bytes() != before


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-4, max_value=1e12))
def test_numbers_keep_three_significant_digits(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=5.1e-3)
    assert number(-value) == f"\N{MINUS SIGN}{number(value)}"


def test_numbers_that_are_none() -> None:
    assert number(float("nan")) == number(np.nan, 2, " %") == "\N{EN DASH}"
    assert number(float("-inf")) == "\N{MINUS SIGN}\N{INFINITY}"
    assert number(0.0) == "0"


@given(st.lists(st.floats(0.001, 1e6), min_size=2, max_size=6, unique=True))
def test_best_of_a_column_is_its_smallest_or_nearest_to_the_level(values: list[float]) -> None:
    marked = [cell.best for cell in column_cells("mae", pd.Series(values))]
    assert marked == [value == min(values) for value in values]
    shares = [value / 1e6 for value in values]
    gaps = [abs(share - 0.8) for share in shares]
    marked = [cell.best for cell in column_cells("coverage_80", pd.Series(shares))]
    assert marked == [gap == min(gaps) for gap in gaps] or len(set(gaps)) == 1
    assert not any(cell.best for cell in column_cells("width_80", pd.Series(values)))
    assert not any(cell.best for cell in column_cells("mae", pd.Series([1.0, 1.0, np.nan])))


def test_it_says_what_was_asked_and_compares_in_bars(html: str, page: Page, result: ForecastResult) -> None:
    assert result.scores is not None
    assert "The next 14 days of 6 series, from 2024-03-11 to 2024-03-24." in page.visible
    bars = re.findall(r'class="name">([^<]+)</span><span class="track".*?width: ([\d.]+)%', html)
    errors = result.scores.overall["mae"].sort_values()
    models = bars[: len(errors)]
    assert [name for name, _ in models] == errors.index.tolist()
    np.testing.assert_allclose([float(share) for _, share in models], 100 * errors / errors.max(), atol=0.06)
    parts = bars[len(errors) :]
    assert [name for name, _ in parts] == ["seasons", "look-back", *(f"dilation {d}" for d in (1, 2, 4, 8))]


def test_it_says_where_it_errs_and_how_sure_it_is(page: Page, result: ForecastResult) -> None:
    assert result.scores is not None
    worst = result.scores.by_series.query("model == 'TCN'").nlargest(1, "mase")["unique_id"].item()
    assert f"Worst for {worst} (MASE " in page.visible
    steps = result.scores.by_step.query("model == 'TCN'").set_index("step")["mae"]
    found = re.search(r"Off by ([\d.,]+) on average one step ahead, by ([\d.,]+) at step 14\.", page.visible)
    assert found
    said = [float(text.replace(",", "")) for text in found.groups()]
    np.testing.assert_allclose(said, steps.loc[[1, 14]], rtol=0.02)
    held = result.scores.overall.loc["TCN", "coverage_80"]
    assert f"Of 100 outcomes, {100 * held:.0f} lay in the 80 % interval" in page.visible


def test_one_bad_night_is_named() -> None:
    made = make_result(n_windows=8, n_history=200)
    assert made.scores is not None
    rows = made.scores.by_cutoff.copy()
    rows.loc[(rows["model"] == "TCN") & (rows["cutoff"] == rows["cutoff"].min()), "mae"] *= 30
    said = Page(render_report(replace(made, scores=replace(made.scores, by_cutoff=rows)))).visible
    assert re.search(r"The forecast made after \d{4}-\d\d-\d\d was the worst: [\d.]+ times the usual", said)


def test_the_data_are_described_and_drawn_without_a_script(
    html: str, page: Page, result: ForecastResult
) -> None:
    drawings = html.count('<svg class="sketch"')
    assert drawings == result.n_series + 1
    assert len(page.all("path")) == drawings
    assert "variance that the season explains" in page.visible
    assert "span 2024-01-01 to 2024-03-10" in page.visible


def test_a_certificate_is_shown_where_there_is_one(page: Page, result: ForecastResult) -> None:
    assert "None was asked for" in page.visible
    certified = result.backtest.copy()
    certified.attrs["certificate"] = {
        "holds": True, "cutoffs": ["1", "2"], "of_cutoffs": 3, "compared": 1234, "moved": 0,
        "sha256": "ab" * 32,
    }  # fmt: skip
    visible = Page(render_report(replace(result, backtest=certified))).visible
    assert "forecasts compared 1,234 forecasts that moved 0" in visible
    assert "ab" * 32 in visible
    assert "0b" * 32 in visible  # of a file
