"""Draw the pictures of the tutorial on explanations: those of a forecaster that knows all of the data.

A tool for developers, run by hand when a figure changes; it fits for some minutes and needs a Chromium::

    .venv/bin/python docs/make_explaining.py
"""

from __future__ import annotations

from pathlib import Path

from _screenshot import screenshot

from pipelines import Covariates, Forecaster, datasets, explain

FOLDER = Path(__file__).parent / "assets" / "explaining"
DRAWN = ("steps", "distance", "covariates", "parts", "filters", "stretches", "deletion")
WIDTH, HEIGHT, SCALE = 900, 380, 1.3


def draw() -> None:
    """Fit, explain the last day, and take the pictures."""
    df = datasets.load("bike_sharing")
    covariates = Covariates(future=["temp"], past=["hum"], lags={"hum": 6}, calendar="auto")
    forecaster = Forecaster(24, covariates=covariates).fit(df[:-24])
    why = explain(forecaster, df, cutoff=df["ds"].iloc[-25])
    for name, figure in why.figures().items():
        if name in DRAWN:
            size = (WIDTH, figure.layout.height or HEIGHT)
            screenshot(figure, size, FOLDER / f"{name}.png", SCALE)


if __name__ == "__main__":
    draw()
