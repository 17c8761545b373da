"""The files of a store: none with code, each with its checksum in the manifest."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.errors import PanelError

SERIES: Final = "series.parquet"
"""File of what is known of each series."""

_MANIFEST: Final = "manifest.json"
_KIND: Final = "panel store"
_FORMAT: Final = 1


def values_name(part: int) -> str:
    """File of the values of a part."""
    return f"values-{part:05d}.npy"


def is_store(path: str | Path) -> bool:
    """Whether a folder is a store, of whatever format.

    Args:
        path: Any path.

    Returns:
        Whether its manifest says so.
    """
    try:
        manifest = json.loads((Path(path) / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == _KIND


def write_manifest(folder: Path, content: Mapping[str, Any], sums: Mapping[str, str]) -> None:
    """Write what a store is.

    Args:
        folder: Folder of the store.
        content: Plain values.
        sums: File name to SHA-256.
    """
    files = {name: {"sha256": value} for name, value in sums.items()}
    manifest = {"kind": _KIND, "format": _FORMAT, **content, "files": files}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def read_manifest(path: Path) -> dict[str, Any]:
    """Read what a store is.

    Args:
        path: Folder of the store.

    Returns:
        What ``write_manifest`` wrote.

    Raises:
        PanelError: If it is no store, or of another format.
    """
    if not is_store(path):
        raise PanelError(
            f"A store must be a folder that PanelStore.create made. Received: {str(path)!r}, without a "
            f"readable {_MANIFEST} of one; create it first."
        )
    manifest: dict[str, Any] = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
    if manifest.get("format") != _FORMAT:
        raise PanelError(
            f"A store must have format {_FORMAT}. Received: format {manifest.get('format')!r} in {path}; "
            "create it again with this version."
        )
    return manifest


def write_series(file: Path, columns: Mapping[str, Any]) -> str:
    """Write what is known of each series; return the checksum of the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), content)
    return _write(file, content.getvalue())


def read_series(file: Path, expected: str) -> pd.DataFrame:
    """Read what ``write_series`` wrote; see ``read_values``."""
    import pyarrow.parquet as pq

    frame: pd.DataFrame = pq.read_table(io.BytesIO(_checked(file, expected))).to_pandas(date_as_object=False)
    return frame


def write_values(file: Path, values: npt.NDArray[np.float64]) -> str:
    """Write an array; return the checksum of the file."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    return _write(file, content.getvalue())


def read_values(file: Path, expected: str) -> npt.NDArray[np.float64]:
    """Read what ``write_values`` wrote.

    Args:
        file: The file.
        expected: Its checksum.

    Returns:
        The array.

    Raises:
        PanelError: If the file is missing, or differs from its checksum.
    """
    values: npt.NDArray[np.float64] = np.load(io.BytesIO(_checked(file, expected)), allow_pickle=False)
    return values


def damaged(file: Path, why: str) -> PanelError:
    """Return the error about a file that is not as it was written."""
    return PanelError(f"A store must be as it was made. Received: {file} with {why}; create it again.")


def _write(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _checked(file: Path, expected: str) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise damaged(file, error.strerror or str(error)) from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise damaged(file, "content that differs from its checksum")
    return content
