"""The report in a real browser: drawn without a complaint, and everything on it works.

These tests exist where a Chromium is installed; ``test_report.py`` covers the page itself everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accessibility import find_axe, violations
from chromium import Chromium, find_chromium
from example_results import make_result

from pipelines.plots.style import DARK, LIGHT
from pipelines.report import write_report

EXECUTABLE = find_chromium()

KEYS = {"Tab": 9}
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
IDS = ["north", EVIL, "Zürich 東京", "a & b", *(f"shop {place}" for place in range(40))]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    assert EXECUTABLE
    with Chromium(EXECUTABLE) as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return write_report(make_result(ids=IDS, name=EVIL, settings={EVIL: EVIL}), folder / "report.html")


def curves(browser: Chromium, figure: str) -> list[Any]:
    """Numbers that a figure shows, by trace."""
    found: list[Any] = browser.run(
        f"""document.querySelector('[data-figure="{figure}"]').data.map(t => [t.name, [...t.x], [...t.y]])"""
    )
    return found


def press(browser: Chromium, key: str) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key])


@pytest.mark.long
class TestReport:
    __test__ = EXECUTABLE is not None

    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    @pytest.mark.parametrize("width", [390, 1440])
    def test_opens_without_complaint_request_or_overflow(
        self, browser: Chromium, report: Path, width: int, dark: bool
    ) -> None:
        browser.show(report, width=width, dark=dark)
        assert browser.messages == []
        asked = [one for one in browser.requests if not one.startswith("data:")]  # a heat map is a picture
        assert asked == [report.resolve().as_uri()]
        assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert browser.run("window.hacked === undefined && document.images.length === 0")

    @pytest.mark.skipif(find_axe() is None, reason="axe-core is not installed; make test installs it")
    @pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1440, False), (1440, True)])
    def test_it_serves_every_reader(self, browser: Chromium, report: Path, width: int, dark: bool) -> None:
        browser.show(report, width=width, dark=dark)
        browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert violations(browser) == []

    def test_drawings_without_a_script_have_a_size_and_a_name(self, browser: Chromium, report: Path) -> None:
        browser.show(report, width=390)
        drawn = browser.run("""[...document.querySelectorAll('svg.sketch')].map(one =>
            [one.getAttribute('aria-label'), one.getBoundingClientRect().width,
             one.querySelector('path').getTotalLength()])""")
        assert len(drawn) == 12 + 1
        assert all(title and 100 < width < 390 and length > 50 for title, width, length in drawn)

    def test_charts_stay_inside_a_phone(self, browser: Chromium, report: Path) -> None:
        browser.show(report, width=390)
        wide = browser.run("""[...document.querySelectorAll('.chart, .lengths, .sketches')]
            .filter(one => one.getBoundingClientRect().right > 390 || one.scrollWidth > one.clientWidth + 1)
            .map(one => one.className)""")
        assert wide == []

    def test_every_figure_is_drawn(self, browser: Chromium, report: Path) -> None:
        browser.show(report)
        drawn = browser.run(
            """[...document.querySelectorAll('.chart')].map(c => [c.dataset.figure, c.data.length,
            c.querySelectorAll('.trace path, .bars path, .hm image').length,
            c.getBoundingClientRect().width - c.querySelector('.main-svg').getBoundingClientRect().width])"""
        )
        assert len(drawn) == 9
        for name, traces, paths, spare in drawn:
            assert paths >= traces - 2, name  # the two lower bounds of the fan have no line of their own
            assert abs(spare) < 2, name

    def test_picking_a_series_shows_its_numbers(self, browser: Chromium, report: Path) -> None:
        browser.show(report)
        before = curves(browser, "fan"), curves(browser, "backtest"), curves(browser, "steps")
        assert browser.run("document.querySelector('#landmarks [aria-pressed=true]').textContent") == "Median"
        browser.run("""(() => { const picker = document.getElementById('series');
            picker.value = [...picker.options].find(o => o.text.includes('東京')).value;
            picker.dispatchEvent(new Event('change')); })()""")
        assert browser.run("document.getElementById('chosen').textContent").startswith(
            "Zürich 東京 \N{EN DASH} MASE"
        )
        after = curves(browser, "fan"), curves(browser, "backtest"), curves(browser, "steps")
        assert after[2] == before[2]
        for old, new in zip(before[:2], after[:2], strict=True):
            assert [name for name, _, _ in old] == [name for name, _, _ in new]
            assert all(first[2] != second[2] for first, second in zip(old, new, strict=True))
        rows = browser.run(
            "[...document.querySelectorAll('#forecast-table tbody tr')].map(r => r.cells[1].textContent)"
        )
        (median,) = [values for name, _, values in after[0] if name == "Forecast"]
        assert [float(text.replace(",", "")) for text in rows] == median
        assert (
            browser.run("document.querySelector('#forecast-table caption').textContent")
            == "Forecast of Zürich 東京"
        )
        assert browser.messages == []

    def test_markup_in_a_name_is_shown_not_run(self, browser: Chromium, report: Path) -> None:
        browser.show(report)
        browser.run("""(() => { const picker = document.getElementById('series');
            picker.value = [...picker.options].find(o => o.text.includes('onerror')).value;
            picker.dispatchEvent(new Event('change')); })()""")
        assert browser.run("document.querySelector('#chosen strong').textContent") == EVIL
        assert (
            browser.run("document.querySelector('#forecast-table caption').textContent")
            == f"Forecast of {EVIL}"
        )
        assert browser.run("document.images.length") == 0
        assert browser.run("window.hacked === undefined")
        assert browser.messages == []

    def test_bands_enclose_the_median(self, browser: Chromium, report: Path) -> None:
        browser.show(report)
        values = {name: y for name, _, y in curves(browser, "fan")}  # the upper bounds come last under a name
        assert all(low <= high for low, high in zip(values["Forecast"], values["80 % interval"], strict=True))
        assert all(
            low <= high for low, high in zip(values["80 % interval"], values["95 % interval"], strict=True)
        )
        (band,) = [y for name, _, y in curves(browser, "backtest") if name == "80 % interval"]
        (middle,) = [y for name, _, y in curves(browser, "backtest") if name == "TCN"]
        first = band[: band.index(None)]
        upper, lower = first[:14], first[14:][::-1]
        assert all(low < mid < high for low, mid, high in zip(lower, middle, upper, strict=False))

    def test_buttons_search_and_worst_series_choose(self, browser: Chromium, report: Path) -> None:
        browser.show(report)

        def chosen() -> str:
            return str(browser.run("document.querySelector('#chosen strong').textContent"))

        def click(selector: str) -> None:
            browser.run(f"document.querySelector({selector!r}).click()")

        order = browser.run(
            "[...document.getElementById('series').options].map(o => o.text.split(' \\u2013 ')[0])"
        )
        assert sorted(order) == sorted(IDS)
        click("#landmarks button")
        assert chosen() == order[0]
        click("#next")
        assert chosen() == order[1]
        click("#previous")
        click("#previous")
        assert chosen() == order[-1]
        click("[data-place='4']")
        assert chosen() == order[4]
        assert browser.run("document.activeElement.id") == "series"
        browser.run("""(() => { const find = document.getElementById('find');
            find.value = '東'; find.dispatchEvent(new Event('input')); })()""")
        assert chosen() == "Zürich 東京"
        browser.run("""(() => { const find = document.getElementById('find');
            find.value = 'nobody'; find.dispatchEvent(new Event('input')); })()""")
        assert browser.run("document.getElementById('series').textContent") == "no series matches"
        click("#next")
        assert chosen() == "Zürich 東京"
        click("#landmarks button:last-child")
        assert chosen() == order[-1]
        assert browser.run("document.getElementById('series').value") == str(len(order) - 1)
        assert browser.messages == []

    def test_keyboard_alone_reaches_and_changes_the_series(self, browser: Chromium, report: Path) -> None:
        browser.show(report)
        press(browser, "Tab")
        assert browser.run("document.activeElement.className") == "skip"
        reached = []
        for _ in range(30):
            press(browser, "Tab")
            reached.append(
                browser.run("document.activeElement.id || document.activeElement.textContent.trim()")
            )
            if reached[-1] == "next":
                break
        assert [name for name in reached if name in ("find", "series", "previous", "next")] == [
            "find",
            "series",
            "previous",
            "next",
        ]
        before = browser.run("document.getElementById('chosen').textContent")
        browser.send(
            "Input.dispatchKeyEvent", type="keyDown", key="Enter", windowsVirtualKeyCode=13, text="\r"
        )
        browser.send("Input.dispatchKeyEvent", type="keyUp", key="Enter", windowsVirtualKeyCode=13)
        assert browser.run("document.getElementById('chosen').textContent") != before

    def test_figures_follow_the_color_scheme(self, browser: Chromium, report: Path) -> None:
        browser.show(report)
        color = """document.querySelector('[data-figure="fan"]').data.at(-1).line.color"""
        paper = """getComputedStyle(document.querySelector('[data-figure="fan"] .main-svg')).background"""
        assert browser.run(color) == LIGHT["model"]
        browser.set_dark(True)
        browser.wait_for(f"{color} === '{DARK['model']}'")
        assert "rgb(23, 31, 41)" in browser.run(paper)
        browser.set_dark(False)
        browser.wait_for(f"{color} === '{LIGHT['model']}'")

    def test_print_is_light_and_fits_the_paper(self, browser: Chromium, report: Path) -> None:
        browser.show(report, dark=True)
        browser.run("""addEventListener('beforeprint', () => { window.printed =
            [...document.querySelectorAll('.chart')].map(c => [c.layout.width, c.layout.paper_bgcolor
                ?? c.layout.template.layout.paper_bgcolor]); })""")
        pdf = browser.print_pdf()
        assert pdf.startswith(b"%PDF")
        printed = browser.run("window.printed")
        assert all(width <= 680 and color == LIGHT["surface"] for width, color in printed)
        browser.wait_for("document.querySelector('.chart').layout.width === undefined")
        assert browser.messages == []

    def test_without_javascript_tables_and_verdict_are_there(self, browser: Chromium, report: Path) -> None:
        browser.send("Emulation.setScriptExecutionDisabled", value=True)
        try:
            browser.send("Page.navigate", url=report.resolve().as_uri())
            browser.wait_for("document.readyState === 'complete' && document.querySelector('footer')")
            text = browser.run("document.body.innerText")
        finally:
            browser.send("Emulation.setScriptExecutionDisabled", value=False)
        assert "seasonal naive" in text
        assert "WindowAverage" in text
        assert "The chart needs JavaScript in a browser of 2023 or later." in text
        assert "Previous" not in text
