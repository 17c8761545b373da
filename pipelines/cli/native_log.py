"""What TensorFlow's C++ code writes while it is imported, without the lines that say nothing.

``TF_CPP_MIN_LOG_LEVEL`` silences most of them. A few come before its log is set up (that processor
instructions are used, and that the log is not set up yet) and go straight to file descriptor 2, where Python
cannot filter them. So descriptor 2 leads into a file during the import, and all other lines are passed on.
That no GPU was found is an error to TensorFlow; where there is none, it is not.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

_STDERR = 2
_CHATTER = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog\(\)")
_NO_GPU = re.compile(rb"E\d{4} .*failed call to cuInit")
# Where the driver of an NVIDIA GPU shows that there is one, under Linux and under its Windows.
_DRIVERS = (Path("/dev/nvidiactl"), Path("/proc/driver/nvidia"), Path("/dev/dxg"))


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is written to standard error inside the block, and drop lines of it that say nothing.

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
                rest = b"".join(line for line in held if not _says_nothing(line))
                if rest:
                    os.write(_STDERR, rest)
    finally:
        os.close(terminal)


def _says_nothing(line: bytes) -> bool:
    if _NO_GPU.match(line):
        return not any(path.exists() for path in _DRIVERS)
    return _CHATTER.match(line) is not None
