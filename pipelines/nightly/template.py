"""The file that a job begins with: it runs as it is, and says what else could be said."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from string import Template
from typing import Final

from pipelines import datasets
from pipelines.disk import to_disk
from pipelines.errors import ConfigError
from pipelines.nightly.secrets import holds_secret
from pipelines.nightly.settings import JOB_NAME

_TEMPLATE: Final = Template("""\
# A scheduled job. Check it with: tcn job validate FILE; tcn job schema lists every setting for editors.
# Relative paths are relative to this file. Any setting may come from the environment instead, as
# TCN_JOB_RETRAIN__EVERY=7, and from the command line: tcn job run --set retrain.every=7.
name = $name
# folder = "state"             # what the job keeps; by default a folder of its name

[source]
path = $data
# A table of a database instead; its address, with the password, in TCN_JOB_SOURCE__URL:
# table = "sales"
# known_at = "loaded_at"       # column that says when a row became known
# known_hours = 6              # how long after the cutoff that may be

[sink]
$output# replaced as a whole; beside it a manifest with its SHA-256

[model]                        # arguments of Forecaster
$horizon
$freq
levels = [80, 95]
preset = "fast"                # "default" and "best" take longer to train
# target_col = "sold"
# covariates = { future = ["price"], calendar = "auto" }

[checks]                       # each of them "fail", "warn" or "off"
freshness = "fail"             # is the last row there?
max_lag = 0                    # steps that it may be late by
# deadline_hours = 30          # after the cutoff; until then, missing data mean: try again later (75)
rows = "fail"                  # has the table lost rows or series?
series = "fail"
stamps = "fail"                 # are time stamps in the zone and on the grid of the last night's?
revisions = "fail"              # are values of the size that they were of in the last night?
duplicates = "fail"
gaps = "warn"
shift = "warn"                 # do the values differ from those of the training?

[watch]
nights = 28                    # that errors and coverage are taken over
recalibrate = true             # intervals that have held too little get wider

[retrain]
$every
on_alarm = true
margin = 0.0                   # share by which a challenger must be better

[notify]
# command = ["/usr/local/bin/tell-me"]   # gets JSON on standard input; or TCN_JOB_NOTIFY__WEBHOOK
on = ["failure", "fallback", "alarm"]

[limits]
minutes = 120
""")
_COMMENT: Final = 31  # column of comments


def job_text(name: str, data: str, horizon: int, freq: str | None = None, season: int = 7) -> str:
    """Write the file of a job.

    Args:
        name: Name of the job.
        data: Path or data set.
        horizon: Steps ahead.
        freq: Frequency of the data; None if it is to be filled in.
        season: Steps in a season; the job is retrained every fourth.

    Returns:
        TOML with comments.

    Example:
        >>> print(job_text("rentals", "bike_sharing", 48, "h", 24).splitlines()[3])
        name = "rentals"
    """
    return _TEMPLATE.substitute(
        name=_quoted(name),
        data=_quoted(data),
        output=f"path = {_quoted(name + '-forecasts.parquet')} ".ljust(_COMMENT),
        horizon=_line(f"horizon = {horizon}", "steps ahead"),
        freq=f"freq = {_quoted(freq)}" if freq else _line('# freq = "D"', "by default that of the training"),
        every=_line(f"every = {4 * season}", "steps"),
    )


def write_job(path: Path, data: str, horizon: int | None, name: str | None) -> str:
    """Write the file of a job, where there is none.

    Args:
        path: The file.
        data: Path as seen from the working directory, or data set.
        horizon: Steps ahead; by default those of the data set.
        name: Name of the job; by default that of the file, or of the data.

    Returns:
        Name of the job.

    Raises:
        ConfigError: If there is a file, it cannot be written, the horizon is unknown, the name or the source
            is not allowed, or the address has a password.
    """
    known = datasets.describe(data) if data in datasets.names() else None
    if known is None and horizon is None:
        raise ConfigError(
            "A job must know how far to forecast. Received: no horizon for data of your own; name one with "
            "--horizon."
        )
    if holds_secret(data):
        raise ConfigError(
            "A job file must hold no password or token. Received: an address with one; leave it out, and set "
            "the environment variable TCN_JOB_SOURCE__PATH."
        )
    stem = path.stem if path.stem != "job" else Path(data).stem
    if not _is_text(data):
        raise ConfigError(
            f"A job must have a source whose name is text in UTF-8. Received: {data!r}; name or rename it."
        )
    if name and not re.fullmatch(JOB_NAME, name):
        raise ConfigError(
            "A job's name must be at most 64 letters without accents, digits, '-' and '_', and begin with a "
            f"letter or digit. Received: {name!r}."
        )
    name = name or re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")[:64] or "job"
    text = job_text(
        name,
        data if known or "://" in data else _beside(path, data),
        horizon or (known.horizon if known else 1),
        known.freq if known else None,
        known.season_length if known else 7,
    )
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        to_disk(path)
    except FileExistsError:
        raise ConfigError(
            f"A job file is never replaced. Received: {str(path)!r}, which exists; name another one, or "
            "remove it."
        ) from None
    except OSError as error:
        raise ConfigError(f"A job file must be writable. Received: {path}, {error.strerror}.") from error
    return name


def _beside(path: Path, data: str) -> str:
    """A path as the file sees it; a name that begins with "~" must not be taken for a home folder there."""
    seen = os.path.relpath(os.path.expanduser(data), path.absolute().parent)
    return os.path.join(os.curdir, seen) if seen.startswith("~") else seen


def _is_text(data: str) -> bool:
    try:
        return bool(data.encode("utf-8"))
    except UnicodeEncodeError:  # bytes of a file's name that are no UTF-8
        return False


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _line(setting: str, comment: str) -> str:
    return f"{setting.ljust(_COMMENT)}# {comment}"
