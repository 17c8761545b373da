"""The description of a run in Markdown: what was forecast, how well, and where to look further."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.tracking.markdown import cell, markdown_table
from pipelines.tracking.names import TAG_LENGTH, clip
from pipelines.tracking.records import certificate_of, params_of, scores_table, worst_series
from pipelines.verdict import verdict

if TYPE_CHECKING:
    from pipelines.metrics import Scores
    from pipelines.results import ForecastResult

_METRICS = ("mase", "rmsse", "mae", "rmse", "smape", "wql")
_FACTS = ("lookback", "receptive_field", "parameters", "preset", "seed", "data_digest")


def note_of(result: ForecastResult, figures: Iterable[str] = (), report: str | None = None) -> str:
    """Write the description that the UI shows at the top of a run.

    Args:
        result: The forecast.
        figures: Names of the figures that the run holds.
        report: File name of the report that the run holds.

    Returns:
        Markdown of at most 8,000 characters.

    Example:
        >>> import pandas as pd
        >>> from pipelines.results import ForecastResult
        >>> rows = pd.DataFrame({"unique_id": ["a"], "ds": [3], "y": [1.0]})
        >>> print(note_of(ForecastResult("demo", rows, rows, rows, scores=None, horizon=2)).splitlines()[0])
        ## demo: 2 steps ahead for 1 series
    """
    params = params_of(result)
    series = f"{result.n_series:,} series"
    blocks = [
        f"## {cell(result.name)}: {result.horizon} steps ahead for {series}",
        f"Frequency `{result.freq}`, season of {result.season_length} steps, "
        f"data up to `{params.get('cutoff')}`.",
    ]
    judged = verdict(result.scores, result.alias, result.levels, result.reason)
    blocks.append(f"**{cell(judged.label)}.** {judged.headline} {' '.join(judged.details)}")
    if result.scores is not None:
        blocks.append(_scores(result.scores, result.levels))
        blocks.append(_worst(result.scores, result.alias, result.columns[0]))
    if certified := certificate_of(result):
        blocks.append(_certified(certified))
    facts = (name for name in _FACTS if params.get(name))
    blocks.append("\n".join(f"- {name.replace('_', ' ')}: `{params[name]}`" for name in facts))
    blocks.append(_files(list(figures), report))
    return clip("\n\n".join(block for block in blocks if block), TAG_LENGTH)


def _scores(scores: Scores, levels: Iterable[float]) -> str:
    table = scores_table(scores)
    wanted = [*_METRICS, *(f"coverage_{level:g}" for level in levels)]
    columns = ["model", *(name for name in wanted if name in table)]
    return markdown_table(columns, table[columns].itertuples(index=False, name=None))


def _worst(scores: Scores, alias: str, id_col: str) -> str:
    table = worst_series(scores, alias).head(5)
    columns = [id_col, *(name for name in ("mase", "mae") if name in table)]
    if len(table) < 2:
        return ""
    return "Worst series:\n\n" + markdown_table(columns, table[columns].itertuples(index=False, name=None))


def _certified(certificate: Mapping[str, Any]) -> str:
    tried = f"{len(certificate['cutoffs'])} of {certificate['of_cutoffs']} cutoffs"
    if certificate["holds"]:
        return f"Certified at {tried}: no forecast moved by a bit when all that came later was replaced."
    return f"**{certificate['moved']} forecasts read what came later**, found at {tried}."


def _files(figures: Sequence[str], report: str | None) -> str:
    lines = [f"`{report}`: the report, one self-contained page"] if report else []
    if figures:
        lines.append("`figures/`: " + ", ".join(name.replace("_", " ") for name in figures))
    lines.append("`tables/`: scores, worst series, forecast")
    lines.append("`data/`: all tables as Parquet; of the history the part that charts show")
    lines.append("`environment.txt`: the installed packages")
    return "Among the artifacts:\n\n" + "\n".join(f"- {line}" for line in lines)
