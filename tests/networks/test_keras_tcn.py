"""keras-tcn's interface: the same arguments, weights, files and numbers as keras-tcn 3.5.7.

keras-tcn has the import name of this package, so it stands in a folder of its own, `keras-tcn` in the Python
environment, and runs in another process, once for all tests. Where the folder is missing, it is installed
there with pip. It runs on TensorFlow alone, and so do the tests that need it.
"""

import inspect
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
from backends import to_numpy

from tcn.keras_tcn import TCN, compiled_tcn, tcn_full_summary

VERSION = "3.5.7"

# Runs where `tcn` is keras-tcn. Makes what the plan says; writes weights, predictions, losses and files.
PEER = """
import inspect, json, sys
from pathlib import Path
import keras, numpy as np, tcn
folder = Path(sys.argv[1])
assert Path(tcn.__file__).is_relative_to(sys.argv[2]), tcn.__file__
plan = json.loads((folder / "plan.json").read_text())
rng = np.random.default_rng(0)

def shaken(model):
    def other(weight):
        noise = rng.normal(size=weight.shape)
        return np.asarray(weight) + (abs(noise) if "variance" in weight.path else 0.1 * noise)
    model.set_weights([other(weight) for weight in model.weights])

def keep(name, model, x, **more):
    weights = {f"w{i:03d}": w for i, w in enumerate(model.get_weights())}
    np.savez(folder / f"{name}.npz", x=x, y=np.asarray(model(x)), **weights, **more)

def around(layer, wrap):
    return keras.layers.Bidirectional(layer) if wrap else layer

for name, case in plan["layers"].items():
    layer = tcn.TCN(**case["arguments"])
    inputs = keras.Input((case["steps"] if case["fixed"] else None, case["channels"]))
    if case["sequential"]:
        model = keras.Sequential([inputs, layer, keras.layers.Dense(2)])
    else:
        model = keras.Model(inputs, keras.layers.Dense(2)(around(layer, case["bidirectional"])(inputs)))
    shaken(model)
    x = rng.normal(size=(2, case["steps"], case["channels"])).astype("float32")
    keep(name, model, x, field=layer.receptive_field)
    model.save(folder / f"{name}.keras")

for name, arguments in plan["compiled"].items():
    model = tcn.compiled_tcn(**arguments)
    x = rng.normal(size=(4, arguments["max_len"], arguments["num_feat"])).astype("float32")
    shape = (*np.asarray(model(x)).shape[:-1], 1)
    y = rng.normal(size=shape) if arguments.get("regression") else rng.integers(0, 3, size=shape)
    y = y.astype("float32")
    before = {f"b{i:03d}": w for i, w in enumerate(model.get_weights())}
    model.run_eagerly = bool(arguments.get("regression"))  # its accuracy needs a graph
    logs = [model.train_on_batch(x, y, return_dict=True) for _ in range(3)]
    model.save(folder / f"{name}.keras")
    keep(name, model, x, target=y, logs=json.dumps(logs), **before)
    after = model.train_on_batch(x, y, return_dict=True)
    (folder / f"{name}.json").write_text(json.dumps(after))

facts = {"refuses": [], "signatures": {}}
for arguments in plan["refused"]:
    try:
        tcn.TCN(**arguments)
    except (ValueError, AssertionError):
        facts["refuses"].append(arguments)
for name in ("TCN", "compiled_tcn", "tcn_full_summary"):
    parameters = inspect.signature(getattr(tcn, name)).parameters.values()
    facts["signatures"][name] = [[p.name, repr(p.default)] for p in parameters if p.kind != p.VAR_KEYWORD]
(folder / "facts.json").write_text(json.dumps(facts))
"""


