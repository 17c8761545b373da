"""Word to whoever should hear of a failure, a fallback, an alarm or a promotion; it never stops the job."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pipelines.nightly.secrets import hidden

if TYPE_CHECKING:
    from pipelines.nightly.records import Finding
    from pipelines.nightly.settings import JobSettings, Limits

Event: TypeAlias = Literal["failure", "fallback", "alarm", "promotion"]

_COMMAND_SECONDS: Final = 30.0
_WEB_SECONDS: Final = 10.0  # of a try
_LONGEST_WAIT: Final = 30.0  # of all tries
_FALLBACK: Final = frozenset({"champion", "fallback", "gates"})  # checks that say who could not forecast


def event_of(finding: Finding) -> Event:
    """Say which event a finding is.

    Args:
        finding: What was odd.

    Returns:
        "fallback" where someone else than the champion had to forecast, else "alarm".

    Example:
        >>> from pipelines.nightly.records import Finding
        >>> event_of(Finding("gates", "warn", "")), event_of(Finding("shift", "warn", ""))
        ('fallback', 'alarm')
    """
    return "fallback" if finding.check in _FALLBACK else "alarm"


def notify(job: JobSettings, events: Mapping[Event, Iterable[str]], facts: Mapping[str, Any]) -> list[str]:
    """Send one message on all events of a run that the job is to tell of.

    The command gets it as JSON on standard input and has 30 seconds; the webhook gets it as a POST, again if
    its server is busy or out of reach, for 30 seconds in all. Secrets of the job are taken out.

    Args:
        job: Settings.
        events: Each event and its sentences.
        facts: What else to tell: cutoff, run id, exit code.

    Returns:
        What could not be sent, in sentences.
    """
    told = {event: [*texts] for event, texts in events.items() if event in job.notify.on}
    if not told:
        return []
    messages = [text for texts in told.values() for text in texts]
    record = hidden({"job": job.name, **facts, "events": sorted(told), "messages": messages}, job)
    body = json.dumps(record, default=str, ensure_ascii=False).encode()
    failed = []
    if job.notify.command:
        failed += _run(job.notify.command, body)
    if job.notify.webhook is not None:
        failed += _post(job.notify.webhook.get_secret_value(), body, job.limits)
    return [str(hidden(text, job)) for text in failed]


def _run(command: tuple[str, ...], body: bytes) -> list[str]:
    # A file, not a pipe: a grandchild that keeps a pipe open would keep the job waiting.
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # a null byte in an argument
            return [f"notify.command could not be run: {getattr(error, 'strerror', error)}."]
        with process:
            try:
                process.communicate(body, _COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                _stop(process)
                return [f"notify.command took longer than {_COMMAND_SECONDS:g} s and was stopped."]
            except BaseException:
                _stop(process)
                raise
        if not process.returncode:
            return []
        said.seek(0)
        lines = said.read(4096).decode(errors="replace").strip().splitlines()
        return [f"notify.command ended with {process.returncode}{': ' + lines[-1] if lines else ''}."]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a program, and those that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _post(url: str, body: bytes, limits: Limits) -> list[str]:
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_before_delay, wait_exponential

    tries = Retrying(
        stop=stop_after_attempt(limits.attempts) | stop_before_delay(_LONGEST_WAIT - _WEB_SECONDS),
        wait=wait_exponential(limits.first_wait, max=_LONGEST_WAIT - _WEB_SECONDS),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    try:
        address, login = _login(url)
        headers = {"Content-Type": "application/json", **login}
        request = Request(address, body, headers, method="POST")
        for attempt in tries:
            with attempt, build_opener(_NoRedirects).open(request, timeout=_WEB_SECONDS):
                pass
    except HTTPError as error:
        error.close()
        return [f"notify.webhook answered with status {error.code}."]
    except (OSError, ValueError, HTTPException) as error:  # what is no address, and what is no answer
        return [f"notify.webhook could not be reached: {getattr(error, 'reason', error)}."]
    return []


def _login(url: str) -> tuple[str, dict[str, str]]:
    """An address without its user and password, and the header that they become."""
    parts = urlsplit(url)
    user, sign, host = parts.netloc.rpartition("@")
    if not sign:
        return url, {}
    name, _, password = user.partition(":")
    token = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return parts._replace(netloc=host).geturl(), {"Authorization": f"Basic {token}"}


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, HTTPError):
        return error.code == 429 or error.code >= 500
    return isinstance(error, OSError)


class _NoRedirects(HTTPRedirectHandler):
    """A POST that is redirected would arrive without its message."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow nothing."""
