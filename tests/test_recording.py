"""What benchmarks print is kept, and the page of it is made from what was kept."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import pipelines

HERE = Path(pipelines.__file__).resolve().parent.parent / "benchmarks"


def test_the_page_is_made_of_what_was_kept() -> None:
    module = runpy.run_path(str(HERE / "_record.py"))
    assert module["PAGE"].read_text(encoding="utf-8") == module["page"]()
    kept = {path.stem for path in module["KEPT"].glob("*.txt")}
    assert kept <= {script.stem for script in module["scripts"]()}
    assert kept


def test_output_is_kept_with_the_machine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "adding.py"
    script.write_text("print('1 x 2')")
    record = runpy.run_path(str(HERE / "_record.py"))["record"]
    record.__globals__["KEPT"] = tmp_path / "figures"
    assert record(script)
    machine, _, figures = (tmp_path / "figures" / "adding.txt").read_text().partition("\n\n")
    assert figures == "1 x 2\n"
    assert "cores of" in machine
    script.write_text("print('half'); raise SystemExit(3)")
    assert not record(script)
    assert "ended with 3" in capfd.readouterr().out
    assert (tmp_path / "figures" / "adding.txt").read_text().endswith("1 x 2\n")  # as it was


def test_what_needs_data_is_left_out_without_them(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "needing.py"
    script.write_text("# from _data import parsed\nimport sys\nprint(*sys.argv[1:])")
    record = runpy.run_path(str(HERE / "_record.py"))["record"]
    record.__globals__["KEPT"] = tmp_path / "figures"
    assert record(script)
    assert "needing.py is left out" in capfd.readouterr().out
    assert not (tmp_path / "figures").exists()
    assert record(script, tmp_path)
    assert (tmp_path / "figures" / "needing.txt").read_text().endswith(f"--data {tmp_path}\n")
