"""What a fit will do, derived from the settings and the panel before any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from pipelines.choices import Loss, Scaling
from pipelines.config import Settings
from pipelines.errors import PanelError
from pipelines.frequency import season_length_of
from pipelines.panel import Panel
from pipelines.store import PanelStore
from pipelines.windows import CovariateTable, Facts, SeriesTable, StoredTable, demand_note
from pipelines.wording import counted
from tcn.receptive_field import dilations_for, receptive_field

QUANTILES: Final = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Probabilities that the network is trained on; other levels are interpolated between them."""

# Members of the ensemble, and factor on the number of steps.
_PRESETS: Final = {"fast": (2, 0.25), "default": (6, 1.0), "best": (10, 2.0)}
# A stack that sees more positions than this costs more than it gains: seasonal differences reach further.
_LONGEST_FIELD: Final = 192
_MAX_LOOKBACK: Final = 1440
_ORIGINS_PER_STEP: Final = 256  # of each member
_LOOKS: Final = 20
_STEPS_FOR_FEW: Final = 700
_STEPS_FOR_FEW_AHEAD: Final = 1000  # what is known ahead takes longer to learn
_LEARNING_RATE: Final = 2e-3
_MANY_SERIES: Final = 100
_LONG_LOOKBACK: Final = 100
# Channels of an origin's state, and of the codes of steps ahead and where both meet.
_WIDTH: Final = 128
_CODE: Final = 32
_MEETING: Final = 64
# Numbers that heads make of each step ahead, where it is not one for each quantile.
_HEAD_OUTPUTS: Final = {"hurdle": 3, "normal": 2, "laplace": 2}
# What a part of a store takes while it is read, and what is kept of each of its series.
_STORED_BYTES: Final = 400 * 2**20
_SERIES_BYTES: Final = 200
# Rows are counted in 32 bits, and reach beyond both ends of the panel by a look-back or a horizon.
MAX_ROWS: Final = 2**31 - 2**20


@dataclass(frozen=True)
class Plan:
    """Sizes and choices of a fit; ``str`` gives a table, ``to_dict`` plain values.

    Attributes:
        freq: Frequency of the data.
        horizon: Steps ahead.
        season_length: Steps in a season.
        series: Number of series.
        rows: Rows on the regular grid.
        observations: Rows with a value.
        origins: Origins that training can draw from.
        lookback: Steps of the long-kernel window.
        receptive_field: Steps that the dilated stack sees.
        dilations: Dilation rate of each of its blocks.
        kernel_size: Taps of its convolutions.
        filters: Channels of the stack.
        phases: Calendar positions that the network can tell apart.
        members: Size of the ensemble.
        parameters: Trainable weights of all members.
        steps: Training steps.
        chunks: Chunks per member and step.
        origins_per_chunk: Origins in each chunk.
        learning_rate: Peak of the schedule.
        memory_mb: Estimate of the memory that the panel and a training step take, without TensorFlow's own.
        seconds: Rough estimate of the training time on two cores.
        notes: What is special about the data, and how series that cannot teach are forecast.
        past_channels: Covariates that are known up to each row.
        ahead_features: Features of the steps ahead.
        static_features: Features of a series that do not change.
        known_steps: Steps ahead for which each feature of them is known; empty if all are for the horizon.
        further_seasons: Steps in each season beside the main one.
        difference: Steps back to which changes are forecast; 0 if values are.
        global_scale: Whether each member sees levels as they are; empty if none does.
        head: What quantiles are made by.
        fill_gaps: Whether the network is shown a missing value as that of a season before.
        jitter: Noise that training adds to the values that are looked back on, in usual changes.
        architecture: What the dilated stack is made of.
        loss: What training minimizes.
        stretch: Spread of the random factors that training multiplies stretches of series by.

    Example:
        >>> from pipelines import Forecaster, datasets
        >>> plan = Forecaster(horizon=12).plan(datasets.load("us_unemployment"))
        >>> plan.series, plan.season_length, Plan.from_dict(plan.to_dict()) == plan
        (14, 12, True)
    """

    freq: str
    horizon: int
    season_length: int
    series: int
    rows: int
    observations: int
    origins: int
    lookback: int
    receptive_field: int
    dilations: tuple[int, ...]
    kernel_size: int
    filters: int
    phases: int
    members: int
    parameters: int
    steps: int
    chunks: int
    origins_per_chunk: int
    learning_rate: float
    memory_mb: int
    seconds: int
    notes: tuple[str, ...]
    past_channels: int = 0
    ahead_features: int = 0
    static_features: int = 0
    known_steps: tuple[int, ...] = ()
    further_seasons: tuple[int, ...] = ()
    difference: int = 0
    global_scale: tuple[bool, ...] = ()
    head: str = "quantile"
    fill_gaps: bool = False
    jitter: float = 0.0
    architecture: str = "tcn"
    loss: Loss = "quantile"
    stretch: float = 0.0

    @property
    def seasons(self) -> tuple[int, ...]:
        """Steps in each season, the main one first."""
        return (self.season_length, *self.further_seasons)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """Make a plan from what ``to_dict`` gave.

        Args:
            values: As ``to_dict`` gave them.

        Returns:
            The plan.
        """
        fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def __str__(self) -> str:
        """Return a line per field, the notes last."""
        fields = {name: value for name, value in self.to_dict().items() if name != "notes"}
        width = max(map(len, fields))
        lines = [f"{name:<{width}}  {_readable(value)}" for name, value in fields.items()]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def make_plan(settings: Settings, panel: Panel, table: SeriesTable) -> Plan:
    """Derive everything that the settings leave open.

    Args:
        settings: What the user asked for.
        panel: The series.
        table: The same series as the network reads them.

    Returns:
        The plan.
    """
    return plan_of(settings, panel, table, Facts.of(panel, table, season_of(settings, panel)))


