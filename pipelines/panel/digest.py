"""A fingerprint of series."""

from __future__ import annotations

import hashlib

from pipelines.panel.panel import Panel


def panel_digest(panel: Panel) -> str:
    """Fingerprint of series and covariates: the same for a CSV and a Parquet file with the same ones.

    Args:
        panel: The series.

    Returns:
        SHA-256, hexadecimal.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"unique_id": ["B", "A"], "ds": [1, 1], "y": [1.0, 2.0]})
        >>> panel_digest(Panel.from_frame(frame, 1)) == panel_digest(Panel.from_frame(frame[::-1], 1))
        True
    """
    names = "\n".join(map(repr, panel.ids.tolist()))
    content = hashlib.sha256(f"{panel.freq.text}\n{panel.tz}\n{names}\n".encode())
    for array in (panel.indptr, panel.starts, panel.values):
        content.update(array.tobytes())
    for column in (*panel.covariates, *panel.static):
        content.update(f"{column.name}\n{column.categories}\n".encode())
        content.update(column.values.tobytes())
    return content.hexdigest()
