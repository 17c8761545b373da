"""Forecasts of a night: by the champion, and where it cannot, in the open, by whoever comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.baselines import forecast_baselines
from pipelines.errors import PanelError
from pipelines.nightly.champions import NAIVE, loaded, name_of
from pipelines.nightly.gates import failing_series, never_negative
from pipelines.nightly.history import read_history, unobserved_since, up_to
from pipelines.nightly.matching import MODEL, RAW, season_of
from pipelines.nightly.partitions import forecast_partitions
from pipelines.nightly.records import Finding
from pipelines.nightly.widths import apply_widths
from pipelines.panel import show

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from pipelines.forecaster import Forecaster
    from pipelines.nightly.records import Cutoff, Snapshot, Version
    from pipelines.nightly.settings import JobSettings
    from pipelines.panel import Panel
    from pipelines.workers import Workers

_NAMED: Final = 5  # series that a message names


@dataclass(frozen=True)
class NightForecast:
    """What a night publishes, and what there is to say of it.

    Args:
        frame: Id, time, cutoff, the forecast, its intervals and ``model``; then what is kept beside: these
            three as the networks gave them, and those of SeasonalNaive.
        published: The columns that are published.
        models: Name of each model to its number of series.
        findings: What is odd.
        new: Series that the champion has not been trained on.
        vanished: Series that are no longer forecast.
        champion: Number of the version that has forecast, the first in line of several; None if none has.
    """

    frame: pd.DataFrame
    published: tuple[str, ...]
    models: Mapping[str, int]
    findings: Sequence[Finding] = ()
    new: Sequence[str] = ()
    vanished: Sequence[str] = ()
    champion: int | None = None


def forecast_night(
    snapshot: Snapshot,
    line: list[Version],
    job: JobSettings,
    cutoff: Cutoff,
    widths: Mapping[float, float],
    aside: Finding | None = None,
    workers: Workers | None = None,
) -> NightForecast:
    """Forecast the steps after a cutoff for every series that is still alive.

    Args:
        snapshot: The data.
        line: Who may forecast, the champion first.
        job: Settings, with the frequency of the data where it is known.
        cutoff: Last time stamp to know.
        widths: Factor of the width of each level's interval.
        aside: Why seasonal naive forecasts in place of the champion, whose forecast is only kept; None if it
            does not.
        workers: Who forecasts partitions; None for this process.

    Returns:
        The forecast: finite and ordered in every row, whoever made it.

    Raises:
        PanelError: If the data cannot be used, or no series is alive.
    """
    findings: list[Finding] = []
    candidates = loaded(line, findings)
    first = next(candidates, None)
    plan = first[1].plan_ if first else None
    panel = up_to(read_history(snapshot, job.model, job.model.freq), cutoff)
    if missing := sorted({*snapshot.history[job.model.id_col].unique()} - {*panel.ids.tolist()}, key=str):
        findings.append(_without_static(missing))
    season = plan.season_length if plan else season_of(panel, job)
    # With nothing left to look back on, a series has vanished; a short panel is looked back on as a whole.
    unseen = unobserved_since(panel)
    alive = unseen < min(plan.lookback if plan else 2 * season, int(panel.lengths.max()))
    if vanished := panel.ids[~alive].tolist():
        findings.append(_vanished(vanished))
    if not alive.any():
        raise PanelError(
            f"A night must have a series to forecast. Received: {panel.n_series:,}, all without a value for "
            f"{int(unseen.min()):,} steps before {cutoff}; see where the data end."
        )
    desk = _Desk(job, snapshot, panel.select(alive), season, findings)
    while first is not None and desk.asked.any():
        version, forecaster = first
        desk.take(version, forecaster, widths if version is line[0] else {}, workers)
        first = next(candidates, None) if desk.asked.any() else None
    return desk.result(line, [str(name) for name in vanished], aside)


class _Desk:
    """Forecasts of a night as they come in; what nobody has made yet is seasonal naive's.

    Args:
        job: Settings.
        snapshot: The data.
        panel: The series that are alive, up to the cutoff.
        season: Steps in the main season.
        findings: Takes what is odd.
    """

    def __init__(
        self, job: JobSettings, snapshot: Snapshot, panel: Panel, season: int, findings: list[Finding]
    ) -> None:
        self.job, self.snapshot, self.panel = job, snapshot, panel
        self.findings = findings
        self.waiting = np.ones(panel.n_series, bool)  # for a network that can forecast them
        self.lacking = np.zeros(panel.n_series, bool)  # what any network needs
        self.naive = forecast_baselines(panel, job.model.horizon, season, job.model.levels)
        self.columns = list(forecast_columns(job))
        self.values, self.raw = self._naive_values(), self._naive_values()
        self.models = np.full(panel.n_series, NAIVE, object)

    @property
    def asked(self) -> npt.NDArray[np.bool_]:
        """Which series the next network is to forecast."""
        return self.waiting & ~self.lacking

    def take(
        self,
        version: Version,
        forecaster: Forecaster,
        widths: Mapping[float, float],
        workers: Workers | None,
    ) -> None:
        """Let a version forecast what is waiting, and take what passes the gates.

        Args:
            version: The version.
            forecaster: What was loaded of it.
            widths: Factor of the width of each level's interval.
            workers: Who forecasts partitions.
        """
        job = self.job
        made, lacks = forecast_partitions(
            forecaster, version.bundle, self.panel.select(self.asked), self.snapshot.future, job, workers
        )
        if lacks:
            self.findings.append(_lacking(lacks))
            self.lacking |= np.isin(self.panel.ids, np.asarray([*lacks], self.panel.ids.dtype))
        asked = np.flatnonzero(self.asked)
        wide = apply_widths(made, widths, job)
        failing = failing_series(wide, self.snapshot.history, job)
        if len(failing) > job.gates.max_series * self.panel.n_series:
            self.findings.append(_set_aside(version, failing, self.panel.n_series))
            return
        if failing:
            self.findings.append(_failing(version, failing))
        good = np.array([name not in failing for name in self.panel.ids[asked].tolist()])
        rows, kept = np.repeat(self.asked, job.model.horizon), np.repeat(good, job.model.horizon)
        rows[rows] = kept
        for target, source in ((self.values, wide), (self.raw, made)):
            target.loc[rows, self.columns] = source.loc[kept, self.columns].to_numpy()
        self.models[asked[good]] = name_of(job.model.alias, version)
        self.waiting[asked[good]] = False

    def result(
        self, line: Sequence[Version], vanished: Sequence[str], aside: Finding | None
    ) -> NightForecast:
        """Return the forecast.

        Args:
            line: Who might forecast, the champion first.
            vanished: Series that are not forecast.
            aside: Why all of it is seasonal naive's.
        """
        model, horizon = self.job.model, self.job.model.horizon
        made_by = np.repeat(self.models, horizon)
        if aside is not None:
            self.findings.append(aside)
            self.values, self.models = self._naive_values(), np.full(self.panel.n_series, NAIVE, object)
        elif self.waiting.any():
            self.findings.append(_fallback(self.panel.ids[self.waiting].tolist(), bool(line)))
        keys = self.naive[[model.id_col, model.time_col]].assign(
            cutoff=self.panel.frame_time(np.repeat(self.panel.last_stamps, horizon))
        )
        published = keys.join(self.values).assign(**{MODEL: np.repeat(self.models, horizon)})
        made = self.raw.assign(**{MODEL: made_by}).add_prefix(RAW)
        naive = self.naive[[name for name in self.naive.columns if str(name).startswith(NAIVE)]]
        names, counts = np.unique(self.models.astype(str), return_counts=True)
        own = {name_of(model.alias, version): version for version in line}
        used = [own[name] for name in names.tolist() if name in own]
        return NightForecast(
            frame=published.join(made).join(naive),
            published=tuple(published.columns),
            models=dict(zip(names.tolist(), counts.tolist(), strict=True)),
            findings=self.findings,
            new=_unknown(self.panel, line[0]) if line else (),
            vanished=vanished,
            champion=min(used, key=line.index).number if used else None,
        )

    def _naive_values(self) -> pd.DataFrame:
        """Forecasts of seasonal naive, in the columns of the forecast, within the range of its values."""
        own = [name.replace(self.job.model.alias, NAIVE, 1) for name in self.columns]
        values = self.naive[own].set_axis(self.columns, axis=1)
        return values.clip(lower=0.0) if never_negative(self.snapshot.history, self.job) else values


def forecast_columns(job: JobSettings) -> tuple[str, ...]:
    """Names of the columns of a forecast: the median, then the bounds of its intervals from the outermost in.

    Args:
        job: Settings.

    Returns:
        Such as ``TCN``, ``TCN-lo-80``, ``TCN-hi-80``.
    """
    alias = job.model.alias
    bounds = (f"{alias}-{side}-{level:g}" for level in job.model.levels for side in ("lo", "hi"))
    return (alias, *bounds)


def _unknown(panel: Panel, version: Version) -> list[str]:
    known = set(version.record.get("series", ()))
    return [str(name) for name in panel.ids.tolist() if str(name) not in known]


def _set_aside(version: Version, failing: Mapping[object, str], total: int) -> Finding:
    series, why = next(iter(failing.items()))
    return Finding(
        "gates",
        "warn",
        f"Version {version.number} is set aside for the night: its forecasts of {len(failing):,} of "
        f"{total:,} series failed, first that of {show(series)}, {why}.",
        value=len(failing) / total,
    )


def _failing(version: Version, failing: Mapping[object, str]) -> Finding:
    named = "; ".join(f"{show(series)}, {why}" for series, why in list(failing.items())[:_NAMED])
    return Finding(
        "gates",
        "warn",
        f"Forecasts of version {version.number} failed for {len(failing):,} series: {named}.",
        value=len(failing),
    )


def _lacking(lacks: Mapping[Any, str]) -> Finding:
    return Finding(
        "future",
        "warn",
        f"{len(lacks):,} series lack future covariates, and are left to SeasonalNaive: "
        f"{_names([*lacks])}. {next(iter(lacks.values()))}",
        len(lacks),
    )


def _fallback(series: list[object], trained: bool) -> Finding:
    why = "no version could forecast them" if trained else "there is no network to use"
    return Finding("fallback", "warn", f"SeasonalNaive forecasts {len(series):,} series: {why}.", len(series))


def _without_static(series: list[object]) -> Finding:
    return Finding(
        "static",
        "warn",
        f"{len(series):,} series have no static covariates, and are not forecast: {_names(series)}.",
        len(series),
    )


def _vanished(series: list[object]) -> Finding:
    return Finding(
        "vanished",
        "warn",
        f"{len(series):,} series have had no value for so long that they are not forecast: {_names(series)}.",
        len(series),
    )


def _names(series: list[object]) -> str:
    return ", ".join(show(each) for each in series[:_NAMED]) + (", ..." if len(series) > _NAMED else "")
