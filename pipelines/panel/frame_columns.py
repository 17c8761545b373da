"""Takes columns of any frame, and reads its ids and values or says what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import ConfigError, PanelError
from pipelines.frequency import Ints

_NUMBERS = {2: "two", 3: "three"}


class Columns(NamedTuple):
    """Names of the three columns that make a panel.

    Attributes:
        id_col: Column that identifies the series.
        time_col: Column of the stamps.
        target_col: Column of the values.
    """

    id_col: str = "unique_id"
    time_col: str = "ds"
    target_col: str = "y"


def take_columns(
    frame: Any, columns: Mapping[str, str], extra: Sequence[str] = (), optional: Collection[str] = ()
) -> dict[str, pd.Series[Any]]:
    """Return the columns that are asked for of any frame; the frame itself is not changed.

    Args:
        frame: A pandas frame (the columns may be named index levels), a polars DataFrame or
            LazyFrame, a pyarrow Table, or any object with the Arrow stream interface.
        columns: Role, such as "id_col", to the name of its column.
        extra: Names of covariates to take.
        optional: Names of covariates to take if they are there.

    Returns:
        Name to column, which may share memory with ``frame``.

    Raises:
        ConfigError: If two of the names are equal.
        PanelError: If ``frame`` is none of these, lacks a column, has it twice, or has no rows.
    """
    if len({*columns.values()}) < len(columns):
        *first, last = columns
        raise ConfigError(
            f"{', '.join(first)} and {last} must be {_NUMBERS[len(columns)]} different columns. Received: "
            f"{(*columns.values(),)}."
        )
    wanted = [*columns.values(), *extra]
    if isinstance(frame, pd.DataFrame):
        levels = [
            name for name in frame.index.names if name in (*wanted, *optional) and name not in frame.columns
        ]
        frame = frame.reset_index(level=levels) if levels else frame
        wanted = _require(columns, wanted, optional, list(frame.columns))
    else:
        frame = _from_arrow(frame, columns, wanted, optional)
        wanted = list(frame.columns)
    if not len(frame):
        raise PanelError(
            "A panel must have at least one row. Received: an empty frame; check how it was made."
        )
    return {name: frame[name] for name in wanted}


def read_ids(column: pd.Series[Any]) -> tuple[npt.NDArray[Any], Ints]:
    """Return the sorted distinct ids and, for each row, the position of its id among them.

    Ids of mixed types, which have no order of their own, sort by their text.

    Args:
        column: Ids: integers, strings, categories, or any hashable objects.

    Returns:
        Ids ``(series,)``, of an integer dtype or object, and codes ``(rows,)``.

    Raises:
        PanelError: If an id is missing or not hashable.
    """
    codes, unique = factorize(column)
    if unique.dtype.kind in "iu":
        ids = unique.to_numpy(dtype=f"{unique.dtype.kind}{unique.dtype.itemsize}")
    else:
        ids = unique.astype(object).to_numpy()
    try:
        order = np.argsort(ids, kind="stable")
    except TypeError:
        order = np.array(sorted(range(len(ids)), key=lambda i: (str(ids[i]), type(ids[i]).__name__)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return ids[order], rank[codes]


def read_values(column: pd.Series[Any], ids: npt.NDArray[Any], codes: Ints) -> npt.NDArray[np.float64]:
    """Return the target column as float64, missing values as NaN.

    Args:
        column: Numbers of any type (booleans and decimals too), or objects and strings that all are
            numbers, missing or blank.
        ids: Ids of the series, for the error message.
        codes: ``(rows,)`` position of each row's id.

    Returns:
        ``(rows,)`` values.

    Raises:
        PanelError: If a value is not a number or infinite.
    """
    values, is_number = _as_floats(column)
    bad = ~is_number | np.isinf(values)
    if bad.any():
        row = first_row(bad)
        raise PanelError(
            f"Column {column.name!r} must hold finite numbers. Received: {show(column.iloc[row])} in series "
            f"{show(ids[codes[row]])}, {at_row(row)}; correct it, or make it NaN if it was not observed."
        )
    return values


def place_ids(found: npt.NDArray[Any], ids: npt.NDArray[Any]) -> Ints:
    """Return the position of each id of a second frame among those of a panel, -1 where it is not there.

    Args:
        found: Distinct ids of the second frame.
        ids: Ids of the panel.

    Returns:
        ``(found,)`` positions.

    Raises:
        PanelError: If none is there.
    """
    place: Ints = pd.Index(ids.astype(object)).get_indexer(pd.Index(found.astype(object))).astype(np.int64)
    if (place < 0).all():
        raise PanelError(
            f"The ids of a second frame must be those of the data. Received: {show(found[0])}, where the "
            f"data have {show(ids[0])}; give both the same type and spelling."
        )
    return place


def show(value: Any) -> str:
    """Return a value as messages show it: quoted if it is text, without NumPy's type."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def at_row(row: int) -> str:
    """Return a row's number as messages show it."""
    return f"row {row} (counted from 0)"


