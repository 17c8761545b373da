"""Draw the pictures of the gallery by running its page: each shows the ``figure`` of the block above it.

A tool for developers, run by hand when the page or a figure changes; it needs a Chromium for the drawing::

    .venv/bin/python docs/make_gallery.py             # all pictures
    .venv/bin/python docs/make_gallery.py filters     # some of them
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from _screenshot import screenshot

PAGE = Path(__file__).parent / "networks" / "gallery.md"
PARTS = re.compile(
    r"^```python\n(?P<code>.*?)^```$|^!\[[^\]]*\]\((?P<picture>\S+)\)$", re.MULTILINE | re.DOTALL
)
WIDTH, HEIGHT, SCALE = 900, 400, 1.3


def draw(names: list[str]) -> None:
    """Run the page from its top and take the pictures.

    Args:
        names: Names of the pictures to take, without folder and ending; all of them if empty.
    """
    namespace: dict[str, Any] = {}
    for part in PARTS.finditer(PAGE.read_text(encoding="utf-8")):
        if part["code"] is not None:
            exec(compile(part["code"], str(PAGE), "exec"), namespace)
        elif not names or Path(part["picture"]).stem in names:
            figure = namespace["figure"]
            size = (WIDTH, figure.layout.height or HEIGHT)
            screenshot(figure, size, (PAGE.parent / part["picture"]).resolve(), SCALE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="pictures to draw; all by default")
    draw(parser.parse_args().names)
