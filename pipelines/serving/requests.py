"""What the body of a request may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pandas as pd

from pipelines.errors import PanelError
from pipelines.serving.forecasts import MOST_NUMBERS, Wanted
from pipelines.serving.frames import frame_of, split_frame
from pipelines.serving.kinds import Kinds, check_names

_TABLES: Final = ("rows", "future", "static")
_WANTED: Final = ("levels", "quantiles", "horizon")
_OF_MLFLOW: Final = ("dataframe_split", "dataframe_records")

_TABLE: Final = {
    "oneOf": [
        {"type": "array", "items": {"type": "object"}, "title": "records"},
        {"type": "object", "additionalProperties": {"type": "array"}, "title": "columns"},
    ]
}
_NUMBERS: Final = {"type": "array", "items": {"type": "number"}, "maxItems": MOST_NUMBERS}
FORECAST_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(_TABLES, _TABLE),
        "levels": _NUMBERS,
        "quantiles": _NUMBERS,
        "horizon": {"type": "integer", "minimum": 1},
    },
}
OBSERVATIONS_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"rows": _TABLE, "future": _TABLE, "replace": {"type": "boolean", "default": False}},
}
INVOCATIONS_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "dataframe_split": {"type": "object"},
        "dataframe_records": {"type": "array", "items": {"type": "object"}},
        "params": {"type": "object"},
    },
}


@dataclass(frozen=True)
class ForecastRequest:
    """What ``POST /forecast`` asks for.

    Args:
        rows: Histories; None for those that are known.
        future: Future covariates of the steps ahead.
        static: Static covariates.
        wanted: What to know of the steps.
        as_columns: Whether the answer is an object of columns, as the rows were, rather than records.
    """

    rows: pd.DataFrame | None
    future: pd.DataFrame | None
    static: pd.DataFrame | None
    wanted: Wanted
    as_columns: bool

    @classmethod
    def of(cls, body: dict[str, Any], kinds: Kinds) -> ForecastRequest:
        """Read a body.

        Args:
            body: The object that was sent.
            kinds: Columns of the forecaster.

        Returns:
            The request.

        Raises:
            PanelError: If it has another key, or a table that is none.
        """
        check_names([*body], (*_TABLES, *_WANTED), "Keys")
        return cls(
            rows=_table(body, "rows", kinds.columns),
            future=_table(body, "future", kinds.ahead_columns),
            static=_table(body, "static", kinds.constant_columns),
            wanted=Wanted(**{name: body.get(name) for name in _WANTED}),
            as_columns=isinstance(body.get("rows"), dict),
        )


class Observations(NamedTuple):
    """What ``POST /observations`` is sent.

    Attributes:
        rows: Rows; None for none.
        future: Future covariates; None for none.
        replace: Whether rows take the place of those that are known.
    """

    rows: pd.DataFrame | None
    future: pd.DataFrame | None
    replace: bool


def read_observations(body: dict[str, Any], kinds: Kinds) -> Observations:
    """Read what ``POST /observations`` is sent.

    Args:
        body: The object that was sent.
        kinds: Columns of the forecaster.

    Returns:
        What it holds.

    Raises:
        PanelError: If it has another key, a table that is none, or no table.
    """
    check_names([*body], (*_TABLES[:2], "replace"), "Keys")
    rows = _table(body, "rows", kinds.row_columns)
    future = _table(body, "future", kinds.ahead_columns)
    if rows is None and future is None:
        raise PanelError("Observations must hold 'rows' or 'future'. Received: neither; send rows.")
    replace = body.get("replace", False)
    if not isinstance(replace, bool):
        raise PanelError(
            f"'replace' must be true or false. Received: {type(replace).__name__}; send true to correct rows "
            "that are known, or leave it out."
        )
    return Observations(rows, future, replace)


def read_invocation(body: dict[str, Any], kinds: Kinds) -> tuple[pd.DataFrame | None, Wanted]:
    """Read what clients of MLflow's own scoring server send.

    Args:
        body: The object that was sent.
        kinds: Columns of the forecaster.

    Returns:
        One frame of all rows, None if none was sent, and what is wanted.

    Raises:
        PanelError: If it is something else.
    """
    check_names([*body], (*_OF_MLFLOW, "params"), "Keys")
    given = [name for name in _OF_MLFLOW if name in body]
    if len(given) > 1:
        raise PanelError(
            f"A body must hold one of {' and '.join(map(repr, _OF_MLFLOW))}. Received: both; send one frame."
        )
    params = body.get("params") or {}
    if not isinstance(params, dict):
        raise PanelError(f"'params' must be an object. Received: {type(params).__name__}; send {{...}}.")
    check_names([*params], ("horizon", "levels"), "Params")
    wanted = Wanted(params.get("levels"), None, params.get("horizon"))
    if not given:
        return None, wanted
    read = split_frame if given == ["dataframe_split"] else frame_of
    return read(body[given[0]], kinds.columns, given[0]), wanted


def read_query(query: list[tuple[str, str]]) -> Wanted:
    """Read what an address asks for, as in ``?levels=80,95&horizon=3``.

    Args:
        query: Names and values.

    Returns:
        What is wanted.

    Raises:
        PanelError: If a name is not known or there twice, or a value is no number.

    Example:
        >>> read_query([("levels", "80,95"), ("horizon", "3")])
        Wanted(levels=[80.0, 95.0], quantiles=None, horizon=3)
    """
    check_names([name for name, _ in query], _WANTED, "Names after '?'")
    found: dict[str, Any] = {}
    for name, text in query:
        try:
            if name == "horizon":
                found[name] = int(text)  # Python itself refuses thousands of digits
            else:
                found[name] = [float(part) for part in text.split(",")] if text else []
        except ValueError:
            raise PanelError(
                f"{name!r} must be {'a number' if name == 'horizon' else 'numbers with commas between'}. "
                f"Received: {text[:80]!r}; send {name}={'3' if name == 'horizon' else '80,95'}."
            ) from None
    return Wanted(**found)


def _table(body: dict[str, Any], name: str, known: tuple[str, ...]) -> pd.DataFrame | None:
    return None if body.get(name) is None else frame_of(body[name], known, name)
