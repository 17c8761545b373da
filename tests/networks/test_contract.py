"""Every layer and model, and every property of the contract."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from contract import CHECKS, computed

CASES = [
    case
    for path in sorted(Path(__file__).parent.glob("cases_*.py"))
    for case in import_module(path.stem).CASES
]

# Loads each model as a user would who has only the file, and says how far its outputs are from those stored.
RELOAD = """
import json, sys
import tcn, keras, numpy as np
from keras import ops
apart = {}
for name in sys.argv[2:]:
    kept = np.load(f"{sys.argv[1]}/{name}.npz")
    model = keras.saving.load_model(f"{sys.argv[1]}/{name}.keras", safe_mode=True)
    called = model.predict_on_batch if keras.backend.backend() == "jax" else model  # Compiled as a whole
    outputs = [np.asarray(ops.convert_to_numpy(o)) for o in keras.tree.flatten(called(kept["x"]))]
    wanted = [kept[f"y{i}"] for i in range(len(outputs))]
    apart[name] = max(float(np.max(np.abs(a - b) / (1 + np.abs(b)))) for a, b in zip(outputs, wanted))
print(json.dumps(apart))
"""


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_holds(case, check):
    check(case)


@pytest.fixture(scope="session")
def reloaded(tmp_path_factory):
    """Relative differences after saving here and loading in another process."""
    folder = tmp_path_factory.mktemp("saved")
    for case in CASES:
        layer, x = case.built(), case.sample()
        inputs = keras.Input((None, case.channels), dtype=str(x.dtype))
        model = keras.Model(inputs, layer(inputs))
        np.savez(folder / f"{case.name}.npz", x=x, **{f"y{i}": y for i, y in enumerate(computed(model, x))})
        model.save(folder / f"{case.name}.keras")
    command = [
        sys.executable,
        "-W",
        "error::UserWarning",
        "-c",
        RELOAD,
        str(folder),
        *(case.name for case in CASES),
    ]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_comes_back_in_a_fresh_process(case, reloaded):
    assert reloaded[case.name] <= 1e-6
