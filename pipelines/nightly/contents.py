"""Forecasts as bytes, and the manifest that vouches for them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pipelines.jobs.files import one_type_each

if TYPE_CHECKING:
    import pandas as pd

_SEAL: Final = "manifest_sha256"


def content_of(frame: pd.DataFrame, kind: str) -> bytes:
    r"""Write a frame as bytes that depend on nothing else.

    Args:
        frame: A row per series and step.
        kind: "csv" or "parquet".

    Returns:
        The content of the file.

    Example:
        >>> import pandas as pd
        >>> content_of(pd.DataFrame({"unique_id": ["a"], "TCN": [0.5]}), "csv")
        b'unique_id,TCN\na,0.5\n'
    """
    if kind == "csv":
        return str(frame.to_csv(index=False, lineterminator="\n")).encode()
    buffer = io.BytesIO()
    one_type_each(frame).to_parquet(buffer, index=False)
    return buffer.getvalue()


def sealed_manifest(manifest: Mapping[str, Any], content: bytes, rows: int, **facts: str) -> str:
    """Complete a manifest by what it vouches for, and by its own checksum.

    Args:
        manifest: What there is to know of a forecast, JSON-able.
        content: The forecast.
        rows: Its rows.
        facts: Further facts, such as the name of the file.

    Returns:
        JSON.
    """
    record = {**manifest, **facts, "rows": rows, "sha256": hashlib.sha256(content).hexdigest()}
    record[_SEAL] = _seal(record)
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def read_manifest(text: bytes | str) -> dict[str, Any] | None:
    """Read a manifest.

    Args:
        text: What ``sealed_manifest`` has returned.

    Returns:
        Its record; None if it is not as it was written.

    Example:
        >>> read_manifest(sealed_manifest({"night": "17"}, b"", 0))["night"], read_manifest('{"night": "18"}')
        ('17', None)
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(record, dict) and record.get(_SEAL) == _seal(record):
        return record
    return None


def vouched(text: bytes, read: Callable[[str], bytes]) -> dict[str, Any] | None:
    """Read a manifest, and check the file that it names.

    Args:
        text: The manifest.
        read: Reads a file beside it.

    Returns:
        Its record; None if it, or the file, is not as it was written.
    """
    record = read_manifest(text)
    if record is None or hashlib.sha256(read(record["file"])).hexdigest() != record["sha256"]:
        return None
    return record


def _seal(record: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in record.items() if name != _SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
