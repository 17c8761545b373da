"""Run benchmarks and keep what they print for the documentation: ``make bench``, or some by their names.

.venv/bin/python benchmarks/_record.py streaming_step causal_conv1d
.venv/bin/python benchmarks/_record.py --data sets    # also what needs data that are not shipped
.venv/bin/python benchmarks/_record.py --page    # the page alone, from what was kept
"""

from __future__ import annotations

import argparse
import ast
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = HERE / "figures"
PAGE = HERE.parent / "docs" / "measured.md"
LIBRARIES = ("tensorflow", "tensorflow-cpu", "keras", "numpy")
_HEAD = """\
# What the benchmarks print

`make bench` runs every script of `benchmarks/` whose data are shipped or made up, and writes this page.
`make bench DATA=sets` also runs those whose data are not: `sets` is a folder of them, and `--help` of a
script says where they are from. `ONLY="gaps coverage"` runs some. [Benchmarks](benchmarks.md) says what the
figures mean.
"""


def scripts() -> list[Path]:
    """Every benchmark."""
    return sorted(path for path in HERE.glob("*.py") if not path.name.startswith("_"))


def needs_data(script: Path) -> bool:
    """Whether a benchmark reads data that are not shipped."""
    return "from _data import" in script.read_text(encoding="utf-8")


def machine() -> str:
    """Processor, cores and versions in a line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores of {model}; Python {platform.python_version()}, {', '.join(found)}"


def record(script: Path, data: Path | None = None) -> bool:
    """Run a benchmark, show what it prints, keep that, and say whether it came to its end."""
    if needs_data(script) and data is None:
        print(f"== {script.name} is left out: its data are not shipped; pass their folder with --data")
        return True
    print(f"== {script.name}", flush=True)
    lines = []
    command = [sys.executable, "-u", str(script), *(["--data", str(data)] if needs_data(script) else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if running.returncode:
        print(f"{script.name} ended with {running.returncode}; what an earlier run printed stays")
        return False
    KEPT.mkdir(exist_ok=True)
    text = "\n".join([machine(), "", *lines]).rstrip()
    (KEPT / f"{script.stem}.txt").write_text(f"{text}\n", encoding="utf-8")
    return True


def page() -> str:
    """The page of all figures that were kept."""
    parts = [_HEAD]
    for script in scripts():
        kept = KEPT / f"{script.stem}.txt"
        if kept.is_file():
            said = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
            on, _, figures = kept.read_text(encoding="utf-8").partition("\n\n")
            about = " ".join(said.split("\n\n")[0].split())
            parts.append(f"## {script.stem}\n\n{about}\n\n```text\n{figures.rstrip()}\n```\n\n*{on}*\n")
    return "\n".join(parts)


def main() -> None:
    """Run what was asked for, and write the page."""
    known = {script.stem: script for script in scripts()}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*known, []], metavar="NAME", help="default: all")
    parser.add_argument("--data", type=Path, help="folder of data that are not shipped")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    asked = parser.parse_args()
    failed = []
    try:
        for name in () if asked.page else asked.names or known:
            if not record(known[name], asked.data):
                failed.append(name)
    finally:
        PAGE.write_text(page(), encoding="utf-8")
    if failed:
        raise SystemExit(f"These did not come to their end: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
