"""When seasonal naive takes the place of a champion, and when it gives it back."""

from pathlib import Path

import numpy as np
import pytest
from nightly_cases import DAYS, forecasts_of, history_of, job_of

from pipelines.nightly.outdone import outdone
from pipelines.nightly.records import Version

HISTORY = history_of(n_series=4, n_rows=130)
CHAMPION = Version(1, Path("bundle"), {})


def verdict(change=lambda frame: frame, first=101, job=None, version=CHAMPION, seed=0, last=None):
    nights = [(cutoff, change(forecasts_of(HISTORY, cutoff, seed=seed))) for cutoff in DAYS[first:129]]
    if last is not None:
        nights[-1] = (nights[-1][0], last(nights[-1][1]))
    return outdone(nights, HISTORY, job or job_of(), version)


def worse(frame, by=5.0):
    return frame.assign(TCN=frame["TCN"] + by)


def alike(frame):
    noise = np.random.default_rng(round(1e3 * frame["SeasonalNaive"].sum()) % 2**32).normal(
        0, 3.2, len(frame)
    )
    return frame.assign(TCN=frame["TCN"] + noise)


def worse_by_chance():
    any_p_value = job_of(watch={"set_aside": 1.0})
    return [seed for seed in range(12) if verdict(alike, seed=seed, job=any_p_value) is not None]


def test_one_that_errs_less_stays():
    assert verdict() is None


def test_one_that_has_erred_more_for_long_is_set_aside():
    found = verdict(worse)
    assert (found.check, found.severity) == ("champion", "warn")
    assert found.value > found.limit == 1
    assert "in place of version 1" in found.message
    assert "over 28 nights, p = 0.0" in found.message


def test_it_is_judged_by_its_own_nights():
    assert verdict(worse, version=Version(2, Path("bundle"), {})) is None

    def of_the_next(frame):
        return frame.assign(model="TCN v2") if frame["cutoff"].iloc[0] > DAYS[110] else worse(frame)

    assert verdict(of_the_next, version=Version(2, Path("bundle"), {})) is None


def test_few_nights_are_no_evidence():
    assert verdict(worse, first=114) is not None  # 15 nights, of the last of which nothing is known
    assert verdict(worse, first=116) is None
    assert verdict(worse, first=121, job=job_of(watch={"nights": 7})) is not None


@pytest.mark.long
def test_what_may_be_chance_is_no_evidence():
    slightly = worse_by_chance()
    assert len(slightly) >= 3
    assert sum(verdict(alike, seed=seed) is not None for seed in slightly) <= 1


def test_it_is_never_set_aside_where_that_is_turned_off():
    assert verdict(worse, job=job_of(watch={"set_aside": 0})) is None


def aside(frame):
    """A night that has published seasonal naive, and kept what the network has made."""
    own = [name for name in frame if name.startswith("TCN")]
    naive = {name: frame[name.replace("TCN", "SeasonalNaive", 1)] for name in own}
    kept = {f"raw-{name}": frame[name] for name in (*own, "model")}
    return frame.assign(**kept).assign(**naive, model="SeasonalNaive")


@pytest.mark.long
def test_it_stays_aside_until_it_errs_less():
    assert verdict(lambda frame: aside(worse(frame))) is not None
    for seed in worse_by_chance():
        found = verdict(alike, seed=seed, last=aside)
        assert found is not None
        assert "nights; train" in found.message
    assert verdict(last=aside) is None
    assert verdict(aside) is None


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_perfect_rival_is_no_division_by_zero(scale):
    still = HISTORY.assign(y=scale)
    nights = [
        (cutoff, forecasts_of(still, cutoff).assign(SeasonalNaive=scale, TCN=scale + 1.0))
        for cutoff in DAYS[101:129]
    ]
    found = outdone(nights, still, job_of(), CHAMPION)
    assert found is not None
    assert found.value is None
    assert outdone([], still, job_of(), CHAMPION) is None
