"""The tutorial of commands works as it is written: its files, its commands, one after the other."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import pipelines
import pipelines.plan
from pipelines.cli import app

PAGE = Path(pipelines.__file__).resolve().parent.parent / "docs" / "tutorials" / "every-night.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.tutorials
@pytest.mark.usefixtures("quick_stores", "eagerly")
def test_every_step_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipelines.network.can_export_onnx", lambda: False)
    monkeypatch.setattr(pipelines.plan, "_PRESETS", dict.fromkeys(pipelines.plan._PRESETS, (1, 0.05)))
    monkeypatch.setattr(pipelines.plan, "_LONGEST_FIELD", 8)
    monkeypatch.setattr("pipelines.cli.tuning.WORKERS", None)
    ran = []
    for language, content in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(content, PAGE.name, "exec"), {})
        elif language == "csv":
            assert Path("rentals.csv").read_text().startswith(content)
        elif language == "toml":
            Path(content.split()[1]).write_text(content)
        elif language == "console":
            for line in content.splitlines():
                arguments = shlex.split(line, comments=True)
                with contextlib.redirect_stderr(io.StringIO()):
                    done = CliRunner().invoke(app, [*arguments[1:], "--json"])
                assert done.exit_code == 0, f"{line}\n{done.output}"
                json.loads(done.stdout.splitlines()[-1])
                ran.append(" ".join(arguments[1:3]))
    assert {"job validate", "job run", "job status", "report tuned/bundle"} <= {*ran}
    published = pd.read_csv("rentals-forecasts.csv")
    assert published["station"].unique().tolist() == ["east", "west"]
    assert len(published) == 2 * 14
    assert {"output/report.html", "tuned.html"} <= {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")
    }
