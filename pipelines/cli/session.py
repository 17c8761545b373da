"""One command from start to end: where its words go, and the exit code it ends with."""

from __future__ import annotations

import errno
import json
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from pipelines.errors import BusyError, ConfigError, ForecastingError
from pipelines.redaction import redacted

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.jobs import Progress

INTERRUPTED = 130
UNEXPECTED = 70
USAGE_ERROR = 64
SKIPPED = 99  # there was nothing to do, and the command was asked to say so
_SIGNALLED = 128  # what the number of a signal is added to
_TOO_LONG = (errno.ENAMETOOLONG, errno.ELOOP)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a disk or a quota without room says
# Arguments that are options of the same name, as cures have them: "pass freq, e.g. freq='D'".
_ARGUMENT = re.compile(
    r"(?:(?<=pass )|(?<=e\.g\. )|^)(id_col|time_col|target_col|freq|season_length|n_windows)\b(=?)"
)
_WIDTH = 100  # where standard output is no terminal, which would have a width of its own


class Session:
    """What a command says: an answer on standard output, progress and errors on standard error.

    Args:
        as_json: Answer with one JSON object instead of words.
        quiet: Say nothing but errors (and the JSON object).
        debug: Show tracebacks.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False, debug: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.debug = debug

    @property
    def talks(self) -> bool:
        """Whether the answer is words."""
        return not (self.as_json or self.quiet)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show the stages of a job inside the block.

        Yields:
            What to hand to the job.
        """
        from pipelines.cli.progress import LogProgress, QuietProgress, terminal_progress

        if self.quiet:
            yield QuietProgress()
        elif sys.stderr.isatty():
            with terminal_progress() as progress:
                yield progress
        else:
            yield LogProgress()

    def console(self) -> Console:
        """Return where tables and sentences go."""
        from rich.console import Console

        return Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)

    def answer(self, record: dict[str, Any]) -> None:
        """Print the JSON object, if one was asked for.

        Args:
            record: The answer for machines.
        """
        if self.as_json:
            from pipelines.jobs.files import plain

            typer.echo(json.dumps(plain(record), ensure_ascii=False, allow_nan=False))

    def complain(self, error: Exception, kind: str, code: int) -> None:
        """Print an error.

        Args:
            error: What was raised.
            kind: What stands before its text.
            code: Exit code that will follow.
        """
        message = as_options(redacted(str(error)))  # libraries quote addresses with the passwords in them
        if self.debug:
            typer.echo(redacted("".join(traceback.format_exception(error))), err=True, nl=False)
        else:
            typer.secho(f"{kind}: {message}", err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)
        self.answer_error(error, message, code)

    def answer_error(self, error: Exception, message: str, code: int) -> None:
        """Print the JSON object of an error, if one was asked for.

        Args:
            error: What was raised.
            message: Its text.
            code: Exit code that will follow.
        """
        self.answer({"error": {"type": type(error).__name__, "message": message, "exit_code": code}})


def as_options(message: str) -> str:
    """Write the cure of an error, what follows a semicolon after what was received, in options.

    Args:
        message: What a function says of its arguments.

    Returns:
        The same for the command line.

    Example:
        >>> as_options("Stamps must lie on the grid of freq='D'. Received: ...; pass freq, e.g. freq='h'.")
        "Stamps must lie on the grid of freq='D'. Received: ...; pass --freq, e.g. --freq 'h'."
    """
    rule, received, rest = message.partition("Received:")
    what, semicolon, cure = rest.partition("; ")

    def option(found: re.Match[str]) -> str:
        return f"--{found[1].replace('_', '-')}{' ' * bool(found[2])}"

    return rule + received + what + semicolon + _ARGUMENT.sub(option, cure)


@contextmanager
def session(as_json: bool = False, quiet: bool = False, debug: bool = False) -> Iterator[Session]:
    """Run a command: errors become a sentence and an exit code, and signals end it in order.

    Args:
        as_json: See `Session`.
        quiet: See `Session`.
        debug: See `Session`.

    Yields:
        The session.

    Raises:
        typer.Exit: With the code of an error.

    Example:
        >>> from pipelines.errors import PanelError
        >>> try:
        ...     with session():
        ...         raise PanelError("The frame must have a column 'y'.")
        ... except typer.Exit as end:
        ...     end.exit_code
        65
    """
    from pipelines.jobs.signals import stop_in_order

    current = Session(as_json, quiet, debug)
    try:
        with stop_in_order():
            yield current
    except ForecastingError as error:
        current.complain(error, "Error", error.exit_code)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt as stop:
        typer.echo(f"Interrupted. {stop}".rstrip(), err=True)
        raise typer.Exit(INTERRUPTED) from None
    except SystemExit as stop:
        if isinstance(stop.code, int) and stop.code > _SIGNALLED:
            typer.echo(f"Stopped by {signal.Signals(stop.code - _SIGNALLED).name}.", err=True)
        raise
    except typer.BadParameter as error:
        current.answer_error(error, error.format_message(), USAGE_ERROR)
        raise
    except (typer.Exit, BrokenPipeError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            full = BusyError(
                f"Disks must have room for what is written. Received: {error}; free some, or name a folder "
                "on another disk."
            )
            full.__cause__ = error
            current.complain(full, "Error", full.exit_code)
            raise typer.Exit(full.exit_code) from None
        if isinstance(error, OSError) and error.errno in _TOO_LONG:
            unusable = ConfigError(f"A path must be one that the disk can have. Received: {error}.")
            current.complain(unusable, "Error", unusable.exit_code)
            raise typer.Exit(unusable.exit_code) from None
        kind = f"Unexpected error (--debug shows where), {type(error).__name__}"
        current.complain(error, kind, UNEXPECTED)
        raise typer.Exit(UNEXPECTED) from None
