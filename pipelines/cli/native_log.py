"""What TensorFlow's C++ code writes while it is imported, without the lines that say nothing.

``TF_CPP_MIN_LOG_LEVEL`` silences most of them. A few come before its log is set up (that processor
instructions are used, and that the log is not set up yet) and go straight to file descriptor 2, where Python
cannot filter them. So descriptor 2 leads into a file during the import, and all other lines are passed on.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

_STDERR = 2
_CHATTER = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog\(\)")


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is written to standard error inside the block, and drop informational log lines of it.

    Yields:
        Nothing.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    terminal = os.dup(_STDERR)
    try:
        with TemporaryFile() as held:
            os.dup2(held.fileno(), _STDERR)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(terminal, _STDERR)
                held.seek(0)
                rest = b"".join(line for line in held if not _CHATTER.match(line))
                if rest:
                    os.write(_STDERR, rest)
    finally:
        os.close(terminal)