def plan_of(settings: Settings, panel: Panel | PanelStore, table: SeriesTable, facts: Facts) -> Plan:
    """Derive everything that the settings leave open, for series in memory or not.

    Args:
        settings: What the user asked for.
        panel: The series.
        table: The same series as the network reads them.
        facts: What is to be said of their rows.

    Returns:
        The plan.
    """
    horizon, (season, *further) = settings.horizon, seasons_of(settings, panel)
    lookback = (
        settings.lookback if settings.lookback != "auto" else _lookback(horizon, season, further, panel)
    )
    kernel_size = 3 if settings.kernel_size == "auto" else settings.kernel_size
    dilations = (
        dilations_for(_field(lookback, season), kernel_size)
        if settings.dilations == "auto"
        else settings.dilations
    )
    filters = 32 if settings.filters == "auto" else settings.filters
    members, origins_per_chunk = _ensemble(settings, panel, lookback)
    chunks = _ORIGINS_PER_STEP // origins_per_chunk
    outputs = _HEAD_OUTPUTS.get(settings.head, len(QUANTILES))
    observations = facts.observations
    origins = int(table.origins.sum())
    covariates = _Covariates.of(table.covariates)
    few = _STEPS_FOR_FEW_AHEAD if covariates.ahead else _STEPS_FOR_FEW
    steps = _steps(settings, panel.n_series, observations, origins, few)
    field = receptive_field(kernel_size, dilations)
    stack = _stack_parameters(settings.architecture, filters, kernel_size, len(dilations))
    weights = _parameters(horizon, lookback, stack, table.phases, outputs)
    weights += covariates.parameters(horizon, filters, outputs) + len(further) * (filters + _WIDTH)
    span = max(lookback, field + max(2 * max(season, 8), *further, 0)) + origins_per_chunk
    windows = 6 * origins_per_chunk * (lookback + horizon * (len(QUANTILES) + covariates.numbers_of_a_step))
    step_bytes = 4 * members * chunks * (windows + 20 * span * filters)
    steps_of_stack = (field + origins_per_chunk) * len(dilations) * 7 * filters**2
    products = origins_per_chunk * weights + steps_of_stack + covariates.products(horizon, origins_per_chunk)
    flops = 6 * members * chunks * products
    is_stored = isinstance(table, StoredTable)
    held = _STORED_BYTES + panel.n_series * _SERIES_BYTES if is_stored else panel.n_rows * 14
    return Plan(
        freq=panel.freq.text,
        horizon=horizon,
        season_length=season,
        series=panel.n_series,
        rows=panel.n_rows,
        observations=observations,
        origins=origins,
        lookback=lookback,
        receptive_field=field,
        dilations=tuple(dilations),
        kernel_size=kernel_size,
        filters=filters,
        phases=table.phases,
        members=members,
        parameters=members * weights,
        steps=steps,
        chunks=chunks,
        origins_per_chunk=origins_per_chunk,
        learning_rate=_LEARNING_RATE if settings.learning_rate == "auto" else settings.learning_rate,
        memory_mb=round((held + covariates.bytes + step_bytes + 16 * members * weights) / 2**20),
        seconds=round(steps * flops / 60e9) + 6,
        notes=_notes(settings, table, facts, steps),
        past_channels=covariates.past,
        ahead_features=covariates.ahead,
        static_features=covariates.static,
        known_steps=covariates.known_steps,
        further_seasons=tuple(further),
        difference=season if settings.transform == "difference" else 0,
        global_scale=_global_scale(scaling_of(settings, panel), members),
        head=settings.head,
        fill_gaps=season > 1 and table.has_gaps,  # a value that goes on and on is no sign of stillness
        jitter=settings.jitter,
        architecture=settings.architecture,
        loss=settings.loss,
        stretch=settings.stretch,
    )


