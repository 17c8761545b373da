"""Rows of a table in a file without a name."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class RowFile:
    """Records that are written one after the other and read from anywhere.

    The file is gone with the object, even if the process is killed.

    Args:
        folder: Where to make it.
        dtype: A row.
    """

    def __init__(self, folder: Path, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # open as long as the object lives
        weakref.finalize(self, self._file.close)

    def append(self, records: npt.NDArray[Any]) -> None:
        """Write rows after those that are there.

        Args:
            records: ``(rows,)`` of the type of the file.
        """
        self._file.write(records.data.cast("B"))

    def read(self, begin: int, into: npt.NDArray[Any]) -> None:
        """Read neighboring rows.

        Args:
            begin: The first of them.
            into: ``(rows,)`` array to fill, contiguous.
        """
        self._file.seek(begin * self.dtype.itemsize)
        self._file.readinto(into.data.cast("B"))
