"""A folder that is there as a whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.disk import to_disk
from pipelines.errors import ConfigError


def check_free(path: Path) -> None:
    """Check that a folder can be made, before the work that leads to it.

    Args:
        path: Folder that is not there yet, or is empty, in one that is.

    Raises:
        ConfigError: If something is there, or there is no folder to make it in.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(
            f"The folder must not exist yet, or be empty. Received: {str(path)!r}, which holds something; "
            "name another one, or delete it first."
        )
    if not path.absolute().parent.is_dir():
        raise ConfigError(
            f"The folder must lie in one that exists. Received: {str(path)!r}; make "
            f"{str(path.absolute().parent)!r} first."
        )


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Make a folder; it takes its place once all is written, and nothing is left of it otherwise.

    Args:
        path: Folder to make, see ``check_free``.

    Yields:
        A folder beside it to write to.

    Raises:
        ConfigError: If there is something already, or the files cannot be written.
    """
    check_free(path)
    path = path.absolute()
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            yield draft
            for file in draft.iterdir():
                to_disk(file)
            draft.chmod(0o755)
            if path.exists():
                path.rmdir()
            draft.rename(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise ConfigError(
            "A folder must be written to a place with permission and space. Received: "
            f"{error.strerror or error} for {str(path)!r}; name another one."
        ) from error
