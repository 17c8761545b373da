"""What a network said of a few series when it was saved, to compare with what it says elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from pipelines.errors import BundleError
from pipelines.runtime.gathering import Floats

TOLERANCE: Final = 1e-4
"""Largest allowed difference, relative to the largest value of a series' forecast."""

_OUTPUT: Final = "quantiles"


def write_golden(path: Path, inputs: dict[str, Floats], outputs: Floats) -> None:
    """Write inputs and outputs of a network: a row per series, each array as a list of its numbers.

    Args:
        path: Parquet file.
        inputs: Name to ``(series, ...)``.
        outputs: ``(series, horizon, quantiles)``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {**inputs, _OUTPUT: outputs}
    columns = {name: list(values.reshape(len(values), -1)) for name, values in arrays.items()}
    # A column keeps the shape of what it holds as metadata of its field.
    fields = [
        pa.field(name, pa.list_(pa.float32()), metadata={"shape": ",".join(map(str, values.shape[1:]))})
        for name, values in arrays.items()
    ]
    pq.write_table(pa.table(columns, schema=pa.schema(fields)), path)


def check_golden(path: Path, network: Callable[[dict[str, Floats]], Floats]) -> None:
    """Compare what a network says with what it said when it was saved.

    Args:
        path: File written by ``write_golden``.
        network: From inputs to outputs.

    Raises:
        BundleError: If they differ.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    arrays = {}
    for field in table.schema:
        shape = [int(size) for size in field.metadata[b"shape"].split(b",")]
        arrays[field.name] = np.array(table[field.name].to_pylist(), np.float32).reshape(-1, *shape)
    expected = arrays.pop(_OUTPUT)
    try:
        found = network(arrays)
    except Exception as error:  # ONNX Runtime has a class of errors for each of its codes
        raise BundleError(f"The network must take the inputs in {path} ({error}); save it again.") from None
    size = np.maximum(np.abs(expected).max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    gap = float((np.abs(found - expected) / size).max())
    if not gap <= TOLERANCE:
        raise BundleError(
            f"A network must say what it said when it was saved ({path}, to {TOLERANCE:g}). Received: a "
            f"relative difference of {gap:.1e}; save the bundle again, or load it with Keras."
        )
