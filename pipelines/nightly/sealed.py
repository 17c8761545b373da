"""Records and folders that are there whole or not at all, and that tell when they were changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.disk import to_disk
from pipelines.errors import StateError


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record with its checksum; one that is there is replaced as a whole.

    Args:
        path: The file, in a folder that exists.
        content: JSON-able data.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    record = json.dumps({"sha256": _digest(text), "content": content}, indent=1, sort_keys=True)
    try:
        draft.write_text(record + "\n", encoding="utf-8")
        to_disk(draft)
        os.replace(draft, path)
        to_disk(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def read_sealed(path: Path) -> dict[str, Any]:
    """Read a record, if it is as it was written.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        StateError: If it is missing, or not as it was written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "record.json"
        ...     write_sealed(path, {"version": 3})
        ...     read_sealed(path)
        {'version': 3}
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        text = json.dumps(record["content"], sort_keys=True, ensure_ascii=False, allow_nan=False)
        if record["sha256"] == _digest(text) and isinstance(record["content"], dict):
            return dict(record["content"])
        problem = "whose content does not go with its checksum"
    except FileNotFoundError:
        problem = "which is missing"
    except OSError as error:
        problem = f"which cannot be read ({error.strerror})"
    except (UnicodeDecodeError, json.JSONDecodeError):
        problem = "which is cut short or no JSON"
    except (ValueError, KeyError, TypeError, RecursionError):
        problem = "which is no record with a checksum"
    raise StateError(
        f"A record of a job must be as it was written. Received: {path}, {problem}; put it back from a "
        "backup, or remove it."
    )


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Write a folder that takes its place when the block has ended well; one that was there is replaced.

    Args:
        path: The folder; its parent exists.

    Yields:
        The folder to write to.
    """
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield draft
        for entry in (*draft.rglob("*"), draft):
            to_disk(entry)
        draft.chmod(0o755)
        if path.exists():
            # Renamed, not written over: whoever stops here leaves the former folder beside, as a draft.
            former = draft.with_name(f"{draft.name}-former")
            path.rename(former)
            draft.rename(path)
            shutil.rmtree(former, ignore_errors=True)
        else:
            draft.rename(path)
        to_disk(path.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def remove_drafts(folder: Path) -> None:
    """Remove what a killed process has left unfinished.

    Args:
        folder: Folder that only the caller writes to now.
    """
    for entry in folder.glob(".*.tmp*"):
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
