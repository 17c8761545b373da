"""The benchmarks run: in tiny sizes, whose figures say nothing."""

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import pipelines

ROOT = Path(pipelines.__file__).resolve().parent.parent
SCRIPTS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if not path.name.startswith("_"))

NEEDS = {
    "hierarchies": ["hierarchicalforecast"],
    "million_rows": ["psycopg"],
    "job_speed": ["onnx", "tf2onnx", "onnxruntime"],
    "many_series": ["onnx", "tf2onnx", "onnxruntime"],
    "predict_bundle": ["onnx", "tf2onnx", "onnxruntime"],
    "ray_workers": ["ray"],
    "serving": ["onnx", "tf2onnx", "onnxruntime"],
    "sktime_checks": ["sktime"],
}


def test_there_is_one_for_each_claim():
    names = {script.stem for script in SCRIPTS}
    assert names == {
        "anomalies",
        "backtest_onepass",
        "causal_conv1d",
        "cold_start",
        "convolution_gflops",
        "coverage",
        "eight_starts",
        "epf",
        "explanations",
        "fine_tuning",
        "gaps",
        "gradient_boosting",
        "hierarchies",
        "job_damage",
        "job_kills",
        "job_speed",
        "long_memory",
        "many_series",
        "million_rows",
        "out_of_core",
        "panel_memory",
        "predict_bundle",
        "ray_workers",
        "recurrent",
        "report_size",
        "serving",
        "sktime_checks",
        "streaming_step",
        "thirty_nights",
        "training_origins",
        "transfer",
        "tuning_kill",
        "weather",
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_says_what_it_measures(script, monkeypatch, capsys):
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code in (0, None)
    said = capsys.readouterr().out
    assert "--small" in said
    assert runpy.run_path(str(script))["__doc__"].split()[0] in said


@pytest.mark.benchmarks  # even in tiny sizes they take seconds, most of them to compile
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_prints_ratios(script, monkeypatch, capsys):
    if not all(map(find_spec, NEEDS.get(script.stem, ()))):
        pytest.skip("needs an extra, whose pandas may be another: make test-peers runs it")
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setattr(sys, "argv", [str(script), "--small"])
    runpy.run_path(str(script), run_name="__main__")
    assert " x " in capsys.readouterr().out
