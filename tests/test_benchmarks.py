"""The benchmarks run: in tiny sizes, whose figures say nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pipelines

ROOT = Path(pipelines.__file__).resolve().parent.parent
SCRIPTS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if not path.name.startswith("_"))


def test_there_is_one_for_each_claim():
    names = {script.stem for script in SCRIPTS}
    assert names == {
        "backtest_onepass",
        "causal_conv1d",
        "convolution_gflops",
        "long_memory",
        "panel_memory",
        "recurrent",
        "streaming_step",
        "training_origins",
        "transfer",
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_prints_ratios(script):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", str(script), "--small"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert " x " in done.stdout
