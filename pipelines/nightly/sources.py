"""Rows of a job's source as they lie there: shipped data sets, files, folders of files, addresses."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.errors import BusyError, PanelError
from pipelines.nightly.narrowing import narrowed
from pipelines.nightly.reach import roughly
from pipelines.nightly.records import Finding
from pipelines.nightly.remote import fetch, is_remote, local_path
from pipelines.nightly.secrets import hide
from pipelines.nightly.source_columns import columns_to_read
from pipelines.nightly.transient import attempt, short

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as pads

    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

T = TypeVar("T")


def read_source(
    job: JobSettings,
    path: str,
    since: Cutoff | None = None,
    odd: Callable[[Finding], object] = lambda finding: None,
) -> pd.DataFrame:
    """Read the columns that a job needs from the files of its source.

    Args:
        job: Settings.
        path: Name of a shipped data set, CSV or Parquet file, folder of Parquet files, or address.
        since: Time stamp up to which rows are not needed; None if all are.
        odd: Takes what is odd about the files.

    Returns:
        All rows that are needed, and maybe others, in the order of the files' names and of the rows in them.

    Raises:
        PanelError: If there is no such file, or it cannot be read, or lacks a column.
        ConfigError: If an address needs a package that is not installed.
        BusyError: If it is out of reach for the moment, or is being written.
    """
    from pipelines import datasets

    if path in datasets.names():
        frame = datasets.load(path)
        return frame[columns_to_read(job, list(frame.columns), path)]
    with ExitStack() as stack:
        local, place = _local(job, path, stack), hide(path, job)
        if local.is_dir():
            return _in_reach(lambda: _read_parquet(job, local, place, since), job, path)
        read = _read_parquet if local.suffix.lower() == ".parquet" else _read_csv
        before = _state_of(local)
        frame = _in_reach(lambda: read(job, local, place, since), job, path)
        if _state_of(local) != before:
            raise BusyError(
                f"A source must stay as it is while it is read. Received: {place}, which is being written; "
                "try again when that has ended, and write it under another name first, then rename it."
            )
        if read is _read_csv and not _ends_its_last_line(local):
            odd(_without_end(place))
        return frame


def read_static(job: JobSettings, path: str) -> pd.DataFrame:
    """Read the file of static covariates.

    Args:
        job: Settings.
        path: CSV or Parquet file, or its address.

    Returns:
        All its columns.

    Raises:
        PanelError: If it cannot be read, or has no column of ids.
    """
    from pipelines import datasets

    id_col = job.model.id_col
    with ExitStack() as stack:
        local = _local(job, path, stack)
        frame = _in_reach(lambda: datasets.read_table(local, id_col=id_col), job, path)
    if id_col not in frame.columns:
        raise PanelError(
            f"The file of static covariates must have a column {id_col!r} (model.id_col). Received: "
            f"{', '.join(map(repr, frame.columns))} in {hide(path, job)}; rename the column of ids."
        )
    return frame


def _local(job: JobSettings, path: str, stack: ExitStack) -> Path:
    """Where a file lies on this machine; one from elsewhere is fetched, and kept as long as ``stack``."""
    if not is_remote(path):
        return local_path(path)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tcn-job-")))
    return _in_reach(lambda: fetch(path, folder, job), job, path)


def _in_reach(call: Callable[[], T], job: JobSettings, path: str) -> T:
    """Read, again where it fails of something that passes."""
    place = hide(path, job)
    try:
        return attempt(call, job, place)
    except OSError as error:
        # No place for temporary files, as on a full disk, is told by the same kind of error.
        missing = isinstance(error, FileNotFoundError) and not local_path(path).exists()
        what = "no such file or folder" if missing else short(error, job)
        raise PanelError(f"A source must exist and be readable. Received: {place}, {what}.") from error


def _state_of(file: Path) -> tuple[int, ...] | None:
    """What is another one once a file has been written to; None where there is none."""
    with suppress(OSError):
        found = file.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None


def _ends_its_last_line(file: Path) -> bool:
    """Whether a file that has several lines ends the last of them as the others."""
    with file.open("rb") as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(max(size - 1, 0))
        return content.read() in (b"", b"\n", b"\r")


def _without_end(place: str) -> Finding:
    return Finding(
        "source",
        "warn",
        f"A CSV file must end each of its lines. Received: {place}, whose last line has no end: its last "
        "value may be cut. See whether the file is whole, and write it with a line break at its end.",
    )


def _read_csv(job: JobSettings, path: Path, place: str, since: Cutoff | None) -> pd.DataFrame:
    from pipelines import datasets

    with ExitStack() as stack:
        if since is not None and path.is_file():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tcn-job-")))
            path = narrowed(job, path, place, roughly(since), folder)
        return datasets.read_table(
            path,
            id_col=job.model.id_col,
            columns=lambda found: columns_to_read(job, found, place),
            utc=True,  # in winter and summer alike
        )


def _read_parquet(job: JobSettings, path: Path, place: str, since: Cutoff | None) -> pd.DataFrame:
    import pyarrow as pa

    if not path.exists():
        raise PanelError(f"A source must exist and be readable. Received: {place}, no such file or folder.")
    try:
        dataset = _dataset(job, path, place)
        names = columns_to_read(job, dataset.schema.names, place)
        table = dataset.to_table(columns=names, filter=_later(job, dataset.schema, since))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = str(error).partition("\n")[0].rstrip(".")
        raise PanelError(
            f"{place} cannot be read as parquet: {reason}. Check or write the file again."
        ) from error
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, date_as_object=False)
    return frame


def _later(job: JobSettings, schema: pa.Schema, since: Cutoff | None) -> pads.Expression | None:
    """The condition that rows lie after a time stamp, or have none; None where only reading tells."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = schema.field(job.model.time_col).type
    if since is None or not (pa.types.is_integer if isinstance(since, int) else pa.types.is_temporal)(kind):
        return None
    bound = roughly(since)
    if not isinstance(bound, int):
        bound = pd.Timestamp(bound).floor("D").as_unit("s")
    stamp = pc.field(job.model.time_col)
    return (stamp > pa.scalar(bound).cast(kind)) | stamp.is_null()