def check_size(panel: Panel | PanelStore) -> None:
    """Check that rows can be counted in 32 bits, as the compiled steps do.

    Args:
        panel: The series.

    Raises:
        PanelError: If there are too many.
    """
    if panel.n_rows > MAX_ROWS:
        raise PanelError(
            f"A panel must have at most {MAX_ROWS:,} rows. Received: {panel.n_rows:,} rows; "
            "fit groups of series apart, or keep fewer of each with Panel.tail."
        )


def seasons_of(settings: Settings, panel: Panel | PanelStore) -> tuple[int, ...]:
    """Season lengths that were asked for, the main one first, or the natural one of the frequency."""
    asked = season_length_of(panel.freq) if settings.season_length == "auto" else settings.season_length
    return asked if isinstance(asked, tuple) else (asked,)


def season_of(settings: Settings, panel: Panel | PanelStore) -> int:
    """Steps in the main season."""
    return seasons_of(settings, panel)[0]


def scaling_of(settings: Settings, panel: Panel | PanelStore) -> Scaling:
    """How members see a window: as asked for, else in its own units.

    Half of them see levels where something is known of the level to come, and the fit has one series: among
    many, forecasts would depend on which of them a series is.
    """
    if settings.scaling != "auto":
        return settings.scaling
    known_ahead = settings.covariates is not None and settings.covariates.future
    return "mixed" if known_ahead and panel.n_series == 1 and settings.head != "hurdle" else "origin"


def _global_scale(scaling: Scaling, members: int) -> tuple[bool, ...]:
    """Whether each member sees levels as they are: every second one of a mixed ensemble."""
    if scaling == "origin":
        return ()
    return tuple(scaling == "global" or member % 2 == 1 for member in range(members))


