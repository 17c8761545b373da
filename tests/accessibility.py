"""axe-core in a page of the headless Chromium: what a reader with other means could not use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from chromium import Chromium

# make test puts it there: https://www.deque.com/axe, under the Mozilla Public License 2.0.
AXE = Path(sys.prefix) / "axe" / "axe_playwright_python" / "axe.min.js"
GRAVE = ("serious", "critical")


def find_axe() -> Path | None:
    """Path of axe-core on this machine, or None."""
    return AXE if AXE.is_file() else None


def violations(browser: Chromium) -> list[dict[str, Any]]:
    """What axe-core finds wrong on the page that is open, but for what is minor or moderate."""
    axe = find_axe()
    assert axe is not None
    browser.run(f"{axe.read_text(encoding='utf-8')}; true")
    found: list[dict[str, Any]] = browser.run(
        "axe.run(document, {resultTypes: ['violations']}).then(done => done.violations.map(one => "
        "({id: one.id, impact: one.impact, where: one.nodes.slice(0, 3).map(node => node.html)})))"
    )
    return [one for one in found if one["impact"] in GRAVE]
