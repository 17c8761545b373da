"""Addresses, and messages that hold some, without what lets their readers in."""

from __future__ import annotations

import re
from typing import Final

# Up to the last "@": a password may hold any sign, also those that end the name of a host.
_USER: Final = re.compile(r"(?<=://)[^/\s]\S*@")
_PASSWORD: Final = re.compile(r"(?<=[?&])((?:ssl)?password=)[^&\s'\"]*")


def redacted(text: str) -> str:
    """Hide the credentials in an address, or in all addresses of a message.

    Args:
        text: Any address, or any text that may hold some, such as the error of a library.

    Returns:
        The text with ``***`` in place of users and passwords, also of passwords among options.

    Example:
        >>> redacted("http://ann:secret@host:5000")
        'http://***@host:5000'
        >>> redacted("no answer of http://ann:sec/ret@host, try again")
        'no answer of http://***@host, try again'
    """
    return _PASSWORD.sub(r"\1***", _USER.sub("***@", text))
