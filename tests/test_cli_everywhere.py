"""What holds for every command: an example in its help, answers for machines, words for a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
import typer.main
from typer.testing import CliRunner

from pipelines.cli import app

GROUP = typer.main.get_command(app)


def every_command(group=GROUP, path=()):
    """Path and command, also of groups of commands."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(every_command())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_it_answers_machines_and_shows_an_example(path):
    command = COMMANDS[path]
    options = {option for one in command.params for option in one.opts}
    assert {"--json", "--quiet", "--debug"} <= options
    assert f"tcn {' '.join(path)}" in command.epilog
    assert all(one.help for one in command.params if one.param_type_name == "option")


def test_there_are_the_commands_that_the_documentation_names():
    named = {"forecast", "plan", "backtest", "fit", "predict", "report", "tune", "serve", "ui", "doctor"}
    assert named <= {path[0] for path in COMMANDS}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(shell):
    done = CliRunner().invoke(
        app, ["--show-completion"], env={"SHELL": shell, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert done.exit_code == 0 or "not supported" in done.output


def complete(words, script="tcn"):
    """What a shell would offer after these words."""
    environment = os.environ | {
        "_TCN_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    program = shutil.which(script, path=os.path.dirname(sys.executable))
    command = [program] if program else [sys.executable, "-m", "pipelines.cli"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_shell_completes_commands_options_and_values():
    assert complete(["tcn", "fore"]) == ["forecast"]
    assert "--horizon" in complete(["tcn", "forecast", "--hor"])
    assert {"fast", "default", "best"} <= {*complete(["tcn", "forecast", "--preset", ""])}
