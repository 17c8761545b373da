"""Tables in: the data sets that ship with the package, by name, and CSV or Parquet files, by path."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from pipelines.errors import PanelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

Chosen: TypeAlias = "Callable[[list[str]], Sequence[str]]"
"""Which columns to read of those that there are."""

_HEAD_BYTES = 2**16
# First bytes of what is given the name .csv by mistake.
_OTHER_KINDS = {
    b"\x1f\x8b": "compressed with gzip",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"PAR1": "a Parquet file",
}

_HERE = Path(__file__).resolve().parent
# A wheel carries the data inside this package; in a checkout they lie beside it, where people look for them.
_DATA = next(
    (folder for folder in (_HERE / "data", _HERE.parent / "data") if folder.is_dir()), _HERE / "data"
)


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a shipped data set before it is loaded.

    Args:
        name: Name to load it by.
        title: One line for a heading.
        description: One sentence for a list.
        file: File name in the data folder.
        sha256: SHA-256 of that file, hexadecimal.
        freq: Frequency of the time stamps, as a pandas offset alias.
        season_length: Number of steps in the main season.
        horizon: Number of steps ahead that make a sensible forecast.
        n_series: Number of series.
        n_rows: Number of rows; missing time stamps have none.
        covariates: Names of the columns beside ``unique_id``, ``ds`` and ``y``.
        license: Name of the license.
        license_url: Where the license can be read.
        attribution: Whom to name when the data are passed on.
        source: Where the data come from.

    Example:
        >>> info = describe("us_unemployment")
        >>> info.freq, info.season_length, info.horizon
        ('MS', 12, 12)
    """

    name: str
    title: str
    description: str
    file: str
    sha256: str
    freq: str
    season_length: int
    horizon: int
    n_series: int
    n_rows: int
    covariates: tuple[str, ...]
    license: str
    license_url: str
    attribution: str
    source: str


@lru_cache(maxsize=1)
def _catalog() -> dict[str, DatasetInfo]:
    entries: dict[str, dict[str, Any]] = tomllib.loads((_DATA / "SOURCES.toml").read_text(encoding="utf-8"))
    return {
        name: DatasetInfo(name=name, **{**entry, "covariates": tuple(entry["covariates"])})
        for name, entry in entries.items()
    }


def names() -> tuple[str, ...]:
    """List the data sets that ship with the package.

    Returns:
        Their names, sorted.

    Example:
        >>> names()
        ('bike_sharing', 'nyc_airport_weather', 'us_unemployment')
    """
    return tuple(sorted(_catalog()))


def describe(name: str) -> DatasetInfo:
    """Look up what is known of a shipped data set: frequency, season, horizon, license and source.

    Args:
        name: One of ``names()``.

    Returns:
        The facts; no data are read.

    Raises:
        PanelError: If there is no data set of that name.

    Example:
        >>> describe("bike_sharing").license
        'CC BY 4.0'
    """
    try:
        return _catalog()[name]
    except KeyError:
        raise PanelError(
            f"The name of a data set must be one of: {', '.join(names())}. Received: {name!r}. "
            "For a file of your own use read_table(path)."
        ) from None


