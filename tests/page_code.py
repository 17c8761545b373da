"""Code of pages that needs an extra: blocks of the language ``py``, each with what it prints."""

import contextlib
import io
import re
from pathlib import Path

import pipelines
import pipelines.plan

DOCS = Path(pipelines.__file__).resolve().parent.parent / "docs"
BLOCKS = re.compile(r"^```py\n(.*?)^```\n+```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_code_of(page, monkeypatch):
    """Run the blocks of a page with short trainings, compare what they print; return how many there are."""
    monkeypatch.setattr(pipelines.plan, "_PRESETS", dict.fromkeys(pipelines.plan._PRESETS, (1, 0.05)))
    monkeypatch.setattr(pipelines.plan, "_LONGEST_FIELD", 8)
    namespace, blocks = {}, BLOCKS.findall((DOCS / page).read_text(encoding="utf-8"))
    for code, said in blocks:
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            exec(compile(code, page, "exec"), namespace)
        assert stream.getvalue().split() == said.split()
    return len(blocks)
