import subprocess
from importlib.metadata import PackageNotFoundError

import pytest

from pipelines.cli import checkup


@pytest.fixture(scope="module")
def checks():
    return {check.name: check for check in checkup.examine()}


@pytest.mark.long  # a process that imports TensorFlow, and a store of MLflow
def test_this_machine_can_forecast(checks):
    for name in ("Python", "machine", "temporary files", "TensorFlow", "MLflow store"):
        assert checks[name].ok, checks[name]
    assert "cores" in checks["machine"].text
    assert "imported in" in checks["TensorFlow"].text


def only(name):
    return next(check for check in checkup.examine() if check.name == name)


@pytest.fixture
def light(monkeypatch):
    """All checks but those that take seconds."""
    monkeypatch.setattr(checkup, "_tensorflow", lambda: (True, ""))
    monkeypatch.setattr(checkup, "_mlflow_store", lambda: (True, ""))


@pytest.mark.usefixtures("light")
def test_libraries_are_compared_with_what_is_needed(monkeypatch):
    monkeypatch.setattr(checkup, "requires", lambda name: ["numpy>=2.1", "gone>=1; python_version < '3'"])
    assert only("libraries").ok
    monkeypatch.setattr(checkup, "requires", lambda name: ["numpy>=99", "no-such-library"])
    wrong = only("libraries")
    assert not wrong.ok
    assert "numpy>=99 is needed, found 2" in wrong.text
    assert "no-such-library is needed, found none" in wrong.text


@pytest.mark.usefixtures("light")
def test_a_checkout_that_is_not_installed_says_so(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(checkup, "requires", missing)
    assert "is not installed; run: pip install" in only("libraries").text


@pytest.mark.usefixtures("light")
def test_a_full_disk_is_one_finding_and_the_others_still_follow(monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkup, "_temporary_files", full)
    checks = {check.name: check for check in checkup.examine()}
    assert not checks["temporary files"].ok
    assert "No space left on device" in checks["temporary files"].text
    assert checks["machine"].ok


@pytest.mark.parametrize(
    ("status", "out", "err", "text"),
    [
        (-4, "", "", "status -4: no message"),
        (1, "", "Traceback\nImportError: libx", "ImportError: libx"),
        (0, "2.21.0 3.15.1 jax", "", "set KERAS_BACKEND=tensorflow"),
    ],
)
def test_a_tensorflow_that_cannot_be_used_is_reported_with_the_cure(monkeypatch, status, out, err, text):
    done = subprocess.CompletedProcess([], status, out, err)
    monkeypatch.setattr(checkup.subprocess, "run", lambda *args, **kwargs: done)
    ok, found = checkup._tensorflow()
    assert not ok
    assert text in found
