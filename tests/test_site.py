"""The built documentation site: no dead link, nothing from elsewhere, notebooks that are their pages."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
from site_building import ROOT, build_site, pages_of

BUILDS = shutil.which("mkdocs", path=Path(sys.executable).parent) is not None
needs_mkdocs = pytest.mark.skipif(not BUILDS, reason="needs the extra docs")


class Links(HTMLParser):
    """Where a page leads to, what it loads, and the anchors that it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.leads.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("canonical", "alternate"):
            self.loads.append(found["href"])
        elif "src" in found:
            self.loads.append(found["src"])


def dead_links(site: Path) -> list[str]:
    """Links between pages that lead to no file, or to no place in it."""
    known = {page.resolve(): Links(page) for page in pages_of(site)}
    dead = []
    for page, links in known.items():
        if page.name == "404.html":  # its links begin at the root of a server
            continue
        for link in (*links.leads, *links.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and target in known and anchor not in known[target].anchors):
                dead.append(f"{page.relative_to(site.resolve())}: {link}")
    return dead


@pytest.mark.long
@needs_mkdocs
def test_no_link_inside_is_dead(tmp_path_factory: pytest.TempPathFactory) -> None:
    site = build_site(tmp_path_factory)
    assert len(pages_of(site)) > 60
    assert dead_links(site) == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html">1</a> <a href="#no">2</a> <img src="c.png"> <a href="a.html">'
    )
    assert dead_links(tmp_path) == ["a.html: b.html", "a.html: #no", "a.html: c.png"]


@pytest.mark.long
@needs_mkdocs
def test_pages_load_nothing_from_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    for page in pages_of(build_site(tmp_path_factory)):
        foreign = [one for one in Links(page).loads if urlsplit(one).netloc]
        assert foreign == [], page.name


@pytest.mark.long
@needs_mkdocs
def test_the_reference_names_methods(tmp_path_factory: pytest.TempPathFactory) -> None:
    page = (build_site(tmp_path_factory) / "api" / "forecasting.html").read_text(encoding="utf-8")
    assert "pipelines.forecaster.Forecaster.backtest" in page or "Forecaster.backtest" in page


def make_notebooks() -> ModuleType:
    path = ROOT / "docs" / "make_notebooks.py"
    spec = importlib.util.spec_from_file_location("make_notebooks", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_notebooks_are_their_pages_and_small() -> None:
    pytest.importorskip("jupytext")
    maker = make_notebooks()
    assert {maker.notebook_path(page) for page in maker.PAGES} == {*maker.FOLDER.glob("*.ipynb")}
    for page in maker.PAGES:
        content = maker.notebook_path(page).read_text(encoding="utf-8")
        assert content == maker.notebook_of(page), f"run docs/make_notebooks.py: {page.name} has changed"
        assert len(content) < 30_000
        assert not [cell for cell in json.loads(content)["cells"] if cell.get("outputs")]
