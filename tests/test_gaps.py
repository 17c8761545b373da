"""What the network is shown where nothing was observed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_forecasters import SMALL, frame_of, weekly

from pipelines import Forecaster, Panel
from pipelines.windows import SeriesTable
from pipelines.windows.gaps import filled

SEASON = 3
series_lists = st.lists(
    st.lists(st.sampled_from([np.nan, np.nan, 0.0, 1.0, 5.0, -2.0]), min_size=1, max_size=25),
    min_size=1,
    max_size=4,
)


def expected(y, t):
    """Value to show at a row, from the rows up to it."""
    seen = [k for k in range(t + 1) if not np.isnan(y[k])]
    twins = [k for k in seen if (t - k) % SEASON == 0]
    return y[(twins or seen)[-1]] if seen else 0.0


@given(series_lists)
def test_gaps_show_the_season_before_or_the_last_value(series):
    indptr = np.cumsum([0, *map(len, series)])
    last = [
        max((b + k for k in range(t + 1) if not np.isnan(y[k])), default=-1)
        for b, y in zip(indptr, series, strict=False)
        for t in range(len(y))
    ]
    shown = filled(np.array([v for y in series for v in y]), indptr, SEASON, np.array(last))
    assert shown.tolist() == [expected(y, t) for y in series for t in range(len(y))]


def test_a_table_shows_them_and_marks_them():
    y = weekly(140, 1)
    y[100:130] = np.nan
    table = SeriesTable.from_panel(Panel.from_frame(frame_of({"a": y})), 7)
    assert table.observed.tolist() == np.isfinite(y).tolist()
    rows = np.arange(100, 130)
    shown = table.base[0] + table.unit[0] * table.values[rows]
    np.testing.assert_allclose(shown, y[93 + (rows - 93) % 7], rtol=1e-6)


def test_networks_read_them_where_the_fit_has_gaps_and_seasons():
    late = np.r_[np.full(20, np.nan), weekly(40, 1)]
    broken = weekly(60, 2)
    broken[30] = np.nan
    plans = [
        Forecaster(**SMALL, season_length=season).plan(frame_of({"a": y}))
        for y, season in ((late, 7), (broken, 7), (broken, 1))
    ]
    assert [plan.fill_gaps for plan in plans] == [False, True, False]
