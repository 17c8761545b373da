"""The status page: what it says, that it runs nothing and loads nothing, and that it is there whole."""

import re
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from chromium import Chromium, find_chromium
from nightly_cases import DAYS, forecasts_of, history_of, job_of

from pipelines.nightly.alarms import alarms_of
from pipelines.nightly.drawing import Line, draw
from pipelines.nightly.scoring import score_nights
from pipelines.nightly.status_page import write_status_page

EVIL = "<script>alert(1)</script><img src=x onerror='alert(1)'>"
HISTORY = history_of(n_series=4, n_rows=130)


def scored_of(n_nights=28, group=None):
    nights = [(cutoff, forecasts_of(HISTORY, cutoff)) for cutoff in DAYS[129 - n_nights : 129]]
    static = pd.DataFrame({"unique_id": ["s0", "s1"], "state": [EVIL, "CA"]})
    return score_nights(nights, HISTORY, job_of(watch={"group": group}), static)


def status_of(**changes):
    nights = [
        {
            "cutoff": f"{day:%Y%m%dT%H%M%S}",
            "fingerprint": "f",
            "rows": 4000,
            "series": 4,
            "models": {"TCN v2": 3, "SeasonalNaive": 1},
            "champion": 2,
            "findings": [],
        }
        for day in DAYS[128:100:-1]
    ]
    status = {
        "job": "sales",
        "folder": "/srv/sales",
        "champion": 2,
        "versions": [{"number": 2, "cutoff": "20240401T000000", "scores": {}, "reason": "Better by 4.0 %."}],
        "promotions": [],
        "nights": nights,
        "published": {"night": nights[0]["cutoff"], "models": nights[0]["models"]},
        "failure": None,
        "damaged": [],
    }
    return {**status, **changes}


def page_of(tmp_path, status=None, scored=None):
    path = tmp_path / "status.html"
    write_status_page(path, status or status_of(), scored_of() if scored is None else scored)
    return path.read_text(encoding="utf-8")


def texts(page):
    """What a reader sees."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index("<body>") :]))


def test_it_says_how_the_job_is_doing(tmp_path):
    scored = scored_of()
    page = texts(page_of(tmp_path, scored=scored))
    own, naive = scored.overall["mae"]
    assert (
        "In order Readers see the forecast of 2024-05-08, of 4 series, 1 of them by seasonal naive." in page
    )
    assert f"was {100 * (1 - own / naive):.1f} % below that of seasonal naive" in page
    assert "v2 (champion) 2024-04-01 Better by 4.0 %." in page
    assert "TCN v2: 3 series, SeasonalNaive: 1 series" in page


@pytest.mark.parametrize(
    ("changes", "label", "text"),
    [
        ({"failure": {"cutoff": "20240509T000000", "error": "PanelError", "message": "No rows."}}, "Failed",
         "The run of 2024-05-09 failed. Readers see the forecast of 2024-05-08, of 4 series"),
        ({"published": None}, "Not published", "Nothing whole is published."),
        ({"nights": []}, "Waiting", "No night has been run yet."),
        ({"damaged": ["A night is damaged."]}, "Needs a look", "Damaged: A night is damaged."),
    ],
)  # fmt: skip
def test_it_says_what_is_wrong(tmp_path, changes, label, text):
    page = page_of(tmp_path, status_of(**changes))
    assert f'<p class="badge">{label}</p>' in page
    assert text in texts(page)


def test_findings_of_the_last_night_need_a_look(tmp_path):
    status = status_of()
    status["nights"][0]["findings"] = [{"check": "gaps", "severity": "warn", "message": "Many are missing."}]
    status["nights"][1]["findings"] = [{"check": "rows", "severity": "fail", "message": "Few are there."}]
    page = texts(page_of(tmp_path, status))
    assert "Needs a look" in page
    assert page.count("gaps: Many are missing.") == 2
    assert "stopped the job: rows: Few are there." in page


def test_alarms_need_a_look(tmp_path):
    nights = [(day, forecasts_of(HISTORY, day).assign(TCN=0.0)) for day in DAYS[110:120]]
    scored, path = score_nights(nights, HISTORY, job_of()), tmp_path / "status.html"
    write_status_page(path, status_of(), scored, alarms_of(scored, job_of()))
    page = texts(path.read_text(encoding="utf-8"))
    assert "Needs a look" in page
    assert "above that of seasonal naive on the same values" in page
    assert "error: Over 10 nights the mean absolute error must be at most" in page


@pytest.mark.parametrize("n_nights", [0, 1, 2, 28])
def test_any_number_of_nights_can_be_shown(tmp_path, n_nights):
    scored = scored_of(n_nights) if n_nights else score_nights([], HISTORY, job_of())
    page = page_of(tmp_path, scored=scored)
    assert page.count("<figure>") == (3 if n_nights else 0)
    assert "nan" not in texts(page).lower()


class _Tags(HTMLParser):
    """Tags that are open, and all that were."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_names_are_text_and_nothing_is_run_or_loaded(tmp_path):
    status = status_of(job=EVIL, folder=EVIL)
    status["nights"][0]["findings"] = [{"check": EVIL, "severity": "warn", "message": EVIL}]
    status["versions"][0]["reason"] = EVIL
    tags = _Tags(page_of(tmp_path, status, scored_of(group="state")))
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "img", "iframe", "object", "form"}
    assert not [name for _, attributes in tags.seen for name in attributes if name.startswith("on")]
    links = [
        value for _, attributes in tags.seen for name, value in attributes.items() if name in ("href", "src")
    ]
    assert links == ["data:,"]


