"""Makes the site show the ``Example`` of a docstring as code: the parser knows only ``Examples``."""

from __future__ import annotations

import re
from typing import Any

import griffe


class SingularExamples(griffe.Extension):
    """Renames the section before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
