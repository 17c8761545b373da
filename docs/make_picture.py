"""Draw the picture of the README: the fan chart of a forecast of a shipped data set.

A tool for developers, run by hand after ``make forecast``; it needs a Chromium for the drawing::

    .venv/bin/python docs/make_picture.py bike_sharing output/forecasts.csv
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

from pipelines import datasets
from pipelines.plots import fan_chart

SIZE = (1100, 420)
TARGET = Path(__file__).parent / "assets" / "forecast.png"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=2",
    "--virtual-time-budget=5000",
    f"--window-size={SIZE[0]},{SIZE[1]}",
)


def draw(data: str, forecast: Path, series: str | None, target: Path) -> None:
    """Draw the forecast of one series of a shipped data set.

    Args:
        data: Name of the data set.
        forecast: Forecasts as the command line writes them, CSV or Parquet.
        series: Id of the series; the first by default.
        target: PNG file to write.

    Raises:
        SystemExit: No Chromium is installed.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("A Chromium is needed to draw a picture. Received: none on PATH; install one.")
    info = datasets.describe(data)
    history = datasets.load(data)
    ahead = datasets.read_table(forecast)
    ahead["ds"] = pd.to_datetime(ahead["ds"])
    figure = fan_chart(ahead, history, series, season_length=info.season_length, title=info.title)
    figure.update_layout(
        width=SIZE[0], height=SIZE[1], margin={"l": 24, "r": 24, "t": 92, "b": 24}, yaxis_title=None
    )
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder, "page.html"), Path(folder, "picture.png")
        markup = figure.to_html(include_plotlyjs=True, config={"displayModeBar": False})
        page.write_text(markup.replace("<body>", '<body style="margin:0">'), encoding="utf-8")
        command = [
            browser,
            *FLAGS,
            f"--user-data-dir={folder}/profile",
            f"--screenshot={picture}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = shutil.copy(picture, target.with_suffix(".tmp"))
        os.replace(draft, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="name of a shipped data set")
    parser.add_argument("forecast", type=Path, help="forecasts of it, .csv or .parquet")
    parser.add_argument("--series", help="id of the series to draw; the first by default")
    parser.add_argument("--output", type=Path, default=TARGET, help="PNG file to write")
    arguments = parser.parse_args()
    draw(arguments.data, arguments.forecast, arguments.series, arguments.output)
