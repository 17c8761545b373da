"""Keras knows the classes in whichever order things are imported, and is not imported before it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

import tcn

ORDERS = [
    "import tcn, keras",
    "import keras, tcn",
    "from tcn.models.wavenet import WaveNet; import keras",
]
ASK = """
known = keras.saving.get_custom_objects()
print(sum(name.startswith("tcn>") for name in known), keras.__spec__.loader is keras.__loader__)
"""


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.long
def test_the_order_of_imports_does_not_matter():
    answers = {order: run(order + ASK) for order in ORDERS}
    assert len(set(answers.values())) == 1, answers
    known, untouched = answers[ORDERS[0]].split()
    assert int(known) > 60
    assert untouched == "True"


def test_arithmetic_needs_no_framework():
    program = "import sys, tcn.receptive_field, tcn.sizes; print('keras' in sys.modules)"
    assert run(program) == "False"


def test_every_module_that_imports_keras_is_waited_for():
    folder = Path(tcn.__file__).parent
    waited = Path(tcn.__file__).read_text()
    for path in folder.iterdir():
        module = f"tcn.{path.stem}"
        if path.name.startswith(("_", ".")) or (path.is_dir() and not (path / "__init__.py").exists()):
            continue
        text = (path / "__init__.py" if path.is_dir() else path).read_text()
        if "import keras" in text or "from keras" in text or f"from {module}." in text:
            assert f'"{module}"' in waited, module


@pytest.mark.parametrize("name", tcn.__all__)
def test_public_names_exist(name):
    assert getattr(tcn, name).__doc__
    assert name in dir(tcn)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="No tcn attribute TNC"):
        _ = tcn.TNC
