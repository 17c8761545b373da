"""A CSV file narrowed to the columns and rows that a job needs, without ever holding all of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.errors import PanelError
from pipelines.nightly.reach import position_of
from pipelines.nightly.source_columns import columns_to_read
from pipelines.panel import read_stamps

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.nightly.records import Cutoff
    from pipelines.nightly.settings import JobSettings

_BLOCK: Final = 2**22  # bytes of the file that are in memory at a time


def narrowed(job: JobSettings, path: Path, place: str, since: Cutoff, folder: Path) -> Path:
    """Copy what a job needs of a CSV file: its columns, and the rows after a time stamp.

    Args:
        job: Settings.
        path: The file.
        place: The file as messages show it.
        since: Time stamp up to which rows are left out; a block of rows whose stamps cannot be read is kept.
        folder: Where to write the copy.

    Returns:
        The copy; the file itself if it cannot be used, so that whoever reads it can tell why.

    Raises:
        PanelError: If no row is left.
    """
    import pyarrow as pa
    import pyarrow.csv as pacsv

    how = pacsv.ReadOptions(block_size=_BLOCK)
    try:
        with pacsv.open_csv(path, how) as head:
            found = head.schema.names
        if len({*found}) < len(found):
            return path
        names = columns_to_read(job, found, place)
        # As text: of what type a column is, all of its rows tell.
        convert = pacsv.ConvertOptions(
            include_columns=names, column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        )
        copy = folder / f"{path.stem}.csv"
        with (
            pacsv.open_csv(path, how, convert_options=convert) as blocks,
            pacsv.CSVWriter(copy, blocks.schema) as writer,
        ):
            rows = 0
            for block in blocks:
                kept = block.filter(_after(job, block, since))
                writer.write_batch(kept)
                rows += kept.num_rows
    except (pa.ArrowException, PanelError, UnicodeDecodeError):
        return path
    if not rows:
        raise PanelError(
            f"A source must have rows after {since}, as far back as source.past reaches. Received: none in "
            f"{place}; give an earlier cutoff, or raise source.past."
        )
    return copy


def _after(job: JobSettings, block: pa.RecordBatch, since: Cutoff) -> pa.Array:
    """Which rows of a block lie after a time stamp; all of them if that cannot be told."""
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = pc.dictionary_encode(block.column(job.model.time_col))
    column = coded.dictionary.to_pandas().rename(job.model.time_col)
    try:
        stamps = read_stamps(column.astype("int64") if isinstance(since, int) else column, period_ends=False)
        after = stamps.unique[stamps.codes] > position_of(stamps, since, job.model.time_col)
    except (PanelError, ValueError, OverflowError):
        after = np.ones(len(column), bool)
    return pa.array(after[coded.indices.to_numpy()])
