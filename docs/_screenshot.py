"""Take a picture of a plotly figure with a Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import plotly.graph_objects as go

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--virtual-time-budget=5000",
)


def screenshot(figure: go.Figure, size: tuple[int, int], target: Path, scale: float = 2) -> None:
    """Draw a figure into a PNG file.

    Args:
        figure: What to draw; its size and margins are set, but for the margin above.
        size: Width and height in CSS pixels.
        target: File to write.
        scale: Pixels of the picture for each of these.

    Raises:
        SystemExit: No Chromium is installed.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("A Chromium is needed to draw a picture. Received: none on PATH; install one.")
    width, height = size
    figure.update_layout(width=width, height=height, margin={"l": 24, "r": 24, "b": 24})
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder, "page.html"), Path(folder, "picture.png")
        markup = figure.to_html(include_plotlyjs=True, config={"displayModeBar": False})
        page.write_text(markup.replace("<body>", '<body style="margin:0">'), encoding="utf-8")
        command = [
            browser,
            *FLAGS,
            f"--window-size={width},{height}",
            f"--force-device-scale-factor={scale}",
            f"--user-data-dir={folder}/profile",
            f"--screenshot={picture}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = shutil.copy(picture, target.with_suffix(".tmp"))
        os.replace(draft, target)
