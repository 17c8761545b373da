"""The steps of a transform, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from pipelines.panel import Panel
from pipelines.store import PanelStore
from pipelines.transforms.difference import Difference
from pipelines.transforms.power import BoxCox, Log
from pipelines.transforms.scaled import Asinh, Standardized
from pipelines.transforms.step import Inverse, Step

_KINDS: Final[dict[str, Callable[[Mapping[str, Any]], Step]]] = {
    "log": lambda values: Log(**values),
    "box-cox": lambda values: BoxCox(**values),
    "standardized": Standardized.from_dict,
    "asinh": lambda values: Asinh(**values),
    "difference": lambda values: Difference(**values),
}


@dataclass(frozen=True)
class TargetTransform:
    """What a fit learned of how to transform the target: what a new panel needs to be read in the same way.

    Attributes:
        steps: Names and steps, in the order in which they are applied.
    """

    steps: tuple[tuple[str, Step], ...]

    @classmethod
    def fit(
        cls, name: str | None, panel: Panel, season_length: int, one_scale: bool
    ) -> TargetTransform | None:
        """Learn from the rows of a fit.

        Args:
            name: "log", "asinh", "box-cox" or "difference"; None for none of them.
            panel: The rows.
            season_length: Steps in a season.
            one_scale: Whether the values, or those that are differenced, are to be of about the size of 1.

        Returns:
            What was learned; None if nothing is asked for.

        Raises:
            PanelError: If the transform has no meaning for a value.
        """
        steps: list[tuple[str, Step]] = []
        if name == "log":
            steps.append((name, Log()))
        if name == "box-cox":
            steps.append((name, BoxCox.fit(panel)))
        if one_scale or name == "asinh":
            steps.append(("standardized", Standardized.fit(_through(steps, panel)[0])))
        if name == "asinh":
            steps.append((name, Asinh()))
        if name == "difference":
            steps.append((name, Difference(season_length)))
        return cls(tuple(steps)) if steps else None

    @classmethod
    def fit_parts(
        cls, name: str | None, store: PanelStore, season_length: int, one_scale: bool
    ) -> TargetTransform | None:
        """Learn from the rows of a fit that lie on disk; the same as ``fit`` learns from them in memory.

        Args:
            name: As for ``fit``.
            store: The rows.
            season_length: Steps in a season.
            one_scale: As for ``fit``.

        Returns:
            What was learned; None if nothing is asked for.

        Raises:
            PanelError: If the transform has no meaning for a value.
        """
        if name is None and not one_scale:
            return None
        # No step but Box and Cox's learns from several series at once.
        some = BoxCox.chosen(store.n_series) if name == "box-cox" else np.zeros(1, np.int64)
        learned = cls.fit(name, store.select(some), season_length, one_scale)
        steps = [*(() if learned is None else learned.steps)]
        for i, (kind, _) in enumerate(steps):
            if kind == "standardized":
                parts = [Standardized.fit(_through(steps[:i], panel)[0]) for panel in store.parts()]
                steps[i] = kind, Standardized.joined(parts)
        return cls(tuple(steps))

    @classmethod
    def from_list(cls, values: Sequence[Mapping[str, Any]]) -> TargetTransform:
        """Make one from what ``to_list`` gave."""
        steps = [{**step} for step in values]
        return cls(tuple((kind, _KINDS[kind](step)) for step in steps for kind in [step.pop("kind")]))

    @property
    def note(self) -> str:
        """Line for the plan."""
        return f"target: {', then '.join(step.note for _, step in self.steps)}"

    def to_list(self) -> list[dict[str, Any]]:
        """Return the steps as JSON-able values."""
        return [{"kind": name, **step.to_dict()} for name, step in self.steps]

    def apply(self, panel: Panel) -> tuple[Panel, tuple[Inverse, ...]]:
        """Transform the values of a panel.

        Args:
            panel: The series.

        Returns:
            The panel with other values, and the way back of each step, the first step first.

        Raises:
            PanelError: If the transform has no meaning for a value.
        """
        return _through(self.steps, panel)


def _through(steps: Sequence[tuple[str, Step]], panel: Panel) -> tuple[Panel, tuple[Inverse, ...]]:
    inverses = []
    for _, step in steps:
        values, inverse = step.apply(panel)
        panel = replace(panel, values=values)
        inverses.append(inverse)
    return panel, tuple(inverses)