def first_row(mask: npt.NDArray[np.bool_]) -> int:
    """Return the first row where a mask is true."""
    return int(np.argmax(mask))


def _require(
    columns: Mapping[str, str], wanted: Sequence[str], optional: Collection[str], found: list[Any]
) -> list[str]:
    """Check that a frame has the columns that are wanted; return them and the optional ones that it has."""
    roles = {name: role for role, name in columns.items()}
    wanted = [*wanted, *(name for name in optional if name in found)]
    for name in wanted:
        count = found.count(name)
        if count == 1:
            continue
        if count > 1:
            raise PanelError(
                f"Column names must be unique. Received: {name!r} {count} times; rename or drop all but one."
            )
        listed = ", ".join(map(repr, found[:20])) + (
            f" and {len(found) - 20} more" if len(found) > 20 else ""
        )
        role = roles.get(name)
        if role is None:
            role, cure = "covariate", "rename one of them, or leave it out of covariates"
        else:
            cure = f"rename one of them or pass {role}=<its name>"
        if role == "id_col":
            cure += f"; for a single series, add a column: df[{name!r}] = 'series'; for a column per series, "
            cure += f"df.melt(<the time column>, var_name={name!r}, value_name=<the target>)"
        raise PanelError(
            f"The frame must have a column {name!r} ({role}). Received: {listed or 'no columns'}; {cure}."
        )
    return wanted


def _from_arrow(
    frame: Any, columns: Mapping[str, str], wanted: Sequence[str], optional: Collection[str]
) -> pd.DataFrame:
    import pyarrow as pa  # here, for frames of pandas do without it

    if hasattr(frame, "collect_schema") and hasattr(frame, "collect"):  # lazy: read these columns only
        wanted = _require(columns, wanted, optional, list(frame.collect_schema().names()))
        frame, optional = frame.select(wanted).collect(), ()
    try:
        # Not pa.table(frame) alone: of a list or dict it would make a table of columns nobody named.
        table = pa.table(frame if hasattr(frame, "__arrow_c_stream__") else None)
    except (TypeError, pa.ArrowInvalid):
        raise PanelError(
            "The data must be a pandas DataFrame, a polars DataFrame or LazyFrame, or a pyarrow Table. "
            f"Received: {type(frame).__name__}; make a frame of it, e.g. with pandas.DataFrame."
        ) from None
    wanted = _require(columns, wanted, optional, table.column_names)
    return table.select(wanted).to_pandas(date_as_object=False)


def factorize(column: pd.Series[Any]) -> tuple[Ints, pd.Index[Any]]:
    """Return the row codes and distinct values of a column without missing ones.

    Args:
        column: Hashable values.

    Returns:
        Codes ``(rows,)`` and the distinct values, in no particular order.

    Raises:
        PanelError: If a value is missing or not hashable.
    """
    try:
        if isinstance(column.dtype, pd.CategoricalDtype):
            used, place = np.unique(column.cat.codes.to_numpy(), return_inverse=True)
            missing = int(used[0] == -1)
            codes, unique = place - missing, column.cat.categories[used[missing:]]
        else:
            codes, unique = column.factorize()
    except TypeError:
        raise PanelError(
            f"Column {column.name!r} must hold plain values. Received: {type(column.iloc[0]).__name__} "
            "objects, which cannot be told apart; convert them, e.g. to strings."
        ) from None
    if codes.min() < 0:
        count = int((codes < 0).sum())
        raise PanelError(
            f"Column {column.name!r} must have no missing values. Received: {count} missing, the first "
            f"in {at_row(first_row(codes < 0))}; fill them or drop their rows, e.g. with "
            f"df.dropna(subset=[{column.name!r}])."
        )
    return codes.astype(np.int64, copy=False), pd.Index(unique)


def _as_floats(column: pd.Series[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return values as floats, and which rows hold a number or nothing."""
    dtype = column.dtype
    if dtype.kind in "biuf" or (pd.api.types.is_numeric_dtype(dtype) and dtype.kind != "c"):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), np.ones(len(column), bool)
    if not (
        dtype == np.object_ or isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(dtype)
    ):
        return np.full(len(column), np.nan), np.zeros(len(column), bool)
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.dtype.kind == "c":
        return np.full(len(column), np.nan), np.array([not isinstance(v, complex) for v in column])
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    is_number = ~np.isnan(values) | column.isna().to_numpy()
    odd = np.flatnonzero(~is_number)
    is_number[odd] = [isinstance(v, str) and v.strip().lower() in ("", "nan") for v in column.iloc[odd]]
    return values, is_number
