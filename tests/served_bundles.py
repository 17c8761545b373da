"""Forecasters to serve that need no training: a bundle that was saved before, and echoes."""

import atexit
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pipelines import Forecaster
from pipelines.config import Settings
from pipelines.fitted import Fitted
from pipelines.preparing import prepare
from pipelines.reading import read_panel
from pipelines.runtime import OnnxNetwork
from pipelines.saving import runtime_of

FIXTURE = Path(__file__).parent / "fixtures" / "bundle-format-2"
has_onnx = all(map(find_spec, ("onnx", "tf2onnx", "onnxruntime")))


@cache
def served_bundle():
    """Daily series with a past and a static covariate; on ONNX Runtime where that is installed."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return shutil.copytree(FIXTURE, folder / "bundle")


@cache
def served_forecaster():
    """What is in the bundle; tests must not change it."""
    return Forecaster.load(served_bundle(), runtime_of(served_bundle()))


def rows_of(forecaster):
    """The history of a bundle, as a frame."""
    panel = forecaster.panel_
    return panel.to_frame().merge(panel.static_frame(), on=panel.columns.id_col)


class Echo(OnnxNetwork):
    """Stands for a network: what it says depends on all that it is shown, and takes no training."""

    def __init__(self, plan, quantiles=(0.1, 0.5, 0.9)):
        self.quantiles, self.context, self.horizon = quantiles, plan.receptive_field - 1, plan.horizon

    def __call__(self, inputs):
        rows = inputs["series"].astype(np.float64)
        age = np.arange(1, rows.shape[1] + 1)[::-1, None]
        told = (np.tanh(rows) / age).sum(axis=(1, 2))[:, None] * np.arange(1, self.horizon + 1)
        if "ahead" in inputs:
            told = told + np.tanh(inputs["ahead"]).sum(axis=2)
        if "static" in inputs:
            told = told + inputs["static"].sum(axis=1)[:, None]
        return told[..., None] + np.array([-1.0, 0.0, 1.0])


def echo_forecaster(frame, static=None, **settings):
    """A forecaster of a frame whose network is an echo."""
    forecaster = Forecaster(**settings)
    asked = Settings.of(forecaster.get_params())
    panel = read_panel(frame, asked, asked.freq, static)
    made = prepare(asked, panel)
    forecaster._fitted = Fitted(
        asked, panel, made.plan, Echo(made.plan), [], {}, made.table.nonnegative, made.covariates,
        transform=made.transform,
    )  # fmt: skip
    return forecaster
