"""The documentation site in a real browser: every page opens, on a phone and on a desk, for everyone.

These tests exist where a Chromium is installed. They take the pictures of the site's own pages into
``docs/assets/pages`` where ``PICTURES=docs/assets/pages`` says so.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessibility import find_axe, violations
from chromium import Chromium, find_chromium
from site_building import build_site, pages_of

EXECUTABLE = find_chromium()
BUILDS = shutil.which("mkdocs", path=Path(sys.executable).parent) is not None
PICTURED = {"index.html": "home", "tutorials/every-night.html": "tutorial"}
# One of each kind; all have the same frame around them.
LOOKED_AT = (
    "index.html",
    "tutorials/every-night.html",
    "concepts/convolution.html",
    "how-to/report.html",
    "api/scores.html",
    "benchmarks.html",
)
# Scripts of the page let the keyboard into code and tables that scroll.
REACHED = """[...document.querySelectorAll('pre > code, .md-typeset__scrollwrap')]
    .every(one => one.scrollWidth <= one.clientWidth || one.tabIndex === 0)"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(tmp_path_factory)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    assert EXECUTABLE
    with Chromium(EXECUTABLE) as browser:
        yield browser


@pytest.mark.long
class TestSite:
    __test__ = EXECUTABLE is not None and BUILDS

    @pytest.mark.parametrize("width", [390, 1440])
    def test_pages_open_without_complaint_request_or_overflow(
        self, browser: Chromium, site: Path, width: int
    ) -> None:
        for name in LOOKED_AT:
            browser.open((site / name).as_uri(), width)
            browser.wait_for("document.readyState === 'complete' && document.querySelector('article')")
            assert browser.messages == [], name
            assert [one for one in browser.requests if not one.startswith(("file:", "data:"))] == [], name
            assert browser.run("document.documentElement.scrollWidth <= innerWidth"), name
            broken = (
                "[...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"
            )
            assert browser.run(broken) == [], name

    def test_search_works_without_a_server(self, browser: Chromium, site: Path) -> None:
        browser.open((site / "index.html").as_uri())
        browser.wait_for("document.readyState === 'complete' && document.querySelector('.md-search__input')")
        browser.run("""(() => { const field = document.querySelector('.md-search__input');
            field.focus(); field.value = 'holidays';
            for (const kind of ['input', 'keyup', 'change'])
                field.dispatchEvent(new Event(kind, {bubbles: true}));
        })()""")
        found = "[...document.querySelectorAll('.md-search-result__link')].map(one => one.href)"
        browser.wait_for(f"{found}.some(one => one.includes('covariates.html'))")
        assert browser.messages == []

    def test_colors_can_be_chosen(self, browser: Chromium, site: Path) -> None:
        scheme = "document.body.dataset.mdColorScheme"
        home = (site / "index.html").as_uri()
        browser.open(home, dark=True)
        browser.wait_for("document.readyState === 'complete'")
        browser.run("localStorage.clear()")  # what was chosen before stays
        browser.open(f"{home}?again", dark=True)
        browser.wait_for(f"document.readyState === 'complete' && {scheme} === 'slate'")
        browser.run("document.querySelector('label[title=\"Light colors\"]').click()")
        browser.wait_for(f"{scheme} === 'default'")
        browser.run("localStorage.clear()")

    @pytest.mark.skipif(find_axe() is None, reason="axe-core is not installed; make test installs it")
    @pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1440, False), (1440, True)])
    def test_pages_serve_every_reader(self, browser: Chromium, site: Path, width: int, dark: bool) -> None:
        found = {}
        for name in LOOKED_AT:
            browser.open((site / name).as_uri(), width, dark=dark)
            browser.wait_for("document.readyState === 'complete' && document.querySelector('article')")
            browser.wait_for(REACHED)
            found[name] = violations(browser)
        assert not {name: some for name, some in found.items() if some}

    @pytest.mark.skipif("PICTURES" not in os.environ, reason="pictures were not asked for")
    def test_pictures(self, browser: Chromium, site: Path) -> None:
        folder = Path(os.environ["PICTURES"])
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in PICTURED.items():
            for width, kind in ((390, "phone"), (1440, "desk")):
                browser.open((site / name).as_uri(), width, 844 if width == 390 else 900)
                browser.wait_for("document.readyState === 'complete' && document.querySelector('article')")
                browser.screenshot(folder / f"{picture}-{kind}.png", whole=False)

    def test_there_are_pages(self, site: Path) -> None:
        assert {*LOOKED_AT} <= {path.relative_to(site).as_posix() for path in pages_of(site)}
