"""Results in a folder, complete enough to make their report again: frames in tables, the rest in one file."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines import datasets
from pipelines.errors import PanelError
from pipelines.jobs.backtesting import score
from pipelines.jobs.files import plain
from pipelines.jobs.results_folder import MANIFEST, read_manifest
from pipelines.results import ForecastResult

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.panel import Panel

FACTS: Final = "facts.json"
_FRAMES: Final = ("forecast", "history", "backtest", "scores", "parts")
_BACKTEST: Final = "backtest.parquet"
_TABLES: Final = ("forecasts.parquet", "forecasts.csv")


def facts_of(result: ForecastResult) -> dict[str, Any]:
    """Take what no table of a results folder holds.

    Args:
        result: The forecast.

    Returns:
        Every field of the result but frames and scores; ``parts`` as a list for each column. JSON-able.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"unique_id": ["a"], "ds": [3], "TCN": [1.0]})
        >>> facts_of(ForecastResult("demo", rows, rows, rows, scores=None, horizon=1, alias="A"))["alias"]
        'A'
    """
    facts = {name: value for name, value in vars(result).items() if name not in _FRAMES}
    parts = None if result.parts is None else result.parts.to_dict("list")
    return plain({**facts, "parts": parts})  # type: ignore[no-any-return]


def is_results(folder: Path) -> bool:
    """Whether a folder holds results whose report can be made again without computing forecasts.

    Args:
        folder: Any path.

    Returns:
        Whether its manifest names facts.

    Example:
        >>> is_results(Path("no-such-folder"))
        False
    """
    return FACTS in read_manifest(folder)


def read_result(folder: Path, panel: Panel, history_rows: int) -> ForecastResult:
    """Put a result together from the files of a folder.

    Args:
        folder: Folder of results.
        panel: The data that its forecasts look back on.
        history_rows: Rows of each series that charts show.

    Returns:
        The result, equal to the one that was written.

    Raises:
        PanelError: A file is missing, or is not the one that the manifest names.
    """
    import pandas as pd

    listed = read_manifest(folder)
    facts = json.loads(_checked(folder, FACTS, listed))
    columns, parts = facts.pop("columns"), facts.pop("parts")
    table = next(name for name in _TABLES if name in listed)
    _checked(folder, table, listed)
    history = panel.tail(history_rows).to_frame()[list(columns)]
    backtest = history.iloc[:0]
    if _BACKTEST in listed:
        _checked(folder, _BACKTEST, listed)
        backtest = pd.read_parquet(folder / _BACKTEST)
    result = ForecastResult(
        **facts,
        columns=tuple(columns),
        forecast=_forecast(folder / table, columns, panel),
        history=history,
        backtest=backtest,
        scores=None,
        parts=None if parts is None else pd.DataFrame(parts),
    )
    return replace(result, scores=score(backtest, panel, result.season_length))


def _forecast(path: Path, columns: list[str], panel: Panel) -> pd.DataFrame:
    import pandas as pd

    frame = datasets.read_table(path, id_col=columns[0])
    if path.suffix == ".csv" and not panel.freq.is_integer:
        frame[columns[1]] = pd.to_datetime(frame[columns[1]])
    return frame


def _checked(folder: Path, name: str, listed: dict[str, str]) -> bytes:
    """Content of a file that is as the manifest says."""
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        content = b""
        found = error.strerror or "an error"
    else:
        found = "another content"
    if sha256(content).hexdigest() != listed.get(name):
        raise PanelError(
            f"Files of results must be those that {MANIFEST} names. Received: {found} for "
            f"{str(folder / name)!r}; run tcn forecast again, or make a report of its bundle."
        )
    return content
