"""Networks that somebody has put in the place of a job's own: no code runs, and the night goes on."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import pytest
from job_cases import FIRST, NOW, bundles, make_job, published

from pipelines.bundle import MANIFEST, checksum
from pipelines.nightly import JobSettings
from pipelines.nightly.running import run_night
from pipelines.nightly.sealed import read_sealed, write_sealed
from pipelines.nightly.state import JobFolder, home_of

__all__ = ["bundles", "make_job"]


class Command:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def with_lambda(path: Path, canary: Path) -> None:
    def unlink(x: Any, mark: str = str(canary)) -> Any:
        Path(mark).unlink()
        return x

    inputs = keras.Input((3,))
    outputs = keras.layers.Lambda(unlink, output_shape=(3,))(inputs)
    keras.Model(inputs, outputs).save(canary.with_suffix(".keras"))
    canary.with_suffix(".keras").replace(path)
    canary.touch()  # it ran when the model was made


def with_module(path: Path, canary: Path) -> None:
    """A configuration that names a function of os instead of a layer."""
    evil = {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }
    config = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"name": "x", "function": evil, "arguments": {"command": f"rm {canary}"}},
        "registered_name": None,
        "build_config": {"input_shape": [None, 3]},
    }
    write_archive(path, {"config.json": json.dumps(config).encode()})


def with_pickle(path: Path, canary: Path) -> None:
    path.write_bytes(pickle.dumps(Command(f"rm {canary}")))


def with_bomb(path: Path, canary: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", b"{}")
        with archive.open("config.json", "w", force_zip64=True) as entry:
            for _ in range(64):
                entry.write(bytes(2**20))
        archive.writestr("model.weights.h5", b"")


def with_path(path: Path, canary: Path) -> None:
    write_archive(path, {"../" * 12 + str(canary).lstrip("/"): b"overwritten"})


def write_archive(path: Path, entries: dict[str, bytes]) -> None:
    usual = {"metadata.json": b'{"keras_version": "3.15.1"}', "config.json": b"{}", "model.weights.h5": b""}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**usual, **entries}.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("write", [with_lambda, with_module, with_pickle, with_bomb, with_path])
@pytest.mark.parametrize("file", ["model.keras", "model.onnx"])
def test_a_network_with_code_is_not_run(
    make_job: Callable[..., JobSettings], tmp_path: Path, write: Callable[[Path, Path], None], file: str
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive")
    job = make_job()
    (version,) = JobFolder(home_of(job)).versions()
    write(version.bundle / file, canary)
    before = canary.read_text()
    reseal(version.bundle, without=() if file == "model.onnx" else ("model.onnx",))
    outcome = run_night(job, FIRST, now=NOW)
    assert canary.read_text() == before
    assert outcome.night.models == {"SeasonalNaive": 3}
    assert {finding.check for finding in outcome.findings} == {"champion", "fallback"}
    assert isinstance(published(job), pd.DataFrame)


def reseal(bundle: Path, without: tuple[str, ...]) -> None:
    """Make all checksums fit what lies there, as somebody would who can write to the folder."""
    for name in without:
        (bundle / name).unlink(missing_ok=True)
    manifest = json.loads((bundle / MANIFEST).read_text())
    names = sorted(path.name for path in bundle.iterdir() if path.name != MANIFEST)
    manifest["files"] = {name: {"sha256": checksum(bundle / name)} for name in names}
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    record = bundle.parent / "version.json"
    write_sealed(record, read_sealed(record) | {"bundle_sha256": checksum(bundle / MANIFEST)})