def load(name: str) -> pd.DataFrame:
    """Load a shipped data set after checking its SHA-256.

    Args:
        name: One of ``names()``.

    Returns:
        A new long frame: ``unique_id``, ``ds``, ``y``, then the covariates. Missing time stamps have no row.

    Raises:
        PanelError: If there is no data set of that name, or if its file is not the one that was shipped.

    Example:
        >>> frame = load("us_unemployment")
        >>> frame.shape, list(frame.columns)
        ((1708, 3), ['unique_id', 'ds', 'y'])
    """
    info = describe(name)
    path = _DATA / info.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PanelError(
            f"Data set {name!r} needs the file {path}, which cannot be read: {error.strerror}. "
            "Install the package again."
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != info.sha256:
        raise PanelError(
            f"The file of data set {name!r} must have SHA-256 {info.sha256}. Received: {digest} for {path}. "
            "The file was changed or damaged; install the package again."
        )
    return pa_parquet.read_table(pa.BufferReader(content)).to_pandas()


def read_table(
    path: str | Path, *, id_col: str = "unique_id", columns: Chosen | None = None, utc: bool = False
) -> pd.DataFrame:
    r"""Read a table from a CSV or Parquet file; the suffix decides which.

    Text stays text: an id ``007`` or ``NA`` in a CSV file is neither a number nor missing; an empty one is
    missing. What the columns mean is not checked here; a ``Panel`` does that.

    Args:
        path: File that ends in ``.csv`` (comma-separated, UTF-8, a header line) or ``.parquet``.
        id_col: Name of the column of series ids, kept as text when a CSV file is read.
        columns: Given the names of all columns, returns those to read; None for all.
        utc: Whether times of a CSV file with offsets from UTC come back in UTC, whatever rows it has. If not,
            they keep an offset that all have; with several, days that begin at midnight lose theirs, and
            other times come back in UTC.

    Returns:
        The table as a new frame. Index columns of a frame in a Parquet file come back as ordinary ones.

    Raises:
        PanelError: If the file is missing, damaged, of another kind, without rows, or names a column twice.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "sales.csv"
        ...     _ = file.write_text("unique_id,ds,y\n007,2024-01-01,1.5\n")
        ...     read_table(file)
          unique_id         ds    y
        0       007 2024-01-01  1.5
    """
    path = Path(path)
    suffix = path.suffix.lower()
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    if suffix not in readers:
        raise PanelError(
            f"A data file must end in {' or '.join(readers)}. Received: {str(path)!r}; unpack it, or save it "
            "as one of these."
        )
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise PanelError(f"A data file must exist and be readable. Received: {str(path)!r}, {what}.")
    try:
        if suffix == ".csv":
            _check_head(path)
        table = readers[suffix](path, id_col, columns)
        _check_table(table, path, suffix)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if suffix == ".csv" and (isinstance(error, UnicodeDecodeError) or "invalid UTF8" in str(error)):
            raise PanelError(
                f"A CSV file must be encoded in UTF-8. Received: other bytes in {path}; save it as UTF-8."
            ) from error
        reason = "".join(c if c.isprintable() else "?" for c in str(error).partition("\n")[0].rstrip("."))
        raise PanelError(
            f"{path} cannot be read as {suffix[1:]}: {reason}. Check or write the file again."
        ) from error
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, date_as_object=False)
    moments = [field.name for field in table.schema if suffix == ".csv" and not utc and _is_moment(field)]
    if moments:
        from pipelines.offsets import as_written

        for name in moments:
            frame[name] = as_written(path, frame[name])
    return frame


def _is_moment(field: pa.Field) -> bool:
    return pa.types.is_timestamp(field.type) and field.type.tz is not None


def _read_csv(path: Path, id_col: str, columns: Chosen | None) -> pa.Table:
    names = None
    if columns is not None:
        with pa_csv.open_csv(path) as reader:
            names = _chosen(reader.schema, columns)
    # Null spellings such as "NA" apply to numbers and stamps only: in a column of text they are text.
    convert = pa_csv.ConvertOptions(
        column_types={id_col: pa.string()}, strings_can_be_null=False, include_columns=names
    )
    table = pa_csv.read_csv(path, convert_options=convert)
    place = table.schema.get_field_index(id_col)
    if place < 0 or not pa.types.is_string(table.schema.field(place).type):
        return table
    ids = table.column(place)
    named = pc.if_else(pc.equal(ids, ""), pa.scalar(None, pa.string()), ids)
    return table.set_column(place, id_col, named)


def _check_head(path: Path) -> None:
    """Recognize files that are no comma-separated UTF-8, which a parser would only stumble over."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for mark, kind in _OTHER_KINDS.items():
        if head.startswith(mark):
            raise PanelError(
                f"A .csv file must hold plain text. Received: {path}, which is {kind}; unpack or export it "
                "as CSV."
            )
    line = head.splitlines()[0] if head else b""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in line:
        raise PanelError(
            f"A CSV file must be encoded in UTF-8. Received: {path}, which is UTF-16 or no text at all; save "
            "it as UTF-8."
        )
    header = line.decode("utf-8", errors="replace").removeprefix("\ufeff")
    if "," not in header and any(mark in header for mark in ";\t|"):
        raise PanelError(
            f"A CSV file must be separated by commas. Received: the header {header!r} in {path}. Write the "
            "file with commas (and a point as the decimal mark)."
        )


def _read_parquet(path: Path, id_col: str, columns: Chosen | None) -> pa.Table:
    names = None if columns is None else _chosen(pa_parquet.read_schema(path), columns)
    # Without `partitioning=None` a folder named like "year=2024" would become a column.
    return pa_parquet.read_table(path, columns=names, partitioning=None)


def _chosen(schema: pa.Schema, columns: Chosen) -> list[str] | None:
    """The columns to read; all of them where a name comes twice, which is told of then."""
    return list(columns(schema.names)) if len({*schema.names}) == len(schema.names) else None


def _check_table(table: pa.Table, path: Path, suffix: str) -> None:
    if table.num_rows == 0:
        raise PanelError(f"A data file must hold at least one row. Received: {path} with a header only.")
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise PanelError(
            f"Column names must be unique. Received: {', '.join(twice)} more than once in {path}. "
            "Rename or drop the others."
        )
    if suffix != ".csv":
        return
    garbled = [field.name for field in table.schema if pa.types.is_binary(field.type)]
    if garbled:
        raise PanelError(
            f"A CSV file must be encoded in UTF-8. Received: other bytes in {', '.join(garbled)} of {path}."
        )
