"""Forecasts as lines of blocks on the terminal."""

import io

import pandas as pd
import pytest
from rich.console import Console

from pipelines.cli.sparklines import show_forecasts
from pipelines.results import ForecastResult


@pytest.mark.parametrize(("series", "says"), [(2, "The next 3\n"), (40, "The next 3, for 6 of 40 series\n")])
def test_it_says_how_many_of_the_series_are_shown(series: int, says: str) -> None:
    ids = [f"series {number:02}" for number in range(series)]
    rows = pd.DataFrame({"unique_id": ids * 3, "ds": sorted([1, 2, 3] * series), "y": 1.0, "TCN": 2.0})
    result = ForecastResult("sales", rows, rows, rows, scores=None, horizon=3)
    words = io.StringIO()
    show_forecasts(Console(file=words, width=100), result)
    text = "\n".join(line.strip() for line in words.getvalue().splitlines())
    assert says in text
    assert {ids[0], ids[-1]} <= {one for one in ids if one in text}
