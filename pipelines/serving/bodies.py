"""Bodies of requests: read up to a bound, and parsed without what JSON does not know."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from typing import Any, Final, NoReturn

from pipelines.serving.problems import Refused

_SECONDS: Final = 30.0  # that a client may take to send a body


async def read_body(chunks: AsyncIterator[bytes], declared: str | None, most: int) -> bytes:
    """Read a body, and stop once it is larger than allowed, whatever its headers say.

    Args:
        chunks: The body as it comes.
        declared: Header ``Content-Length``, or None.
        most: Bytes allowed.

    Returns:
        The body.

    Raises:
        Refused: With status 413 if it is larger, 408 if it takes too long.
    """
    if declared is not None and declared.isdecimal() and int(declared[:20]) > most:
        raise _too_large(most)
    parts, size = [], 0
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                parts.append(chunk)
    except TimeoutError:
        raise Refused(
            408, f"A body must arrive within {_SECONDS:g} s. Received: a part of it; send it again."
        ) from None
    return b"".join(parts)


def parse_json(body: bytes) -> dict[str, Any]:
    """Parse a JSON object strictly.

    Args:
        body: Text in UTF-8.

    Returns:
        The object.

    Raises:
        Refused: With status 400 if it is something else, names a key twice, or holds NaN, Infinity, or a
            number beyond 64 bits.

    Example:
        >>> parse_json(b'{"horizon": 3}')
        {'horizon': 3}
        >>> parse_json(b'{"y": NaN}')
        Traceback (most recent call last):
        pipelines.serving.problems.Refused: A body must hold numbers that JSON knows. Received: NaN; ...
    """
    if not body:
        raise Refused(400, "A body must be a JSON object. Received: nothing; send {} to ask for no more.")
    try:
        found = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_number,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise Refused(400, f"A body must be text in UTF-8. Received: {error}; encode it so.") from None
    except json.JSONDecodeError as error:
        raise Refused(400, f"A body must be JSON. Received: other text ({error}); correct it.") from None
    except RecursionError:
        raise Refused(400, "A body must be flat. Received: values too deep in others; flatten it.") from None
    if b"\\u" in body:
        _check_text(found)
    if not isinstance(found, dict):
        raise Refused(400, f"A body must be a JSON object. Received: {type(found).__name__}; send {{...}}.")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Refused(400, f"Keys must be unique. Received: {twice[:80]!r} twice; keep one.")
    return found


def _check_text(found: Any) -> None:
    """Refuse halves of characters, which only escapes can make."""
    try:
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(
            400, "Text must be whole characters. Received: half of a surrogate pair; escape both halves."
        ) from None


def _no_constant(text: str) -> NoReturn:
    raise Refused(
        400, f"A body must hold numbers that JSON knows. Received: {text}; send null where there is no value."
    )


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Refused(400, f"Numbers must be of 64 bits. Received: {text[:40]}; send a smaller one.")
    return number


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise Refused(400, f"Integers must be of 64 bits. Received: {text[:40]}; send a smaller one.")
    return int(text)


def _too_large(most: int) -> Refused:
    return Refused(
        413, f"A body must be of {most:,} bytes at most. Received: a larger one; send fewer rows at a time."
    )
