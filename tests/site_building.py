"""The documentation site, built once for all tests of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import pipelines

ROOT = Path(pipelines.__file__).resolve().parent.parent


def build_site(factory: pytest.TempPathFactory) -> Path:
    """Build the site, strictly, once for all processes of a run of the tests; its folder."""
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, done = root / "site", root / "site.built"
    with FileLock(root / "site.lock"):
        if not done.exists():
            command = [
                sys.executable,
                "-m",
                "mkdocs",
                "build",
                "--strict",
                "--quiet",
                "--site-dir",
                str(folder),
            ]
            environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
            made = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
            )
            assert made.returncode == 0, made.stderr
            done.touch()
    return folder


def pages_of(site: Path) -> list[Path]:
    """Every page of a site."""
    return sorted(site.rglob("*.html"))
