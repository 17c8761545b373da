"""Put figures, tables and words of a run into the page, and the page into a file.

The page may load nothing: its content security policy forbids every request, and every script but its own,
named by their hashes. plotly.js and the numbers are embedded compressed, which halves the file.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import os
import uuid
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from pipelines import plots
from pipelines.plots.style import DARK, LIGHT
from pipelines.report import story
from pipelines.report.drawings import sketch
from pipelines.report.embedding import MAX_NUMBERS, N_WORST, choose_series, embed_series
from pipelines.report.ranking import Ranking, landmarks, rank_series, series_scores
from pipelines.report.tables import Row, Table, column_cells, heading, score_table, skill_table, step_table
from pipelines.report.words import facts, unit
from pipelines.results import ForecastResult
from pipelines.skill import REFERENCE
from pipelines.verdict import verdict
from pipelines.wording import MISSING, number, percent

if TYPE_CHECKING:
    from pipelines.metrics import Scores

GENERATOR: Final = "tcn-forecasting: report"
_HEAD: Final = 8_192  # bytes of a page that its generator is named in


def is_report(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a report that `write_report` has written.

    Args:
        path: Any path.

    Returns:
        Whether the head of the page says so.

    Example:
        >>> is_report("no-such-file.html")
        False
    """
    try:
        with Path(path).open("rb") as file:
            return f'<meta name="generator" content="{GENERATOR}">'.encode() in file.read(_HEAD)
    except OSError:
        return False


def write_report(result: ForecastResult, path: str | os.PathLike[str]) -> Path:
    """Write the report of a run to a file, which is replaced as a whole or not at all.

    Args:
        result: Run to report.
        path: File to write; folders on the way to it are made.

    Returns:
        The path.

    Raises:
        OSError: The file cannot be written.

    Example:
        >>> import pandas as pd
        >>> history = pd.DataFrame({"unique_id": "a", "ds": [1, 2], "y": [1.0, 2.0]})
        >>> forecast = pd.DataFrame({"unique_id": ["a"], "ds": [3], "TCN": [3.0]})
        >>> result = ForecastResult("demo", forecast, history, history.iloc[:0], scores=None, horizon=1)
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_report(result, f"{folder}/report.html").stat().st_size < 5_000_000
        True
    """
    target = Path(path)
    page = render_report(result).encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def render_report(result: ForecastResult, max_numbers: int = MAX_NUMBERS) -> str:
    """Render the report of a run; the same run gives the same text.

    Args:
        result: Run to report.
        max_numbers: Numbers of series to embed for the charts; what does not fit is left out, and the page
            says so. The default keeps the page below 5 MB for any number of series.

    Returns:
        HTML page, complete in itself.

    Example:
        >>> import pandas as pd
        >>> history = pd.DataFrame({"unique_id": "a", "ds": [1, 2], "y": [1.0, 2.0]})
        >>> forecast = pd.DataFrame({"unique_id": ["a"], "ds": [3], "TCN": [3.0]})
        >>> result = ForecastResult("demo", forecast, history, history.iloc[:0], scores=None, horizon=1)
        >>> render_report(result).startswith("<!doctype html>")
        True
    """
    scores = result.scores if _tested(result) else None
    ranking = rank_series(result)
    places, tested_rows = choose_series(result, ranking, max_numbers)
    figures = _figures(result, scores, ranking)
    # A closing tag inside a script element would end it, so scripts come from package files and base64 only.
    payload = {
        **embed_series(result, ranking, places, tested_rows),
        "figures": figures,
        "dark": {LIGHT[role]: DARK[role] for role in LIGHT},
        "landmarks": landmarks(ranking),
        "metric": heading(ranking.metric),
        "scored": ranking.n_scored,
        "columns": list(result.columns),
    }
    script, library = _asset("report.js"), get_plotlyjs()
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
        result=result,
        generator=GENERATOR,
        verdict=verdict(result.scores, result.alias, result.levels, result.reason),
        asked=story.asked(result),
        figures=figures,
        drivers=[] if result.parts is None else story.drivers(result.parts),
        data=story.data_facts(dict(result.data)),
        sketches={name: sketch(line, f"Values of {name} over time") for name, line in _sketches(result)},
        profile=_profile(result),
        certificate=_certificate(result),
        **(_score_tables(result, scores, ranking) if scores is not None else {}),
        tested=scores is not None,
        embedded=[ranking.ids[place] for place in places],
        ranking=ranking,
        made=_made(result),
        settings=facts(result.settings),
        calibration=_calibration(result),
        plan=facts(result.plan),
        levels=[f"{level:g}" for level in sorted(result.levels)],
        unit=unit(result.freq),
        style=_asset("report.css"),
        script=script,
        plotly=_packed_plotly(),
        payload=_packed(json.dumps(payload, separators=(",", ":"), allow_nan=False)),
        hashes=[_hash(script), _hash(library)],
    )


def _tested(result: ForecastResult) -> bool:
    scores = result.scores
    return scores is not None and result.alias in scores.overall.index and not result.backtest.empty


def _score_tables(result: ForecastResult, scores: Scores, ranking: Ranking) -> dict[str, Any]:
    return {
        "comparison": story.comparison(scores, result.alias),
        "errs": story.where_it_errs(result, scores, ranking),
        "sure": story.how_sure(result, scores),
        "score_table": score_table(scores, result.alias),
        "skill_table": skill_table(scores, result.alias),
        "step_table": None if scores.by_step.empty else step_table(scores, result.alias, "mae"),
        "unscaled": scores.counts.get("series_without_scale", 0),
        "worst_table": _worst_table(result, scores, ranking),
    }


