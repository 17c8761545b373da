"""What the network is shown where nothing was observed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_forecasters import frame_of, weekly

from pipelines import Panel
from pipelines.windows import SeriesTable, usual_change
from pipelines.windows.gaps import filled

SEASON = 3
KEEP = 0.5 ** (1 / 32)
series_lists = st.lists(
    st.lists(st.sampled_from([np.nan, np.nan, 0.0, 1.0, 5.0, -2.0]), min_size=1, max_size=25),
    min_size=1,
    max_size=4,
)


def expected(y, t):
    """Value to show at a row, from the rows up to it."""
    seen = [k for k in range(t + 1) if not np.isnan(y[k])]
    if not seen:
        return {0.0}
    if seen[-1] == t:
        return {y[t]}
    twins = [k for k in seen if (t - k) % SEASON == 0]
    pairs = [k for k in seen if k >= SEASON and not np.isnan(y[k - SEASON])]
    if not twins or not pairs:
        return {y[seen[-1]]}
    weights = KEEP ** np.arange(len(pairs))[::-1]
    seasonal = weights @ [abs(y[k] - y[k - SEASON]) for k in pairs] / weights.sum()
    steps = np.abs(np.diff([y[k] for k in seen]))
    weights = KEEP ** np.arange(len(steps))[::-1]
    change = weights @ steps / max(weights.sum(), 1.0) if len(steps) else 0.0
    far = seasonal * ((t - twins[-1]) / SEASON) ** 0.5
    near = 0.75 * change * (t - seen[-1]) ** 0.5
    if abs(far - near) < 1e-9:
        return {y[seen[-1]], y[twins[-1]]}
    return {y[twins[-1]] if far < near else y[seen[-1]]}


@given(series_lists)
def test_gaps_show_the_season_before_or_the_last_value(series):
    indptr = np.cumsum([0, *map(len, series)])
    values = np.array([v for y in series for v in y])
    last = np.concatenate(
        [
            [max((b + k for k in range(t + 1) if not np.isnan(y[k])), default=-1) for t in range(len(y))]
            for b, y in zip(indptr, series, strict=False)
        ]
    )
    change = usual_change(values, indptr, SEASON)
    shown = filled(values, indptr, SEASON, last, change)
    for begin, y in zip(indptr, series, strict=False):
        for t in range(len(y)):
            assert shown[begin + t] in expected(y, t)


def test_seasons_go_on_through_long_gaps_and_walks_stand_still():
    season = weekly(140, 1)
    walk = np.cumsum(np.random.default_rng(0).normal(size=140))
    season[100:130], walk[100:130] = np.nan, np.nan
    panel = Panel.from_frame(frame_of({"season": season, "walk": walk}))
    table = SeriesTable.from_panel(panel, 7)
    shown = (table.base[:, None] + table.unit[:, None] * table.values.reshape(2, 140)).astype(float)
    np.testing.assert_allclose(
        shown[0, 105:130], season[np.arange(105, 130) - 7 * ((np.arange(105, 130) - 93) // 7)]
    )
    np.testing.assert_allclose(shown[1, 100:130], walk[99], rtol=1e-5)


def test_gaps_are_those_after_the_first_value():
    late = np.r_[np.full(20, np.nan), weekly(40, 1)]
    broken = weekly(60, 2)
    broken[30] = np.nan
    tables = [SeriesTable.from_panel(Panel.from_frame(frame_of({"a": y})), 7) for y in (late, broken)]
    assert [table.has_gaps for table in tables] == [False, True]