def random_case(number):
    """Arguments of one network; the numbers' bits go through the switches, so that each is on and off."""
    rng = np.random.default_rng([2018, number])
    dilations = rng.choice([1, 2, 3, 4, 5, 8], size=rng.integers(1, 5)).tolist()
    skips = bool(number & 2)
    filters = int(rng.integers(2, 7))
    if number % 3 == 0:
        filters = [filters] * len(dilations) if skips else rng.integers(2, 7, size=len(dilations)).tolist()
    norm = (None, "use_batch_norm", "use_layer_norm")[number % 3]
    return {
        "arguments": {
            "nb_filters": filters,
            "kernel_size": int(rng.integers(1, 6)),
            "nb_stacks": int(rng.integers(1, 3)),
            "dilations": dilations,
            "padding": ("causal", "same")[number & 1],
            "use_skip_connections": skips,
            "dropout_rate": 0.1 * (number % 2),
            "return_sequences": bool(number & 4),
            "activation": ("relu", "tanh", "selu", "swish")[number % 4],
            "kernel_initializer": ("he_normal", "glorot_uniform")[number % 2],
            "go_backwards": bool(number & 8),
        }
        | ({norm: True} if norm else {}),
        "channels": int(rng.integers(1, 6)),
        "steps": int(rng.integers(1, 30)) * 2 + (number % 5 > 0),
        "fixed": number % 3 == 0,
        "sequential": number % 5 == 0,
        "bidirectional": False,
    }


LAYERS = {f"random-{number:02d}": random_case(number) for number in range(20)}
FIXED = {"channels": 3, "steps": 17, "fixed": True, "sequential": False, "bidirectional": False}
SMALL = {"nb_filters": 4, "kernel_size": 2, "dilations": [1, 2]}
LAYERS["defaults"] = FIXED | {"arguments": {}}
LAYERS["state"] = FIXED | {"arguments": SMALL | {"return_state": True}}
LAYERS["twelve-blocks"] = FIXED | {"arguments": SMALL | {"dilations": [1] * 12, "use_layer_norm": True}}
LAYERS["bidirectional"] = FIXED | {"arguments": SMALL | {"return_sequences": True}, "bidirectional": True}

BASE = {"num_feat": 3, "num_classes": 3, "nb_filters": 4, "kernel_size": 2, "dilations": [1, 2, 4]}
BASE |= {"nb_stacks": 1, "max_len": 11, "dropout_rate": 0.0}
COMPILED = {
    "classify": BASE,
    "classify-last": BASE | {"return_sequences": False, "opt": "rmsprop", "padding": "same", "name": "last"},
    "regress": BASE | {"regression": True, "use_skip_connections": True, "use_layer_norm": True, "lr": 0.01},
    "regress-last": BASE | {"regression": True, "return_sequences": False, "dilations": [0, 1, 3]},
}
REFUSED = [
    {"use_batch_norm": True, "use_layer_norm": True},
    {"nb_filters": [4, 4]},
    {"nb_filters": [4, 5], "dilations": [1, 2]},
    {"padding": "valid"},
    {"padding": None},
]


