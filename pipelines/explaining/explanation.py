"""What an explanation holds: frames, the shares that they come to, and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipelines.explaining.insides import Field
from pipelines.explaining.periods import period
from pipelines.explaining.words import highlights
from pipelines.frequency import Freq
from pipelines.panel import Columns

if TYPE_CHECKING:
    import plotly.graph_objects as go

FRAMES: Final = (
    "forecast", "steps", "covariates", "covariate_steps", "parts", "filters", "stretches", "deletion",
)  # fmt: skip
"""Names of the frames."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where forecasts come from; made by ``pipelines.explain``.

    All frames but ``filters`` have the column of the ids, and what is in units of the target says so. With
    F steps that the forecast of a series can depend on, and H steps ahead:

    Attributes:
        forecast: A row for each step ahead, H a series: id, ``cutoff``, time, ``step``, the forecast as
            ``predict`` gives it, under the same name; ``network``, the same before rounding and bounds;
            ``baseline``, what the network would say of a series that has stood at its mean all along, with no
            covariate known; ``attributed``, the sum of the gradients of ``steps`` and ``covariates`` and of
            ``change``, what the usual size of changes adds; ``gap``, ``network - baseline - attributed``, 1 %
            of the largest difference to the baseline at most where the forecast is a smooth function of its
            inputs.
        steps: A row for each step of the past and each step ahead, F x H a series: id, ``step``, ``lag``, 0
            at the origin, time, the target; ``gradient``, its integrated gradient; ``hidden``, the forecast
            less that without the value. Units of the target.
        covariates: A row for each covariate and step ahead: id, ``covariate``, ``role`` ("past", "future",
            "static", "holidays", "calendar", "series"), ``step``, ``gradient``, the sum of its integrated
            gradients (NaN for calendar positions that are no numbers), and ``hidden``, the forecast less that
            without the covariate. Units of the target.
        covariate_steps: The same gradients by the row that a value stands in: id, ``covariate``, ``row``, 0
            at the origin, negative before and positive after it, ``step``, ``gradient``.
        parts: A row for each part of the network and step ahead: id, ``step``, ``part``, ``value`` in units
            of the target. They sum to the forecast of ``predict``, to 1e-5 of their size.
        filters: See ``pipelines.explaining.insides.filters_frame``.
        stretches: See ``pipelines.explaining.insides.stretches_frame``.
        deletion: How far a forecast moves when ever more of the past is hidden: id, ``order`` ("gradient",
            "hidden", "random"), ``share`` of the steps, ``change``, the mean distance in units of the target.
        field: How far back the network looks.
        quantile: Which quantile is explained; 0.5 for the forecast itself.
        alias: Column of the forecast: that of the point forecast, or of the quantile, such as ``TCN-q-0.9``.
        columns: Names of the id, time and target columns.
        freq: Frequency of the data.
        seasons: Steps in each season.
        width: Steps that were hidden together.
        notes: What is special about the data or the forecasts.

    Example:
        >>> from pipelines.explaining import FRAMES
        >>> FRAMES[:5]
        ('forecast', 'steps', 'covariates', 'covariate_steps', 'parts')
    """

    forecast: pd.DataFrame
    steps: pd.DataFrame
    covariates: pd.DataFrame
    covariate_steps: pd.DataFrame
    parts: pd.DataFrame
    filters: pd.DataFrame
    stretches: pd.DataFrame
    deletion: pd.DataFrame
    field: Field
    quantile: float
    alias: str
    columns: Columns
    freq: str
    seasons: tuple[int, ...]
    width: int
    notes: tuple[str, ...] = ()

    @property
    def ids(self) -> list[Any]:
        """Series that are explained."""
        return list(self.forecast[self.columns.id_col].drop_duplicates())

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return int(self.forecast["step"].max())

    def period(self, steps: float) -> str:
        """Tell how long some steps take, in the time of the data.

        Args:
            steps: How many.

        Returns:
            Text such as "24 h".
        """
        return period(steps, Freq.parse(self.freq))

    def by_lag(self) -> pd.DataFrame:
        """Which past steps matter, by how far back they lie, on average over series and steps ahead.

        Returns:
            ``lag``, ``label``, and shares ``gradient`` and ``hidden``, which sum to 1, or 0 if nothing
            matters.
        """
        return self._shares(self.steps, "lag").assign(label=self._label_lag)[
            ["lag", "label", "gradient", "hidden"]
        ]

    def by_distance(self) -> pd.DataFrame:
        """Which past steps matter, by how far they lie before the step that is forecast.

        A season shows here as one distance, whatever the step ahead.

        Returns:
            ``distance`` from 1, ``label``, and shares ``gradient`` and ``hidden``.
        """
        distance = self.steps["lag"] + self.steps["step"]
        found = self._shares(self.steps.assign(distance=distance), "distance")
        labels = [self.period(steps) for steps in found["distance"].tolist()]
        return found.assign(label=labels)[["distance", "label", "gradient", "hidden"]]

    def by_covariate(self) -> pd.DataFrame:
        """Which covariates matter, on average over series and steps ahead.

        Returns:
            ``covariate``, ``role``, ``gradient``, its share in what is attributed to the values of the series
            (the first row, under the name of the target) and to all covariates, each summed over its rows;
            ``hidden``, the mean distance that forecasts move by without it, in units of the mean distance of
            the series from its mean. Sorted by the latter.
        """
        id_col, _, target = self.columns
        own = self.steps.groupby([id_col, "step"], sort=False)["gradient"].sum().reset_index()
        sums = pd.concat([own.assign(covariate=target), self.covariates])
        shares = _mean_shares(sums, id_col, "covariate", "gradient")
        spread = self.steps[self.steps["step"] == 1].groupby(id_col, sort=False)[target].agg(_spread)
        moved = self.covariates["hidden"].abs() / self.covariates[id_col].map(spread).to_numpy(float)
        hidden = moved.groupby(self.covariates["covariate"]).mean()
        found = self.covariates[["covariate", "role"]].drop_duplicates()
        found = found.assign(hidden=found["covariate"].map(hidden)).sort_values(
            "hidden", ascending=False, kind="stable"
        )
        first = pd.DataFrame({"covariate": [target], "role": ["target"], "hidden": [np.nan]})
        found = pd.concat([first, found], ignore_index=True) if len(found) else first
        found["gradient"] = found["covariate"].map(shares)
        return found[["covariate", "role", "gradient", "hidden"]]

    def by_part(self) -> pd.DataFrame:
        """Which parts of the network forecasts come from, "level" left out.

        Returns:
            ``part`` and ``share`` of the sizes of all parts, on average over series and steps ahead.
        """
        id_col = self.columns.id_col
        rows = self.parts[~self.parts["part"].isin(["level", "season before"])]
        shares = _mean_shares(rows, id_col, "part", "value")
        names = rows["part"].drop_duplicates()
        return pd.DataFrame({"part": names, "share": names.map(shares).to_numpy()}).reset_index(drop=True)

    def faithful(self) -> dict[str, float]:
        """How much more forecasts move when what matters is hidden, than with as many random steps.

        Returns:
            "gradient" and "hidden": the area under the curve of their order over that of random ones, the
            mean over series; above 1 is better than chance. NaN where nothing moves.
        """
        id_col = self.columns.id_col
        area = self.deletion.groupby([id_col, "order"], sort=False)["change"].mean().unstack("order")
        ratios = area[["gradient", "hidden"]].div(area["random"].where(area["random"] > 0), axis=0)
        return {str(name): float(value) for name, value in ratios.mean().items()}

    def figures(self) -> dict[str, go.Figure]:
        """Draw everything as interactive plotly figures.

        Returns:
            Name to figure, in the order of a page: "steps" for each explained step of one series, "distance",
            "covariates", "parts", "field", "filters", "stretches", "deletion"; those only of which there is
            something to show.
        """
        from pipelines.plots.explanations import explanation_figures

        return explanation_figures(self)

    def highlights(self) -> tuple[str, ...]:
        """Say in a few sentences what an explanation comes to.

        Returns:
            A sentence each on past steps, covariates, parts of the network and its receptive field.
        """
        return highlights(self)

    def to_dict(self) -> dict[str, Any]:
        """Return what the frames come to as plain data: shares, field, faithfulness and notes."""
        field = self.field
        shown = ("effective", "share", "nominal", "lookback", "stack")
        return {
            "ids": self.ids,
            "quantile": self.quantile,
            "freq": self.freq,
            "seasons": list(self.seasons),
            "width": self.width,
            "highlights": list(self.highlights()),
            "by_distance": self.by_distance().to_dict("records"),
            "by_covariate": self.by_covariate().to_dict("records"),
            "by_part": self.by_part().to_dict("records"),
            "field": {name: getattr(field, name) for name in shown},
            "deletion": self.faithful(),
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        """Return what is explained, and what it comes to."""
        shown = ", ".join(map(repr, self.ids[:3])) + ", ..." * (len(self.ids) > 3)
        return "\n".join([f"Explanation of {shown}", *(f"- {line}" for line in self.highlights())])

    def _shares(self, rows: pd.DataFrame, key: str) -> pd.DataFrame:
        id_col = self.columns.id_col
        shares = {name: _mean_shares(rows, id_col, key, name) for name in ("gradient", "hidden")}
        return pd.DataFrame(shares).rename_axis(key).sort_index().reset_index()

    def _label_lag(self, found: pd.DataFrame) -> list[str]:
        return [f"{self.period(lag)} before" if lag else "newest" for lag in found["lag"].tolist()]


def _mean_shares(rows: pd.DataFrame, id_col: str, key: str, value: str) -> pd.Series[float]:
    """Share of each key in the absolute values of each series, on average over the series."""
    sizes = rows[value].abs().groupby([rows[id_col], rows[key]], sort=False).sum(min_count=1)
    total = sizes.groupby(level=0, sort=False).transform("sum")
    shares: pd.Series[float] = (
        (sizes / total.where(total > 0, 1.0)).groupby(level=1, sort=False).sum(min_count=1)
    )
    return shares / max(rows[id_col].nunique(), 1)


def _spread(values: pd.Series[float]) -> float:
    known = values.dropna()
    spread = float((known - known.mean()).abs().mean()) if len(known) else 0.0
    return spread if np.isfinite(spread) and spread > 0 else 1.0
