"""A bundle to serve, saved once a session: that of the first format, saved again, has not to be trained."""

import atexit
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pipelines import Forecaster
from pipelines.saving import runtime_of

FIXTURE = Path(__file__).parent / "fixtures" / "bundle-format-1"
has_onnx = all(map(find_spec, ("onnx", "tf2onnx", "onnxruntime")))


@cache
def served_bundle():
    """Daily series with a past and a static covariate; on ONNX Runtime where that is installed."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Forecaster.load(FIXTURE).save(folder / "bundle", onnx=has_onnx)
    return folder / "bundle"


@cache
def served_forecaster():
    """What is in the bundle; tests must not change it."""
    return Forecaster.load(served_bundle(), runtime_of(served_bundle()))


def rows_of(forecaster):
    """The history of a bundle, as a frame."""
    panel = forecaster.panel_
    return panel.to_frame().merge(panel.static_frame(), on=panel.columns.id_col)
