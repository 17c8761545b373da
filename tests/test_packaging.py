import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import pipelines

ROOT = Path(pipelines.__file__).resolve().parent.parent
PACKAGES = ("pipelines", "tcn")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*command, cwd):
    # Nothing of the caller's Python settings may lead the new interpreter back to the checkout.
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment of its own that holds the wheel and borrows the dependencies of this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(sys.executable, "-m", "venv", "--without-pip", "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    here, there = (Path(run(str(p), "-c", code, cwd=folder).strip()) for p in (sys.executable, python))
    # A folder named in a .pth file is searched last; .pth files inside it (an editable install) are not read.
    (there / "dependencies.pth").write_text(f"{here}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", "--ignore-installed", str(wheel), cwd=folder)
    return python


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_wheel_holds_the_two_packages_and_nothing_else(wheel):
    info = f"tcn_forecasting-{pipelines.__version__}.dist-info"
    assert {name.partition("/")[0] for name in names_in(wheel)} == {*PACKAGES, info}


def test_wheel_holds_every_file_of_the_packages(wheel):
    tree = {
        p.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for p in (ROOT / package).rglob("*")
        if p.is_file()
    }
    expected = {name for name in tree if "__pycache__" not in name}
    assert expected <= set(names_in(wheel))
    assert not [name for name in names_in(wheel) if "__pycache__" in name]


def test_wheel_holds_the_data_and_stays_small(wheel):
    shipped = {path.name for path in (ROOT / "data").iterdir()}
    assert {f"pipelines/data/{name}" for name in shipped} <= set(names_in(wheel))
    assert wheel.stat().st_size < 2_000_000


def test_installed_outside_the_checkout_it_loads_its_data(installed, tmp_path):
    code = """if True:
        import json
        from pipelines import datasets
        rows = {name: len(datasets.load(name)) for name in datasets.names()}
        print(json.dumps({"file": datasets.__file__, "rows": rows}))
    """
    got = json.loads(run(str(installed), "-c", code, cwd=tmp_path))
    assert Path(got["file"]).is_relative_to(installed.parent.parent)
    assert got["rows"] == {
        name: pipelines.datasets.describe(name).n_rows for name in pipelines.datasets.names()
    }


def test_installed_command_answers_outside_the_checkout(installed, tmp_path):
    assert "forecast" in run(str(installed.parent / "tcn"), "--help", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_importing_the_packages_loads_nothing_heavy(installed, tmp_path):
    code = "import sys, json, tcn.receptive_field, pipelines; print(json.dumps(sorted(sys.modules)))"
    loaded = {name.partition(".")[0] for name in json.loads(run(str(installed), "-c", code, cwd=tmp_path))}
    assert not loaded & {"tensorflow", "keras", "mlflow", "pandas", "plotly", "pyarrow", "scipy", "sklearn"}


@pytest.mark.parametrize("name", pipelines.__all__)
def test_every_public_name_exists(name):
    assert getattr(pipelines, name) is not None
    assert name in dir(pipelines)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No pipelines attribute Forcaster"):
        _ = pipelines.Forcaster


def imported_roots(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def test_every_import_is_a_declared_dependency():
    extras = PROJECT["optional-dependencies"]
    names = ("onnx", "postgres", "predict", "ray", "remote", "serve", "sktime", "stats")
    lines = [*PROJECT["dependencies"], *(line for name in names for line in extras[name])]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    # The distribution may be tensorflow or one of its builds; the import is the same.
    homes = packages_distributions() | {"tensorflow": ["tensorflow"]}
    undeclared = {
        f"{path.relative_to(ROOT)}: {root}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for root in imported_roots(path)
        if root not in sys.stdlib_module_names and root not in PACKAGES
        if not declared & {canonicalize_name(home) for home in homes.get(root, [root])}
    }
    # Whoever has Keras run on JAX has it installed.
    assert undeclared == {"tcn/_backend.py: jax"}
