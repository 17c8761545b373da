"""Draw the picture of the README: the fan chart of a forecast of a shipped data set.

A tool for developers, run by hand after ``make forecast``; it needs a Chromium for the drawing::

    .venv/bin/python docs/make_picture.py bike_sharing output/forecasts.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from _screenshot import screenshot

from pipelines import datasets
from pipelines.plots import fan_chart

SIZE = (1100, 420)
TARGET = Path(__file__).parent / "assets" / "forecast.png"


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
    info = datasets.describe(data)
    history = datasets.load(data)
    ahead = datasets.read_table(forecast)
    ahead["ds"] = pd.to_datetime(ahead["ds"])
    figure = fan_chart(ahead, history, series, season_length=info.season_length, title=info.title)
    figure.update_layout(margin_t=92, yaxis_title=None)
    screenshot(figure, SIZE, target)


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