def _ensemble(settings: Settings, panel: Panel | PanelStore, lookback: int) -> tuple[int, int]:
    """Members, and origins in a chunk."""
    members, origins_per_chunk = _PRESETS[settings.preset][0], 16
    if panel.n_series >= _MANY_SERIES and lookback >= _LONG_LOOKBACK:
        # Where windows are long and series differ, a step that sees more of them gains more than members do.
        members, origins_per_chunk = -(-2 * members // 3), 4
    return (members if settings.ensemble == "auto" else settings.ensemble), origins_per_chunk


def _steps(settings: Settings, series: int, observations: int, origins: int, few: int) -> int:
    """Training steps: they grow slowly with the data, and none are taken where nothing can be learned."""
    if origins == 0:
        return 0
    if settings.max_steps != "auto":
        return settings.max_steps
    # More looks at the same few origins would only teach their noise.
    looks = _LOOKS * origins / _ORIGINS_PER_STEP
    # A series among many is learned with them; one alone takes up to twice the steps.
    usual = 10 * observations**0.4
    wished = max(usual, min(usual * (1 + 1 / series), few))
    return round(_PRESETS[settings.preset][1] * float(np.clip(min(wished, looks), 100, 2000)))


def _lookback(horizon: int, season: int, further: Sequence[int], panel: Panel | PanelStore) -> int:
    """Two weeks of hours or half-hours, else three seasons; at most half a series, or a season and a bit.

    Of a further season it holds two, where that much is allowed. A window that holds most of its series tells
    the network which origin it is, and it learns them by heart.
    """
    wished = 14 * season if season in (24, 48) else max(2 * horizon, 3 * season)
    wished = max(wished, *(2 * each for each in further), 0)
    longest = int(panel.lengths.max())
    allowed = min(max(longest // 2, season + horizon // 2), longest - horizon // 2)
    return max(min(wished, allowed, max(_MAX_LOOKBACK, 2 * season)), season + 1, 4)


def _field(lookback: int, season: int) -> int:
    """Steps that the dilated stack should see."""
    return max(4 * min(lookback, max(3 * season, 16), _LONGEST_FIELD) // 5, 2)


class _Covariates(NamedTuple):
    """What covariates add to the sizes of a fit."""

    past: int = 0
    ahead: int = 0
    static: int = 0
    known_steps: tuple[int, ...] = ()
    bytes: int = 0

    @classmethod
    def of(cls, table: CovariateTable | None) -> _Covariates:
        if table is None:
            return cls()
        unknown = table.unknown.sum(axis=0)
        known_steps = tuple((table.horizon - unknown).tolist()) if unknown.any() else ()
        return cls(*table.sizes, known_steps, table.past.nbytes + table.ahead.nbytes + table.static.nbytes)

    @property
    def numbers_of_a_step(self) -> int:
        """Numbers that an origin holds of a step ahead."""
        return self.ahead + _CODE + 2 * _MEETING if self.ahead else 0

    def parameters(self, horizon: int, filters: int, outputs: int) -> int:
        """Trainable weights of one member."""
        weights = self.past * filters + self.static * _WIDTH
        if self.ahead:
            weights += (self.ahead + 1) * _CODE + (_CODE + 1) * _CODE + _CODE + (_CODE + 1) * _MEETING
            weights += _WIDTH + (_WIDTH + 1) * horizon * _CODE + _CODE * _MEETING
            weights += _MEETING * outputs + horizon * self.ahead
        return weights

    def products(self, horizon: int, origins: int) -> int:
        """Multiplications for a chunk beside one with each weight for each origin."""
        if not self.ahead:
            return 0
        codes = max(len(set(self.known_steps)), 1) * (origins + horizon)
        meetings = origins * horizon * _MEETING * (_CODE + len(QUANTILES))
        return codes * (self.ahead + _CODE + _MEETING) * _CODE + meetings


def _stack_parameters(architecture: str, filters: int, kernel_size: int, blocks: int) -> int:
    """Trainable weights of the dilated stack of one member."""
    gates, mix = (filters * kernel_size + 1) * 2 * filters, (filters + 1) * filters
    # Blocks of WaveNet mix twice, the last of them once, and have no norms.
    inside = blocks * (filters + gates + mix) if architecture == "tcn" else blocks * (gates + 2 * mix) - mix
    return (4 + 1) * filters + inside + filters + (filters + 1) * _WIDTH


def _parameters(horizon: int, lookback: int, stack: int, phases: int, outputs: int) -> int:
    """Trainable weights of one member."""
    width = _WIDTH
    head = 2 * (width + width * 256 + 256 + 256 * width + width) + width + (width + 1) * horizon * outputs
    embed = phases * width if phases > 1 else 0
    return head + stack + embed + (6 + 1) * width + (2 * lookback + 1) * width + lookback * horizon


def _notes(settings: Settings, table: SeriesTable, facts: Facts, steps: int) -> tuple[str, ...]:
    """What the user should know of the data before training."""
    notes = str(facts.notes).splitlines()
    ends = table.indptr[1:]
    still, empty = table.moved == ends, table.seen == ends
    counts = {
        "teach nothing and are forecast by what the others teach": (table.origins == 0) & ~still,
        "have not changed so far and are forecast as their value": still & ~empty,
        "have no value and are forecast as 0": empty,
    }
    notes += [f"{int(which.sum())} series {what}" for what, which in counts.items() if which.any()]
    if facts.silent:
        notes.append(f"nothing is learned from {counted(facts.silent, 'row')} of long silence")
    demand = demand_note(facts.demand)
    notes += [] if demand is None else [demand]
    if settings.covariates is not None and (ahead := settings.covariates.future):
        names = ", ".join(ahead)
        notes.append(
            f"a forecast needs {names} for the {settings.horizon} steps ahead (future=, --future FILE)"
        )
    if steps == 0:
        notes.append("no training: forecasts repeat the last season around the last value")
    return tuple(notes)


def _readable(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) or "-" if isinstance(value, list) else str(value)
