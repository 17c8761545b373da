"""What must not be read by others: passwords and tokens in addresses and messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pipelines.redaction import redacted

if TYPE_CHECKING:
    from pipelines.nightly.settings import JobSettings

_NAMES: Final = (
    r"pass(?:word|wd|phrase)?|pwd|token|secret|api[-_]?key|access[-_]?key|credential|sig(?:nature)?"
)
_OPTION: Final = re.compile(rf"(?i)([?&;\s][\w-]*(?:{_NAMES})[\w-]*=)[^&;\s'\"]+")
_LONG: Final = 20  # letters that make a part of a path a token
_SHORT: Final = 3  # a password of fewer letters occurs by chance


def holds_secret(address: str, paths: bool = False) -> bool:
    """Say whether an address is one that lets its readers in.

    Args:
        address: URL or path.
        paths: Whether long parts of its path count, as those of webhooks.

    Returns:
        Whether it has a password or a token.

    Example:
        >>> holds_secret("postgresql://ann:pw@host/db"), holds_secret("postgresql://ann@host/db")
        (True, False)
        >>> holds_secret("https://chat.example/hooks/T0123456789abcdefghi", paths=True)
        True
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return "@" in address
    user = _user(address)
    options = any(re.search(_NAMES, name, re.IGNORECASE) for name, _ in parse_qsl(parts.query))
    token = paths and any(len(part) >= _LONG for part in parts.path.split("/"))
    return ":" in user or options or token or (paths and bool(user or parts.query))


def hide(text: str, job: JobSettings | None = None) -> str:
    """Put stars in place of what must not be read.

    Args:
        text: Message or address.
        job: Whose own passwords are looked for, too.

    Returns:
        The text without users and passwords of addresses, tokens, and secrets of the job.

    Example:
        >>> hide("no route to postgresql://ann:pw@host/db?sslpassword=pw")
        'no route to postgresql://***@host/db?sslpassword=***'
    """
    for secret in sorted(_secrets_of(job), key=len, reverse=True):
        text = text.replace(secret, "***")
    return _OPTION.sub(r"\1***", redacted(text))


def hidden(value: Any, job: JobSettings | None = None) -> Any:
    """Put stars into all texts of what is written as JSON.

    Args:
        value: Mapping, sequence, text, or anything else, which is returned as it is.
        job: Whose own passwords are looked for, too.

    Returns:
        The same without secrets.

    Example:
        >>> hidden({"where": ["http://ann:pw@host"], "rows": 3})
        {'where': ['http://***@host'], 'rows': 3}
    """
    if isinstance(value, str):
        return hide(value, job)
    if isinstance(value, Mapping):
        return {key: hidden(item, job) for key, item in value.items()}
    return [hidden(item, job) for item in value] if isinstance(value, list | tuple) else value


def _secrets_of(job: JobSettings | None) -> set[str]:
    if job is None:
        return set()
    urls = [
        url.get_secret_value()
        for url in (job.source.url, job.sink.url, job.notify.webhook)
        if url is not None
    ]
    places = (job.source.path, job.source.static, job.sink.path, job.tracking.uri, job.partitions.address)
    found = {secret for address in (*urls, *filter(None, places)) for secret in _secrets_in(address)}
    if job.notify.webhook is not None:
        address = job.notify.webhook.get_secret_value()
        parts = urlsplit(address)
        found |= {address, parts.path if len(parts.path) >= _LONG else "", parts.query}
    return {secret for secret in found if len(secret) >= _SHORT}


def _secrets_in(address: str) -> set[str]:
    """Passwords and tokens of an address; a path has none."""
    _, sign, rest = address.partition("://")
    if not sign:
        return set()
    password = _user(address).partition(":")[2]
    pairs = parse_qsl(rest.partition("?")[2])
    options = (value for name, value in pairs if re.search(_NAMES, name, re.IGNORECASE))
    return {password, unquote(password), *options}


def _user(address: str) -> str:
    """What stands before the last "@": a password may hold any sign, also those that end a host."""
    return address.partition("://")[2].rpartition("@")[0]