def installed():
    """Folder with keras-tcn in it."""
    folder = Path(sys.prefix) / "keras-tcn"
    if not (folder / "tcn").is_dir():
        with tempfile.TemporaryDirectory(dir=sys.prefix) as beside:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            command += ["--no-deps", "--target", f"{beside}/new", f"keras-tcn=={VERSION}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"keras-tcn is needed to compare with: {done.stderr}"
            os.replace(f"{beside}/new", folder)
    return folder


@pytest.fixture(scope="session")
def peer(tmp_path_factory):
    """Folder of what keras-tcn made of the plan."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("keras-tcn runs on TensorFlow alone")
    folder, home = tmp_path_factory.mktemp("peer"), installed()
    plan = {"layers": LAYERS, "compiled": COMPILED, "refused": REFUSED}
    (folder / "plan.json").write_text(json.dumps(plan))
    environment = os.environ | {"PYTHONPATH": str(home)}
    command = [sys.executable, "-c", PEER, str(folder), str(home)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[-9000:]
    return folder


def kept_of(peer, name):
    """What keras-tcn wrote, its weights before and after training among them."""
    kept = dict(np.load(peer / f"{name}.npz"))
    return kept, [kept[key] for key in sorted(kept) if key[0] == "w"]


def test_random_networks_go_through_every_choice():
    cases = [LAYERS[f"random-{number:02d}"] for number in range(20)]
    arguments = [case["arguments"] for case in cases]
    for switch in ("padding", "use_skip_connections", "return_sequences", "go_backwards", "nb_stacks"):
        assert len({a[switch] for a in arguments}) == 2
    norms = {("use_batch_norm" in a, "use_layer_norm" in a) for a in arguments}
    assert len(norms) == 3
    assert {isinstance(a["nb_filters"], list) for a in arguments} == {True, False}
    assert any(len(set(a["nb_filters"])) > 1 for a in arguments if isinstance(a["nb_filters"], list))
    assert {case["fixed"] for case in cases} == {case["sequential"] for case in cases} == {True, False}
    assert {case["steps"] % 2 for case in cases} == {0, 1}
    middle = {
        (case["fixed"], case["steps"] % 2)
        for case in cases
        if case["arguments"]["padding"] == "same" and not case["arguments"]["return_sequences"]
    }
    assert middle >= {(True, 1), (False, 1)}


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in LAYERS if name != "bidirectional"])
def test_copied_weights_give_the_same_predictions(peer, name):
    kept, (*weights, kernel, bias) = kept_of(peer, name)
    layer = TCN(**LAYERS[name]["arguments"])
    layer.build(kept["x"].shape)
    layer.set_weights(weights)
    outputs = layer(kept["x"])
    outputs = to_numpy(outputs[0] if layer.return_state else outputs)
    np.testing.assert_allclose(outputs @ kernel + bias, kept["y"], rtol=1e-5, atol=1e-5)
    assert layer.receptive_field == kept["field"]


@pytest.mark.long
@pytest.mark.parametrize("name", LAYERS)
def test_its_files_load(peer, name):
    kept, weights = kept_of(peer, name)
    model = keras.saving.load_model(peer / f"{name}.keras")
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(to_numpy(model(kept["x"])), kept["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Not all of dilations=.0, 1, 3. are powers of two")
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_models_learn_the_same(peer, name):
    kept, _ = kept_of(peer, name)
    model = compiled_tcn(**COMPILED[name])
    model.run_eagerly = True
    model.set_weights([kept[key] for key in sorted(kept) if key[0] == "b"])
    for logs in json.loads(str(kept["logs"])):
        ours = model.train_on_batch(kept["x"], kept["target"], return_dict=True)
        assert ours == pytest.approx(logs, rel=1e-5)
    np.testing.assert_allclose(to_numpy(model(kept["x"])), kept["y"], rtol=1e-5, atol=1e-5)
    assert [layer.name for layer in model.layers][1] == COMPILED[name].get("name", "tcn")


@pytest.mark.long
@pytest.mark.parametrize("name", COMPILED)
def test_training_goes_on_where_its_file_ends(peer, name):
    kept, _ = kept_of(peer, name)
    # The metric of its classifiers is a function that is in no file: keras-tcn cannot load it either.
    known = {"accuracy": keras.metrics.sparse_categorical_accuracy}
    model = keras.saving.load_model(peer / f"{name}.keras", custom_objects=known)
    model.run_eagerly = True
    after = json.loads((peer / f"{name}.json").read_text())
    loss = model.train_on_batch(kept["x"], kept["target"], return_dict=True)["loss"]
    assert loss == pytest.approx(after["loss"], rel=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("arguments", REFUSED, ids=str)
def test_what_it_refuses_is_refused(peer, arguments):
    assert arguments in json.loads((peer / "facts.json").read_text())["refuses"]
    with pytest.raises(ValueError, match="Received: "):
        TCN(**arguments)


@pytest.mark.long
@pytest.mark.parametrize("ours", [TCN, compiled_tcn, tcn_full_summary], ids=lambda ours: ours.__name__)
def test_arguments_have_its_names_order_and_defaults(peer, ours):
    theirs = json.loads((peer / "facts.json").read_text())["signatures"][ours.__name__]
    own = [[p.name, repr(p.default)] for p in inspect.signature(ours).parameters.values()]
    assert own[: len(theirs)] == theirs


def test_exponents_are_what_other_numbers_are_taken_for():
    with pytest.warns(UserWarning, match=r"Pass dilations=\[2, 8, 32\] to say so"):
        model = compiled_tcn(**BASE | {"dilations": [1, 3, 5]})
    assert model.layers[1].dilations == [2, 8, 32]
    with pytest.raises(ValueError, match="'opt' must be 'adam' or 'rmsprop'"):
        compiled_tcn(**BASE, opt="sgd")


def test_labels_need_no_axis_of_their_own():
    model = compiled_tcn(**BASE)
    model.run_eagerly = True
    x = np.random.default_rng(0).normal(size=(2, 11, 3))
    labels = np.random.default_rng(1).integers(0, 3, size=(2, 11))
    shares = [model.evaluate(x, y, verbose=0)[1] for y in (labels, labels[..., None])]
    np.testing.assert_allclose(shares, np.mean(to_numpy(model(x)).argmax(-1) == labels))


SUMMARY = """
Layer (type)                        Output shape  Parameters
tcn (TCN)                           (None, 4)            216
  residual_block_0 (ResidualBlock)  (None, 9, 4)         112
    conv1D_0 (CausalConv1D)         (None, 9, 4)          28
    norm_0 (BatchNormalization)     (None, 9, 4)          16
    SDropout_0 (SpatialDropout1D)   (None, 9, 4)           0
    conv1D_1 (CausalConv1D)         (None, 9, 4)          36
    norm_1 (BatchNormalization)     (None, 9, 4)          16
    SDropout_1 (SpatialDropout1D)   (None, 9, 4)           0
    matching_conv1D (CausalConv1D)  (None, 9, 4)          16
  residual_block_1 (ResidualBlock)  (None, 9, 4)         104
    conv1D_0 (CausalConv1D)         (None, 9, 4)          36
    norm_0 (BatchNormalization)     (None, 9, 4)          16
    SDropout_0 (SpatialDropout1D)   (None, 9, 4)           0
    conv1D_1 (CausalConv1D)         (None, 9, 4)          36
    norm_1 (BatchNormalization)     (None, 9, 4)          16
    SDropout_1 (SpatialDropout1D)   (None, 9, 4)           0
dense (Dense)                       (None, 2)             10
Total: 226, trainable: 194
"""


def test_the_summary_shows_what_is_inside(capsys):
    layer, dense = TCN(**SMALL, use_batch_norm=True, name="tcn"), keras.layers.Dense(2, name="dense")
    model = keras.Sequential([keras.Input((9, 3)), layer, dense])
    tcn_full_summary(model)
    everything = SUMMARY.strip().splitlines()
    assert capsys.readouterr().out.splitlines() == everything
    lines = []
    tcn_full_summary(model, expand_residual_blocks=False, print_fn=lines.append)
    assert lines == [line for line in everything if not line.startswith("    ")]


def test_the_summary_looks_into_models_and_says_what_it_cannot_know():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.Sequential([TCN(**SMALL, name="tcn")])

        def call(self, inputs):
            return self.inner(inputs)

    model, lines = Subclassed(), []
    with pytest.raises(ValueError, match="Only a built model can be summarized"):
        tcn_full_summary(model)
    model(np.ones((2, 5, 3), "float32"))
    tcn_full_summary(model, expand_residual_blocks=False, print_fn=lines.append)
    assert [line.split()[0] for line in lines[2:5]] == ["tcn", "residual_block_0", "residual_block_1"]
    assert lines[1].split()[2] == "?"
