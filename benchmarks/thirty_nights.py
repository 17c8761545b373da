"""Thirty nights of a scheduled job on real data, with what goes wrong in a month.

Every night the source is written as it was known then, and ``tcn job run`` forecasts. One night the data are
late; one is missed and made up for; one day the column of values has another name; from the middle on all
values double; and the network's file is damaged, and put back. After every command what is published is read
as its users do: it must be whole, finite and in order, of this night or the one before.

Data: ``vic_elec.parquet`` (half-hourly demand of Victoria, from tsibbledata) and ``m5_store_dept.parquet``
(sales of the M5 competition by store and department), long frames with ``unique_id``, ``ds`` and ``y``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from _data import load, parsed, parser
from _nights import Answer, Published, read, tcn, wrong
from _timing import row

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (80, 95)
MADE_UP = "made up"
TWO_HOURS = timedelta(hours=2)


@dataclass(frozen=True)
class Month:
    """What is simulated.

    Args:
        name: Name of the data.
        frame: Long frame, its last column a covariate that is known ahead.
        freq: Frequency.
        season: Steps in a season.
        day: Steps in a day.
        horizon: Steps ahead.
        nights: How many.
        windows: Origins that challengers are tested at.
        steps: Steps of training.
        more: More of the job's file, from the settings of the network on.
    """

    name: str
    frame: pd.DataFrame
    freq: str
    season: int
    day: int
    horizon: int
    nights: int = 30
    windows: int = 7
    steps: int = 300
    more: str = ""

    def at(self, night: float) -> int:
        """Number of the night in which something goes wrong, as a share of the month."""
        return int(night * self.nights)


@dataclass
class Diary:
    """What readers have seen, and what was wrong with it."""

    seen: dict[Any, pd.DataFrame] = field(default_factory=dict)
    digests: dict[Any, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    promotions: int = 0
    alarms: int = 0


def main(months: list[Month], inside: bool) -> None:
    """Live through the months, and say how each of them went."""
    failed = []
    for month in months:
        with TemporaryDirectory() as folder:
            diary = live(month, Path(folder), inside)
        failed += [f"{month.name}: {text}" for text in [*diary.wrong, *score(month, diary)]]
    if failed:
        raise SystemExit("\n".join(failed))


def live(month: Month, home: Path, inside: bool) -> Diary:
    """Run the nights, one after the other."""
    frame = doubled(month)
    stamps = frame["ds"].drop_duplicates().sort_values().reset_index(drop=True)
    first = len(stamps) - month.horizon - (month.nights - 1) * month.day - 1
    cutoffs = [stamps[first + night * month.day] for night in range(month.nights)]
    after = {
        cutoff: stamps[first + night * month.day + 1 :][: month.horizon].tolist()
        for night, cutoff in enumerate(cutoffs)
    }
    (home / "job.toml").write_text(job_text(month))
    diary, kept = Diary(), {}
    print(
        f"{month.name}: {frame['unique_id'].nunique()} series, {month.horizon} steps ahead, nights of "
        f"{cutoffs[0]} to {cutoffs[-1]}"
    )
    for night, cutoff in enumerate(cutoffs):
        what = event(month, night)
        known = cutoff if what != "late data" else stamps[first + (night - 1) * month.day]
        write_source(frame, cutoff, known, month, home, rename=what == "another schema")
        if what == "missed":
            say(night, cutoff, what, Answer(0), "nobody runs the job")
            continue
        if what == "damaged network":
            kept = damage(home)
        early = cutoff + (stamps[1] - stamps[0]) + TWO_HOURS
        arguments: tuple[object, ...] = ("run", "job.toml", "--cutoff", cutoff.isoformat())
        if what in ("made up for", "repaired"):
            span = ("--from", cutoffs[night - 1].isoformat(), "--to", cutoff.isoformat())
            arguments = ("backfill", "job.toml", *span)
        before = read(home / "forecasts.parquet")
        answer = command(arguments, early, home, inside)
        story = look(answer, before, after, cutoff, month, diary, home, what)
        say(night, cutoff, what, answer, story)
        if what == "late data":
            write_source(frame, cutoff, cutoff, month, home)
            answer = command(arguments, early, home, inside)
            say(
                night,
                cutoff,
                "they have come",
                answer,
                look(answer, before, after, cutoff, month, diary, home),
            )
        for path, content in kept.items():
            path.write_bytes(content)
        kept = {}
    return diary


def event(month: Month, night: int) -> str:
    """What goes wrong in a night."""
    plan = {
        month.at(0.15): "late data",
        month.at(0.25): "missed",
        month.at(0.25) + 1: "made up for",
        month.at(0.4): "another schema",
        month.at(0.4) + 1: "repaired",
        month.at(0.5): "values double",
        month.at(0.9): "damaged network",
        month.at(0.9) + 1: "it is put back",
    }
    return plan.get(night, "")


def command(arguments: tuple[object, ...], now: Any, home: Path, inside: bool) -> Answer:
    """Run ``tcn job`` at a moment of the simulation."""
    if inside:
        arguments = (arguments[0], home / str(arguments[1]), *arguments[2:])
    return tcn(*arguments, "--now", now.isoformat(), cwd=home, inside=inside)


EXPECTED = {"late data": 75, "another schema": 65}


def look(
    answer: Answer,
    before: Published | None,
    after: dict[Any, list[Any]],
    cutoff: Any,
    month: Month,
    diary: Diary,
    home: Path,
    what: str = "",
) -> str:
    """Read what is published after a command, write it into the diary, and tell what the job did."""
    if answer.code != EXPECTED.get(what, 0):
        diary.wrong.append(f"{cutoff}: exit {answer.code}: {answer.record or answer.words[-2000:]}")
    found = read(home / "forecasts.parquet")
    if found is None or found.manifest is None:
        diary.wrong.append(f"{cutoff}: nothing whole is published")
        return "nothing is published"
    series = sorted(month.frame["unique_id"].unique())
    if text := wrong(found.frame, after, LEVELS, series):
        diary.wrong.append(f"{cutoff}: {text}")
    own = found.frame["cutoff"].iloc[0]
    if answer.code:
        if before is None or found.sha256 != before.sha256:
            diary.wrong.append(f"{cutoff}: a night that failed has changed what is published")
        return f"{shown(answer.record['error']['message'])}; {own} stays"
    if own != cutoff:
        diary.wrong.append(f"{cutoff}: {own} is published")
    diary.seen[own] = found.frame
    nights = answer.record.get("nights", [answer.record])
    models = ", ".join(f"{name} ({count})" for name, count in nights[-1]["models"].items())
    if what == "damaged network" and nights[-1]["findings"] == []:
        diary.wrong.append(f"{cutoff}: nobody was told of the damaged network")
    story = [models]
    for each in nights:
        odd = dict.fromkeys(finding["check"] for finding in each["findings"])
        diary.alarms += any(name in odd for name in ("error", "coverage"))
        story += [", ".join(odd)] if odd else []
        if each["retrained"]:
            diary.promotions += each["retrained"]["promoted"]
            verb = "promoted" if each["retrained"]["promoted"] else "not promoted"
            story.append(f"version {each['retrained']['version']} {verb}: {each['retrained']['reason']}")
    return "; ".join(story)


def score(month: Month, diary: Diary) -> Iterator[str]:
    """Compare what was published over the month with seasonal naive; yield what must not be."""
    import numpy as np
    import pandas as pd

    frame = doubled(month)
    parts = []
    for cutoff, made in diary.seen.items():
        known = frame[frame["ds"] <= cutoff]
        naive = [
            np.resize(own["y"].to_numpy()[-month.season :], month.horizon)
            for _, own in known.groupby("unique_id", sort=True)
        ]
        parts.append(made.sort_values(["unique_id", "ds"]).assign(naive=np.concatenate(naive)))
    both = pd.concat(parts).merge(frame, on=["unique_id", "ds"])
    own, naive = ((both[name] - both["y"]).abs().mean() for name in ("TCN", "naive"))
    inside = {
        level: both["y"].between(both[f"TCN-lo-{level}"], both[f"TCN-hi-{level}"]).mean() for level in LEVELS
    }
    row(f"{month.name}: mean absolute error", f"{own:.4g}", own / naive, "that of seasonal naive")
    row("values inside 80 % and 95 %", f"{inside[80]:.1%}, {inside[95]:.1%}")
    row("nights with an alarm; promotions", f"{diary.alarms}; {diary.promotions}")
    row("wrong forecasts published", str(len(diary.wrong)))
    if not (own < naive and math.isfinite(own)) and month.name != MADE_UP:
        yield f"the published error of {own:.4g} is not below seasonal naive's {naive:.4g}"


# What is simulated


def doubled(month: Month) -> pd.DataFrame:
    """The data, twice as large from the night on in which that happens."""
    stamps = month.frame["ds"].drop_duplicates().sort_values()
    first = len(stamps) - month.horizon - (month.nights - 1) * month.day - 1
    since = stamps.iloc[first + (month.at(0.5) - 1) * month.day]
    return month.frame.assign(y=month.frame["y"].where(month.frame["ds"] <= since, 2 * month.frame["y"]))


def write_source(
    frame: pd.DataFrame, cutoff: Any, known: Any, month: Month, home: Path, rename: bool = False
) -> None:
    """Write what is known in a night: values so far, and the covariate for the horizon, too."""
    import numpy as np

    ahead = frame["ds"].drop_duplicates().sort_values()
    last = ahead[ahead > cutoff].iloc[month.horizon - 1]
    seen = frame[frame["ds"] <= last].assign(y=lambda now: now["y"].where(now["ds"] <= known, np.nan))
    seen.rename(columns={"y": "demand"} if rename else {}).to_parquet(home / "source.parquet", index=False)


def job_text(month: Month) -> str:
    """Write the file of the job."""
    covariate = month.frame.columns[-1]
    retrain = "" if month.name != MADE_UP else "on_alarm = false"
    return f"""name = "month"
