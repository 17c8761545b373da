"""A fitted forecaster as a directory of plain files, none of them with code, and a manifest of checksums."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pipelines.disk import to_disk
from pipelines.errors import BundleError

FORMAT: Final = 2
MANIFEST: Final = "manifest.json"
_READABLE: Final = (1, FORMAT)


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
    check_replaceable(path)
    path = Path(path).resolve()  # a link to a bundle stays, what it leads to is replaced
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, content in documents.items():
            (fresh / name).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        for name, write in writers.items():
            write(fresh / name)
        sums = {name: checksum(fresh / name) for name in sorted([*documents, *writers])}
        files = {name: {"sha256": value} for name, value in sums.items()}
        manifest = {"format": FORMAT, "files": files}
        (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        for name in (*sums, MANIFEST):
            to_disk(fresh / name)
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
        BundleError: If it is not a bundle, of an unknown format, or a file is missing or differs from its
            checksum.
    """
    path = Path(path).absolute()
    sums = _manifest(path)
    for name, expected in sums.items():
        if Path(name).name != name:
            raise BundleError(f"A bundle names its own files only. Received: {name!r} in {path / MANIFEST}.")
        if not (path / name).is_file():
            raise BundleError(f"The bundle {path} lacks its file {name!r}; copy it again.")
        if checksum(path / name) != expected:
            raise BundleError(f"{path / name} differs from its checksum: it is damaged or was changed.")
    return {name: path / name for name in sums}


def names_in(path: Path) -> list[str]:
    """Names of the files that a bundle must have, by its manifest alone.

    Args:
        path: Directory of the bundle.

    Returns:
        The names.

    Raises:
        BundleError: If it is not a bundle, or of an unknown format.
    """
    return [*_manifest(Path(path).absolute())]


def check_replaceable(path: Path) -> None:
    """Check that a bundle may be written to a path.

    Args:
        path: Directory, or a link to one. It may be missing, empty, or a bundle with nothing besides.

    Raises:
        BundleError: If it holds anything else.
    """
    path = Path(path).resolve()
    if not path.exists():
        return
    found = {entry.name for entry in path.iterdir()} if path.is_dir() else {"a file"}
    if MANIFEST in found:
        found -= {MANIFEST, *_manifest(path)}
    if found:
        raise BundleError(
            "A bundle must be a directory of its own. Received: "
            f"{path}, which holds something else ({min(found)}); choose another path."
        )


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(path: Path) -> dict[str, str]:
    """File name to checksum of the bundle at a path."""
    inner = path / "bundle"  # in folders of results, which have a manifest of their own
    cure = f"name {inner}" if (inner / MANIFEST).is_file() else "copy or save the bundle again"
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        version = manifest["format"]
        if version in _READABLE:
            # What a manifest of one format says has no meaning in the other, so that neither is taken for it.
            return {**manifest["sha256"]} if version == 1 else _sums(manifest["files"])
    except (FileNotFoundError, NotADirectoryError):
        what = "a file" if path.is_file() else "without one"
        raise BundleError(
            f"A bundle must be a directory with a {MANIFEST}. Received: {path}, {what}; {cure}."
        ) from None
    except (AttributeError, ValueError, KeyError, TypeError, OSError) as error:
        raise BundleError(
            f"A bundle must have a readable {MANIFEST}. Received: {path / MANIFEST} ({error!r}); {cure}."
        ) from None
    raise BundleError(
        f"A bundle must have format {' or '.join(map(str, _READABLE))}. Received: format {version!r} in "
        f"{path / MANIFEST}; load it with the version of tcn-forecasting that saved it."
    )


def _sums(files: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: entry["sha256"] for name, entry in files.items()}


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
