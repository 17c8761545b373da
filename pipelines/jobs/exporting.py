"""A saved network as a program of its own, for other languages and machines."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, get_args

from pipelines.choices import ExportFormat
from pipelines.errors import ConfigError
from pipelines.jobs.fitting import load_forecaster
from pipelines.jobs.stages import Progress, Stages

FORMATS: Final = get_args(ExportFormat)


def run_export(bundle: str | Path, output: str | Path, to: str, progress: Progress | None = None) -> Path:
    """Write the network of a bundle in a format that other programs run.

    Args:
        bundle: Folder of the bundle.
        output: File to write, or folder for a SavedModel. It must not be there yet.
        to: "onnx", "savedmodel" or "litert".
        progress: Where to show the stages.

    Returns:
        What was written.

    Raises:
        BundleError: The bundle is missing or damaged.
        ConfigError: There is no such format, its packages are not installed, or the output cannot be written.
    """
    if to not in FORMATS:
        raise ConfigError(f"The format must be one of {', '.join(FORMATS)}. Received: {to!r}.")
    path = Path(output).absolute()
    if path.exists() or not path.parent.is_dir():
        raise ConfigError(
            "An export must be a new file, or a new folder, in a folder that exists. "
            f"Received: {str(output)!r}; choose another path."
        )
    stages = Stages(progress)
    forecaster = load_forecaster(bundle, stages)
    with stages("export"), tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as draft:
        from pipelines.network import export_network

        written = Path(draft) / path.name
        export_network(forecaster.network_, written, to)
        os.replace(written, path)
    return path
