"""A fitted forecaster as a directory: plain JSON, Keras' own format, and a manifest of checksums."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pipelines.errors import BundleError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"


def write_bundle(
    path: Path, documents: Mapping[str, Any], writers: Mapping[str, Callable[[Path], None]]
) -> None:
    """Write a bundle; what stood there is replaced only once everything is written.

    Args:
        path: Directory of the bundle; its parents are created.
        documents: File name to JSON-able content.
        writers: File name to a function that writes the file.

    Raises:
        BundleError: If the path is a file, or a directory that is not a bundle.
    """
    path = Path(path).absolute()
    if path.exists() and not (path / MANIFEST).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise BundleError(
            f"A bundle is a directory of its own. Received: {path}, which holds something else."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, content in documents.items():
            (fresh / name).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        for name, write in writers.items():
            write(fresh / name)
        sums = {name: checksum(fresh / name) for name in sorted([*documents, *writers])}
        manifest = {"format": FORMAT, "sha256": sums}
        (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        for name in (*sums, MANIFEST):
            with (fresh / name).open("rb") as file:
                os.fsync(file.fileno())
        fresh.chmod(0o755)
        _swap(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_bundle(path: Path) -> dict[str, Path]:
    """Check a bundle before anything in it is parsed.

    Args:
        path: Directory of the bundle.

    Returns:
        File name to path.

    Raises:
        BundleError: If it is not a bundle, of another format, or a file is missing or differs from its
            checksum.
    """
    path = Path(path).absolute()
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        version, sums = manifest["format"], dict(manifest["sha256"])
    except FileNotFoundError:
        raise BundleError(
            f"A bundle is a directory with a {MANIFEST}. Received: {path}, without one."
        ) from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise BundleError(
            f"{path / MANIFEST} cannot be read as a manifest ({error}); save it again."
        ) from None
    if version != FORMAT:
        raise BundleError(f"The bundle must have format {FORMAT}. Received: format {version!r} in {path}.")
    for name, expected in sums.items():
        if Path(name).name != name:
            raise BundleError(f"A bundle names its own files only. Received: {name!r} in {path / MANIFEST}.")
        if not (path / name).is_file():
            raise BundleError(f"The bundle {path} lacks its file {name!r}; copy it again.")
        if checksum(path / name) != expected:
            raise BundleError(f"{path / name} differs from its checksum: it is damaged or was changed.")
    return {name: path / name for name in sums}


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _swap(fresh: Path, path: Path) -> None:
    """Put a new directory in the place of an old one."""
    if not path.exists():
        fresh.rename(path)
        return
    old = fresh.with_name(fresh.name + "-old")
    path.rename(old)
    try:
        fresh.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)