def _dataset(job: JobSettings, path: Path, place: str) -> pads.Dataset:
    """The files as one data set, whose columns each of them has."""
    import pyarrow as pa
    import pyarrow.dataset as pads

    if path.is_file():
        return pads.dataset(path, format="parquet")
    files = sorted(
        str(file)
        for file in path.rglob("*.parquet")
        if not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    )
    if not files:
        raise PanelError(f"A folder of rows must hold Parquet files. Received: {place} without any.")
    whole = [_schema(file, f"{place}, file {Path(file).relative_to(path)}") for file in files]
    arguments: dict[str, Any] = {"format": "parquet", "partition_base_dir": str(path)}
    found = pads.dataset(files, partitioning=pads.HivePartitioning.discover(), **arguments)
    folders = Path(files[0]).relative_to(path).parts[:-1]
    names = [part.partition("=")[0] for part in folders if "=" in part]
    # Ids that are names of folders stay text, as in a CSV file: 007 is no number.
    texts = {job.model.id_col: pa.string()}
    keys = pa.schema([(name, texts.get(name, found.schema.field(name).type)) for name in names])
    schema = keys
    for file, other in zip(files, whole, strict=True):
        of_file = f"{place}, file {Path(file).relative_to(path)}"
        columns_to_read(job, [*other.names, *names], of_file)
        try:
            schema = pa.unify_schemas([schema, other], promote_options="permissive")
        except pa.ArrowException as error:
            raise PanelError(
                f"All files of a folder must hold columns of one type each. Received: {of_file}: "
                f"{str(error).rstrip('.')}, those of the files before it and its own; write it as they are."
            ) from error
    hive = pads.partitioning(keys, flavor="hive")
    return pads.dataset(files, schema=schema.remove_metadata(), partitioning=hive, **arguments)


def _schema(file: str, place: str) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(file)
    except pa.ArrowException as error:
        raise PanelError(
            f"All files of a folder must be whole. Received: {place}, which is no Parquet file, or part of "
            "one; see whether it is being written, and write it again."
        ) from error