[source]
path = "source.parquet"
[sink]
path = "forecasts.parquet"
[model]
horizon = {month.horizon}
freq = "{month.freq}"
season_length = {month.season}
levels = {list(LEVELS)}
preset = "fast"
covariates = {{ future = ["{covariate}"], calendar = "auto" }}
max_steps = {month.steps}
{month.more}
[checks]
deadline_hours = {6 + 24 // month.day}
[watch]
nights = 7
[retrain]
cooldown = {7 * month.day}
n_windows = {month.windows}
{retrain}
"""


def damage(home: Path) -> dict[Path, bytes]:
    """Flip a bit in the middle of the champion's network, and return what was there."""
    [*_, last] = sorted((home / "month" / "promotions").glob("*.json"))
    champion = json.loads(last.read_text())["content"]["version"] or 1
    files = [p for p in (home / "month" / "versions" / f"{champion:04}" / "bundle").rglob("*") if p.is_file()]
    kept = {path: path.read_bytes() for path in files if path.suffix in (".onnx", ".keras", ".npz")}
    for path, content in kept.items():
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    return kept


def shown(text: str, most: int = 110) -> str:
    """The beginning of a text."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " ..."


def say(night: int, cutoff: Any, what: str, answer: Answer, story: str) -> None:
    """Print what came of a night."""
    print(
        f"  {night + 1:>2} {cutoff:%m-%d} {what:<15} {answer.code:>3} {answer.seconds:>5.1f} s  {story}",
        flush=True,
    )


def real(data: Path) -> list[Month]:
    """The months of real data."""
    demand = load(data, "vic_elec", ["unique_id", "ds", "y", "holiday"])
    demand = demand[demand["ds"].between("2014-01-10 13:00", "2014-06-01 12:30")]
    sales = load(data, "m5_store_dept", ["unique_id", "ds", "y", "snap"])
    return [
        Month(
            "vic_elec",
            demand.reset_index(drop=True),
            "30min",
            48,
            48,
            48,
            more="ensemble = 1\nlookback = 144",
        ),
        Month("m5_store_dept", sales, "D", 7, 1, 7, more="lookback = 7"),
    ]


def made_up() -> Month:
    """A week of noise, which any network foretells better than seasonal naive does."""
    import numpy as np
    import pandas as pd

    days, rng = pd.date_range("2024-01-01", periods=90), np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(["a", "b"], 90),
            "ds": np.tile(days, 2),
            "y": rng.normal(100, 10, 180),
            "sunday": np.tile(days.day_of_week == 6, 2).astype(int),
        }
    )
    tiny = "filters = 4\ndilations = [1]\nensemble = 1\nlookback = 14\n[tracking]\nenabled = false"
    return Month(MADE_UP, frame, "D", 7, 1, 3, 10, 5, steps=2, more=tiny)


if __name__ == "__main__":
    given = parsed(parser(__doc__))
    main([made_up()] if given.small else real(given.data), inside=given.small)
