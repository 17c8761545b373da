"""What a search may choose from, as data: arguments of ``Forecaster`` and what each of them may be."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipelines.config import Settings
from pipelines.errors import ConfigError, PanelError
from pipelines.transforms.step import check_positive
from pipelines.tuning.domains import Choice, Domain, IntRange, domain_of

if TYPE_CHECKING:
    from pipelines.panel import Panel

_POSITIVE: Final = ("log", "box-cox")  # transforms that take values above 0 only

# They say what is forecast or what it is scored by; trials that differ in them could not be compared.
_FIXED: Final = (
    "horizon",
    "freq",
    "levels",
    "seed",
    "time_budget",
    "alias",
    "id_col",
    "time_col",
    "target_col",
    "covariates",
    "target",
    "conformal",
)
_REAL: Final = ("jitter", "learning_rate", "stretch")
TUNABLE: Final = tuple(name for name in Settings.model_fields if name not in _FIXED)
"""Arguments of ``Forecaster`` that a space may hold."""


class SearchSpace(Mapping[str, Domain]):
    """Hyper-parameters, each an argument of ``Forecaster``, and what they may be.

    Args:
        domains: Name to `Choice`, `IntRange`, `Uniform` or `LogUniform`, or to the plain data that
            `domain_of` reads.

    Raises:
        ConfigError: If a name cannot be tuned, or a domain is none.

    Example:
        >>> from pipelines.tuning import Choice, LogUniform, SearchSpace
        >>> space = SearchSpace({"filters": Choice(16, 32), "learning_rate": LogUniform(1e-4, 1e-2)})
        >>> space == SearchSpace(space.to_dict()), len(space)
        (True, 2)
        >>> SearchSpace({"filter": [16, 32]})
        Traceback (most recent call last):
        pipelines.errors.ConfigError: A search space must hold arguments ... Received: 'filter'. ...
    """

    def __init__(self, domains: Mapping[str, Any]) -> None:
        unknown = [name for name in domains if name not in TUNABLE]
        if unknown or not domains:
            raise ConfigError(
                "A search space must hold arguments of Forecaster that leave what is forecast as it is. "
                f"Received: {', '.join(map(repr, unknown)) or 'none'}. Known: {', '.join(TUNABLE)}."
            )
        self._domains = {name: domain_of(name, _real(name, content)) for name, content in domains.items()}

    def __getitem__(self, name: str) -> Domain:
        return self._domains[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._domains)

    def __len__(self) -> int:
        return len(self._domains)

    def __repr__(self) -> str:
        return f"SearchSpace({self._domains!r})"

    @classmethod
    def read(cls, path: str | Path) -> SearchSpace:
        """Read a space from a TOML file.

        Args:
            path: A file such as ``filters = [16, 32]`` and ``lookback = {low = 24, high = 336, step = 24}``.

        Returns:
            The space.

        Raises:
            ConfigError: If it cannot be read.
        """
        try:
            return cls(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                f"A search space must be a TOML file. Received: {str(path)!r} ({error}); write such as "
                "filters = [16, 32]."
            ) from None
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    @property
    def size(self) -> float:
        """Number of points; infinity with a range of real numbers."""
        return math.prod(domain.size for domain in self.values())

    def points(self) -> Iterator[dict[str, Any]]:
        """Give all points of a finite space, one after the other.

        Returns:
            Arguments by name, one after the other.
        """
        parts = [domain.values for domain in self.values() if isinstance(domain, Choice | IntRange)]
        for values in itertools.product(*parts):
            yield dict(zip(self._domains, values, strict=True))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return plain data that the constructor takes."""
        return {name: domain.to_dict() for name, domain in self._domains.items()}

    def check(self, settings: Settings) -> None:
        """See that each value by itself goes with the settings that are not searched.

        Args:
            settings: What all trials share.

        Raises:
            ConfigError: If one does not.
        """
        for name, domain in self._domains.items():
            # Where others are searched too, they may go with it.
            shared = {key: value for key, value in settings if key not in self or key == name}
            for value in domain.examples:
                try:
                    Settings.of({**shared, name: value})
                except ConfigError as error:
                    raise ConfigError(f"A search space must hold what settings may be. {error}") from None

    def check_lookbacks(self, longest: int) -> None:
        """See that no look-back reaches beyond all that there is to train on.

        Args:
            longest: Rows of the longest series before what is forecast of it.

        Raises:
            ConfigError: If one does: of its oldest steps nothing could be learned.
        """
        lookbacks = self._domains.get("lookback")
        most = max(longest, 4)  # what a plan looks back at least
        found = [] if lookbacks is None else [v for v in lookbacks.examples if isinstance(v, int)]
        if found and max(found) > most:
            raise ConfigError(
                f"A look-back must be of {most} steps at most, the rows of the longest series before the "
                f"folds of the search. Received: lookback={max(found)}; leave longer ones out of the space."
            )

    def check_transforms(self, panel: Panel) -> None:
        """See that all rows can be transformed, those too that are held out of the search.

        Args:
            panel: All rows.

        Raises:
            ConfigError: If a logarithm is among the transforms, and a value is not above 0.
        """
        transforms = self._domains.get("transform")
        for value in () if transforms is None else transforms.examples:
            for name in (value,) if isinstance(value, str) else value or ():
                if name not in _POSITIVE:
                    continue
                try:
                    check_positive(panel, name)
                except PanelError as error:
                    raise ConfigError(
                        "A transform of the space must suit all rows, those too that are held out of the "
                        f"search. {error} Leave {name!r} out of the space."
                    ) from None

    def allows(self, settings: Settings, values: Mapping[str, Any]) -> bool:
        """Whether values go together.

        Args:
            settings: What all trials share.
            values: A value of each hyper-parameter.

        Returns:
            Whether a forecaster can be made of them.
        """
        try:
            Settings.of({**dict(settings), **values})
        except ConfigError:
            return False
        return True


def _real(name: str, content: Any) -> Any:
    """Plain data of a range without step, whose ends are real numbers where the argument is one."""
    if name not in _REAL or not isinstance(content, Mapping) or "step" in content:
        return content
    whole = {key: value for key, value in content.items() if key in ("low", "high") and type(value) is int}
    return {**content, **{key: float(value) for key, value in whole.items()}}
