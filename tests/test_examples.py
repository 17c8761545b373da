"""Examples for schedulers: files that these would read, with commands and variables that there are."""

import ast
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main
import yaml

import pipelines
from pipelines.cli import app
from pipelines.nightly.settings import JobSettings

EXAMPLES = Path(pipelines.__file__).resolve().parent.parent / "examples"
FILES = sorted(path for path in EXAMPLES.iterdir() if path.name != "README.md")
SCRIPTS = [path for path in FILES if path.suffix == ".py"]
VARIABLE = re.compile(r"\bTCN_JOB_(?!\.)([A-Z_]+)")


def named(path):
    return path.name


def commands_of(path):
    """Arguments of each ``tcn`` in a file, with a date where it computes one."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.List) and getattr(node.elts[0], "value", "") == "tcn":
                yield [written(part) for part in node.elts[1:]]
    elif path.suffix == ".yaml":
        (container,) = yaml.safe_load(text)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        yield container["command"][1:]
    else:
        for line in text.splitlines():
            if (found := re.search(r"(?<!#)\btcn (job .*?)'?$", line)) and not line.startswith("#"):
                yield shlex.split(re.sub(r"\$\$?\(.*?\)", "2026-01-31", found[1]))


def written(part):
    """A constant as it is, the job by any file, and what is computed by a date."""
    if isinstance(part, ast.Constant):
        return part.value
    return "job.toml" if getattr(part, "id", "") == "job" else "2026-01-31"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_each_starts_a_run_that_the_command_line_understands(path):
    commands = [*commands_of(path)]
    assert bool(commands) is (path.suffix != ".timer")
    for arguments in commands:
        command = typer.main.get_command(app)
        for name in ("job", "run"):
            assert arguments.pop(0) == name
            command = command.commands[name]
        understood = command.make_context("run", arguments)
        assert understood.params["job"].name == "job.toml"
        # Only where no calendar is at hand is the cutoff left to the clock.
        assert (understood.params["cutoff"] == "2026-01-31") is (path.suffix != ".yaml")


@pytest.mark.parametrize("path", FILES, ids=named)
def test_variables_are_those_of_settings(path):
    for name in VARIABLE.findall(path.read_text()):
        table = JobSettings
        for part in name.lower().split("__"):
            assert part in table.model_fields, name
            table = table.model_fields[part].annotation


def test_the_page_lists_every_file():
    listed = re.findall(r"\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == [path.name for path in FILES]


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_scripts_compile(path):
    compile(path.read_text(), path.name, "exec")


def test_lines_of_the_crontab_have_five_fields_and_no_bare_percent():
    lines = [line for line in (EXAMPLES / "crontab").read_text().splitlines() if line and line[0] != "#"]
    jobs = [line for line in lines if not re.match(r"[A-Z_]+=", line)]
    limits = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    assert len(jobs) == 2
    for line in jobs:
        *fields, command = line.split(maxsplit=5)
        assert all(f == "*" or low <= int(f) <= high for f, (low, high) in zip(fields, limits, strict=True))
        assert command.startswith("tcn job run")
        assert not re.search(r"(?<!\\)%", command)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_accepts_its_units(tmp_path):
    units = [shutil.copy(EXAMPLES / f"tcn-job.{kind}", tmp_path) for kind in ("service", "timer")]
    environment = os.environ | {"SYSTEMD_LOG_LEVEL": "warning"}
    command = ["systemd-analyze", "verify", "--man=no", *units]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_cron_job_runs_once_at_a_time_and_ends_where_a_second_try_is_of_no_use():
    record = yaml.safe_load((EXAMPLES / "kubernetes-cronjob.yaml").read_text())
    assert (record["kind"], record["apiVersion"]) == ("CronJob", "batch/v1")
    assert record["spec"]["concurrencyPolicy"] == "Forbid"
    job = record["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # a pod failure policy needs it
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
    assert 75 not in rule["onExitCodes"]["values"]
    mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
