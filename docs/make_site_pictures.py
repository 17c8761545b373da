"""Take the pictures of a report that the documentation shows, on a phone and on a desk.

A tool for developers, run by hand when the report changes; it needs a Chromium::

    tcn forecast bike_sharing --certificate --output output
    .venv/bin/python docs/make_site_pictures.py output/report.html
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
FOLDER = DOCS / "assets" / "pages"
PHONE, DESK = (390, 1000), (1100, 900)
DRIVERS = "document.getElementById('drivers-title')"


def main() -> None:
    """Open the page and take its pictures."""
    sys.path.insert(0, str(DOCS.parent / "tests"))  # the browser that the tests use
    from chromium import Chromium, find_chromium

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path, help="a report.html")
    report = parser.parse_args().report
    executable = find_chromium()
    if executable is None:
        raise SystemExit("A Chromium is needed to take pictures. Received: none on PATH; install one.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Chromium(executable) as browser:
        wanted = ((PHONE, "phone", False), (PHONE, "phone-dark", True), (DESK, "desk", False))
        for (width, height), kind, dark in wanted:
            browser.show(report, width, height, dark)
            browser.screenshot(FOLDER / f"report-{kind}.png", whole=False)
        browser.show(report, *DESK)
        browser.run(f"{DRIVERS}.scrollIntoView({{behavior: 'instant'}})")
        browser.screenshot(FOLDER / "report-drivers.png", whole=False)


if __name__ == "__main__":
    main()