def _figures(result: ForecastResult, scores: Scores | None, ranking: Ranking) -> dict[str, Any]:
    """Figures by name, as plain JSON values."""
    of_series: dict[str, Any] = {"alias": result.alias, "title": "", "columns": result.columns}
    figures = {
        "fan": plots.fan_chart(
            result.forecast, result.history, ranking.ids[0], season_length=result.season_length, **of_series
        )
    }
    if scores is not None:
        figures["backtest"] = plots.backtest_chart(result.backtest, **of_series)
    if scores is not None:
        figures |= _score_figures(scores, result.alias)
    if result.parts is not None:
        # The caption says what the shades mean; a scale beside them takes a third of a phone.
        figures["parts"] = plots.parts_chart(result.parts, title="").update_traces(showscale=False)
    if result.training:
        figures["training"] = plots.training_curve(result.training, title="")
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def _score_figures(scores: Scores, alias: str) -> dict[str, Any]:
    untitled: dict[str, Any] = {"alias": alias, "title": ""}
    known = scores.overall.columns[scores.overall.notna().any()]
    shown = [name for name in ("mase" if "mase" in known else "mae", "wql") if name in known]
    figures = {f"scores-{metric}": plots.scores_chart(scores, metric, **untitled) for metric in shown}
    if scores.by_cutoff["cutoff"].nunique() > 1:
        figures["cutoffs"] = plots.error_by_cutoff(scores, "mae", **untitled)
    if not scores.by_step.empty:
        figures["steps"] = plots.error_by_step(scores, "mae", **untitled)
    if any(str(name).startswith("coverage_") for name in scores.overall):
        figures["coverage"] = plots.coverage_chart(scores, **untitled)
    return figures


def _worst_table(result: ForecastResult, scores: Scores, ranking: Ranking) -> Table | None:
    """Series that were forecast worst, with their scores."""
    ids = ranking.ids[: min(N_WORST, ranking.n_scored)]
    if len(ranking.ids) < 2 or not ids:
        return None
    own, other = (
        series_scores(scores, model, result.columns[0]).reindex(ids) for model in (result.alias, REFERENCE)
    )
    metric = ranking.metric
    columns = {heading(metric): column_cells(metric, own[metric])}
    if other[metric].notna().any():
        columns[f"{heading(metric)} of seasonal naive"] = column_cells(metric, other[metric])
    shares = [str(name) for name in own.columns if str(name).startswith("coverage_")][:1]
    for name in ("mae", "wql", *shares):
        if name in own.columns and name != metric:
            columns[heading(name)] = column_cells(name, own[name])
    rows = [Row(str(name), tuple(cells)) for name, *cells in zip(ids, *columns.values(), strict=True)]
    return Table(("Series", *columns), tuple(rows))


def _calibration(result: ForecastResult) -> list[tuple[str, str]]:
    names = {"shrink": "distance of the median from the last value", "widen": "width of the intervals"}
    found = {key: value for key, value in result.calibration.items() if not key.startswith("coverage_")}
    factors = [(names.get(key, key), f"\N{MULTIPLICATION SIGN} {value:.2f}") for key, value in found.items()]
    held = []
    for key, before in result.calibration.items():
        if key.startswith("coverage_") and key.endswith("_before"):
            level = key.removeprefix("coverage_").removesuffix("_before")
            after = result.calibration.get(f"coverage_{level}_after", math.nan)
            shares = f"{percent(before)} before conformal calibration, {percent(after)} after"
            held.append((f"held-out values in the {level} % interval", shares))
    return factors + held


def _made(result: ForecastResult) -> list[tuple[str, str]]:
    """How the run came about: data, versions, time."""
    versions = facts(result.versions, "version: ")
    seconds = [(f"time: {stage}", number(float(took), 1, " s")) for stage, took in result.seconds.items()]
    sums = [("SHA-256 of the data", result.digest or MISSING)]
    sums += [(f"SHA-256 of {name}", digest) for name, digest in result.files.items()]
    return [("data", result.name), *sums, *versions, *seconds]


def _sketches(result: ForecastResult) -> list[tuple[str, list[float | None]]]:
    return list(result.data.get("sketches", {}).items())


def _profile(result: ForecastResult) -> Markup | None:
    """The shape of a season, if the data are known to have one."""
    values = result.data.get("profile")
    return sketch(values, f"Mean of each of the {len(values)} steps of a season") if values else None


def _certificate(result: ForecastResult) -> list[tuple[str, str]]:
    """What a leakage certificate says of the backtest; nothing where none was asked for."""
    found = result.backtest.attrs.get("certificate")
    if not found:
        return []
    tried = f"{len(found['cutoffs']):,} of {found['of_cutoffs']:,}"
    return [
        ("holds", "yes" if found["holds"] else "no"),
        ("cutoffs at which all that came later was replaced", tried),
        ("forecasts compared", number(found["compared"], 0)),
        ("forecasts that moved", number(found["moved"], 0)),
        ("SHA-256 of the forecasts", found["sha256"]),
    ]


@cache
def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _packed_plotly() -> str:
    return _packed(get_plotlyjs())


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
