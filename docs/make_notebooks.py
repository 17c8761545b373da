"""Make a notebook of each tutorial; the same page gives the same bytes.

Notebooks hold the text and the code of their page, without outputs. Run by hand when a tutorial changes::

    .venv/bin/python docs/make_notebooks.py
"""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat

DOCS = Path(__file__).parent
PAGES = (
    DOCS / "first-forecast.md",
    *(
        DOCS / "tutorials" / f"{name}.md"
        for name in (
            "covariates",
            "many-series",
            "tune-register-serve",
            "streaming",
            "transfer-learning",
            "explaining",
        )
    ),
)
FOLDER = DOCS / "notebooks"
_LINK = re.compile(r"(\]\()(?!https?://|#)([^)]+\))")


def notebook_of(page: Path) -> str:
    """Turn a page into a notebook.

    Args:
        page: Markdown file of ``docs`` or of one of its folders.

    Returns:
        Content of an ``.ipynb`` file.
    """
    text = page.read_text(encoding="utf-8")
    if page.parent == DOCS:  # notebooks lie one folder deeper
        text = _LINK.sub(r"\1../\2", text)
    else:
        text = re.sub(r"(\]\()(?!https?://|#|\.\./)([^)]+\))", rf"\1../{page.parent.name}/\2", text)
    made = jupytext.reads(text, fmt="md")
    made.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = nbformat.from_dict({})
    return nbformat.writes(made, version=4) + "\n"


def notebook_path(page: Path) -> Path:
    """Say where the notebook of a page lies.

    Args:
        page: Markdown file.

    Returns:
        Path of its notebook.
    """
    return FOLDER / f"{page.stem}.ipynb"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for page in PAGES:
        notebook_path(page).write_text(notebook_of(page), encoding="utf-8")