def test_a_job_without_intervals_has_a_page(tmp_path):
    nights = [(day, forecasts_of(HISTORY, day)) for day in DAYS[110:120]]
    page = texts(page_of(tmp_path, scored=score_nights(nights, HISTORY, job_of(levels=()))))
    assert "Mean absolute error by night" in page
    assert "Share of values inside" not in page


def test_it_is_replaced_as_a_whole(tmp_path):
    page_of(tmp_path)
    with pytest.raises(KeyError):
        write_status_page(tmp_path / "status.html", {"job": "sales"}, scored_of())
    assert [path.name for path in tmp_path.iterdir()] == ["status.html"]
    assert "In order" in (tmp_path / "status.html").read_text()


def test_it_takes_a_moment(tmp_path):
    scored, status = scored_of(), status_of()
    write_status_page(tmp_path / "status.html", status, scored)
    began = time.process_time()
    write_status_page(tmp_path / "status.html", status, scored)
    assert time.process_time() - began < 0.1
    assert (tmp_path / "status.html").stat().st_size < 100_000


@pytest.mark.parametrize(
    "values", [[1.0], [0.0, 0.0], [3.2, 4.7, 1e-9], [1e9, 5e8], [80.0, 100.0], [-3.0, 2.0]]
)
def test_lines_lie_between_round_ticks(values):
    drawing = draw("d", [Line("a", "model", values, [str(value) for value in values])], ("first", "last"))
    ticks = [float(tick.text) for tick in drawing.y_ticks]
    assert 2 <= len(ticks) <= 7
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0])
    assert min(ticks) <= min(0, *values)
    assert max(ticks) >= max(values)
    heights = [tick.y for tick in drawing.y_ticks]
    # Where a point lies among the ticks says its value.
    read = [np.interp(-point.y, [-y for y in heights], ticks) for point in drawing.paths[0].points]
    np.testing.assert_allclose(read, values, rtol=1e-6, atol=1e-9 * max(map(abs, values)) + 1e-12)


def test_values_that_are_not_known_are_left_out():
    assert draw("d", [Line("a", "model", [float("nan")], ["?"])], ("first", "last")) is None
    drawing = draw("d", [Line("a", "model", [1.0, float("nan"), 2.0], ["1", "?", "2"])], ("first", "last"))
    assert [point.text for point in drawing.paths[0].points] == ["1", "2"]


@pytest.mark.long
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium")
def test_a_browser_shows_it_without_complaint_on_a_phone(tmp_path):
    status = status_of(job="a-very-long-name-of-a-job-" * 3)
    status["nights"][0]["findings"] = [{"check": "gaps", "severity": "warn", "message": "x" * 300}]
    page_of(tmp_path, status)
    with Chromium(find_chromium()) as browser:
        for width, dark in ((360, False), (1440, True)):
            browser.open((tmp_path / "status.html").resolve().as_uri(), width, dark=dark)
            browser.wait_for("document.readyState === 'complete' && document.querySelector('footer')")
            assert browser.messages == []
            assert browser.requests == [(tmp_path / "status.html").resolve().as_uri()]
            assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            drawn = browser.run(
                "[...document.querySelectorAll('path.curve')].every(p => p.getTotalLength() > 0)"
            )
            assert drawn
