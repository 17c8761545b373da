"""Which versions of what made a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from pipelines import __version__

LIBRARIES = ("tensorflow", "keras", "numpy", "pandas", "mlflow", "plotly", "pyarrow", "scipy")
# The same library, built for processors alone.
_OTHER_NAMES = {"tensorflow": ("tensorflow-cpu", "tensorflow-intel", "tf-nightly")}


def versions() -> dict[str, str]:
    """List the versions of this package, of Python and of the libraries that results depend on.

    Returns:
        Name to version; libraries that are not installed are left out.

    Example:
        >>> from pipelines import __version__
        >>> versions()["tcn-forecasting"] == __version__
        True
    """
    found = {name: installed_version(name) for name in LIBRARIES}
    libraries = {name: text for name, text in found.items() if text is not None}
    return {"tcn-forecasting": __version__, "python": platform.python_version(), **libraries}


def installed_version(name: str) -> str | None:
    """Find the version of a library without importing it.

    Args:
        name: Name of its distribution.

    Returns:
        The version, or None if it is not installed.

    Example:
        >>> installed_version("no-such-library") is None
        True
    """
    for candidate in (name, *_OTHER_NAMES.get(name, ())):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return None
