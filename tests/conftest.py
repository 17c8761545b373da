"""Settings that hold for every test: quiet libraries, no traffic, and the same random draws in each run."""

import gc
import os
import signal

# Read when TensorFlow and MLflow are first imported, so before any test module.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Small networks take far longer to compile than to run: most of that time goes into making them fast.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1",
)
# Each of the processes that share the cores computes in one thread.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

# Fixtures for the modules that ask for them.
from eager import compiled as compiled
from eager import eagerly as eagerly
from hypothesis import settings
from quick_stores import quick_stores as quick_stores

# No deadline: the first example of a test may pay for compiling a network.
settings.register_profile("project", deadline=None, derandomize=True, max_examples=50, print_blob=True)
settings.load_profile("project")
# A runner in the background may have been started with Ctrl-C ignored; tests of interruption need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def _forget_what_stays():
    """Keep the garbage collector from going through all that earlier modules have left, again and again."""
    yield
    gc.collect()
    gc.freeze()
