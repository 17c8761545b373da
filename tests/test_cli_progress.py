import os
import subprocess
import sys
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipelines.cli import native_log
from pipelines.cli import progress as module
from pipelines.cli.progress import LogProgress, QuietProgress, TerminalProgress

PLAN = SimpleNamespace(steps=500, notes=("3 gaps in series 'a[0]'",))
CHATTER = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n"
    "I0000 00:00:1795321977.169814   23970 port.cc:153] oneDNN custom operations are on.\\n"
)


def held_back(code):
    code = f"import os\nfrom pipelines.cli.native_log import held_back\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_only_chatter_is_dropped_of_what_is_written_by_native_code():
    done = held_back(
        f"""with held_back():
            os.write(2, b"{CHATTER}E0000 00:00 gpu.cc:1] no device\\nhalf a line")
        os.write(2, b" and after\\n")""".replace("\n        ", "\n")
    )
    assert done.stderr == "E0000 00:00 gpu.cc:1] no device\nhalf a line and after\n"


NO_GPU = "E0000 00:00:1795321977.169814 23970 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)"


@pytest.mark.parametrize("has_gpu", [True, False])
def test_a_missing_gpu_is_an_error_only_where_there_is_one(monkeypatch, tmp_path, capfd, has_gpu):
    monkeypatch.setattr(native_log, "_DRIVERS", (tmp_path if has_gpu else tmp_path / "none",))
    with native_log.held_back():
        os.write(2, f"{NO_GPU}\nE0000 00:00 gpu.cc:1] out of memory\n".encode())
    shown = capfd.readouterr().err
    assert ("cuInit" in shown) is has_gpu
    assert "out of memory" in shown


def test_quiet_progress_drops_chatter_and_shows_errors(monkeypatch, capfd):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    progress = QuietProgress()
    with progress.loading("TensorFlow"), progress.stage("fit"):
        os.write(2, CHATTER.encode().replace(b"\\n", b"\n") + b"F0000 00:00 x.cc:1] no such instruction\n")
    assert capfd.readouterr().err == "F0000 00:00 x.cc:1] no such instruction\n"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "2"


def test_what_was_held_back_appears_before_the_error_that_ended_the_import():
    done = held_back(
        'with held_back():\n    os.write(2, b"cannot load libx\\n")\n    raise ImportError("libx")'
    )
    first, *rest = done.stderr.splitlines()
    assert first == "cannot load libx"
    assert rest[-1] == "ImportError: libx"


def test_the_log_level_of_tensorflow_is_set_but_not_over_the_users_own(monkeypatch):
    for own, expected in ((None, "2"), ("0", "0")):
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
        if own is not None:
            monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", own)
        with module.held_back():
            assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == expected


def test_a_log_has_a_line_for_each_stage_and_few_for_a_long_fit(monkeypatch, capfd):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    log = LogProgress()
    log.planned(PLAN)
    with log.stage("fit"):
        for step in range(25, 501, 25):
            now[0] += 3
            log.epoch({"step": step, "loss": 0.25})
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "note: 3 gaps in series 'a[0]'"
    assert lines[1] == "fit: step 100 of 500, loss 0.25"
    assert lines[-1] == "fit: 60.0 s"
    assert len(lines) == 2 + 5


def test_a_stage_that_fails_is_not_reported_as_done(capfd):
    def work():
        with LogProgress().stage("fit"):
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        work()
    assert capfd.readouterr().err == ""


def test_a_terminal_shows_stages_notes_and_the_step():
    screen = StringIO()
    progress = TerminalProgress(Console(file=screen, force_terminal=True, width=80, highlight=False))
    progress.planned(PLAN)
    with progress.stage("fit"):
        progress.epoch({"step": 25, "loss": 0.5})
    with progress.loading("TensorFlow"):
        pass
    text = screen.getvalue()
    assert "3 gaps in series 'a[0]'" in text
    assert "step 25 of 500, loss 0.5" in text
    assert text.count("\N{CHECK MARK}") == 2
