"""Draw the pictures of pages by running them: each shows the ``figure`` of the block above it.

A tool for developers, run by hand when the page or a figure changes; it needs a Chromium for the drawing::

    .venv/bin/python docs/make_gallery.py             # all pictures
    .venv/bin/python docs/make_gallery.py filters     # some of them
"""

from __future__ import annotations

import argparse
import re
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _screenshot import screenshot

PAGES = [
    Path(__file__).resolve().parent / page
    for page in ("networks/gallery.md", "how-to/anomalies.md", "how-to/similar-series.md")
]
PARTS = re.compile(
    r"^```python\n(?P<code>.*?)^```$|^!\[[^\]]*\]\((?P<picture>\S+)\)$", re.MULTILINE | re.DOTALL
)
WIDTH, HEIGHT, SCALE = 900, 400, 1.3


def draw(names: list[str]) -> None:
    """Run each page with such pictures from its top and take them.

    Args:
        names: Names of the pictures to take, without folder and ending; all of them if empty.
    """
    for page in PAGES:
        parts = list(PARTS.finditer(page.read_text(encoding="utf-8")))
        pictures = {Path(part["picture"]).stem for part in parts if part["picture"] is not None}
        wanted = pictures & {*names} if names else pictures
        namespace: dict[str, Any] = {}
        for part in parts if wanted else ():
            if part["code"] is not None:
                exec(compile(part["code"], str(page), "exec"), namespace)
            elif Path(part["picture"]).stem in wanted:
                figure = namespace["figure"]
                size = (WIDTH, figure.layout.height or HEIGHT)
                screenshot(figure, size, (page.parent / part["picture"]).resolve(), SCALE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="pictures to draw; all by default")
    # Pages save networks beside them.
    with TemporaryDirectory() as folder, chdir(folder):
        draw(parser.parse_args().names)
