"""What took long to compute, kept in the folder of a study with its checksum."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.disk import to_disk
from pipelines.tuning.state import unwritable

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.panel import Panel


def kept_frame(
    path: Path | None, key: Mapping[str, Any], panel: Panel, compute: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """Return the frame that was kept under a key, or compute and keep it.

    A file that is damaged, or was kept under another key, counts as none: it is computed again.

    Args:
        path: File to keep it in; None keeps nothing.
        key: What the frame depends on, JSON-able.
        panel: Series that the frame is of.
        compute: Makes the frame.

    Returns:
        The frame.

    Raises:
        ConfigError: If the file cannot be written.
    """
    if path is None:
        return compute()
    heading = json.dumps(key, sort_keys=True).encode()
    frame = _read(path, heading, panel)
    if frame is None:
        frame = compute()
        _write(path, heading, panel, frame)
    return frame


def _read(path: Path, heading: bytes, panel: Panel) -> pd.DataFrame | None:
    try:
        checksum, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if checksum != _checksum(content) or not content.startswith(heading + b"\n"):
        return None
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(content[len(heading) + 1 :]))
    id_col = panel.columns.id_col
    ids = pd.Series(panel.ids).take(frame[id_col].to_numpy()).reset_index(drop=True)
    return frame.assign(**{id_col: ids})


def _write(path: Path, heading: bytes, panel: Panel, frame: pd.DataFrame) -> None:
    import pandas as pd

    id_col = panel.columns.id_col
    # Ids may be of any types, and several of them; their positions are numbers.
    places = pd.Index(panel.ids).get_indexer(frame[id_col])
    content = heading + b"\n" + frame.assign(**{id_col: places}).to_parquet(index=False)
    draft = path.with_name(f".{path.name}.tmp")
    try:
        draft.write_bytes(_checksum(content) + b"\n" + content)
        to_disk(draft)
        os.replace(draft, path)
        to_disk(path.parent)
    except OSError as error:
        raise unwritable(path.parent, error) from error


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
