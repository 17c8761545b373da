"""Checks of a night's data, each made to fail alone."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from nightly_cases import DAYS, history_of, job_of, night_of, snapshot_of

from pipelines.errors import BusyError, ConfigError
from pipelines.nightly.checks import check_snapshot
from pipelines.nightly.continuity import Before
from pipelines.nightly.facts import facts_of
from pipelines.nightly.history import read_history

CUTOFF = DAYS[119]
MORNING = datetime(2024, 4, 29, 6, tzinfo=UTC)


def check(snapshot=None, job=None, last=None, ids=(), facts=None, cutoff=CUTOFF, now=MORNING):
    snapshot, job = snapshot or snapshot_of(), job or job_of()
    panel = read_history(snapshot, job.model, job.model.freq)
    before = None if last is None else Before(last, ids)
    return check_snapshot(snapshot, panel, job, cutoff, before=before, facts=facts, now=now)


def test_good_data_pass_every_check():
    facts = facts_of(snapshot_of(), job_of())
    assert check(last=night_of(), facts=facts) == []


def _without_last_day(history, series):
    return history[(history["ds"] < CUTOFF) | ~history["unique_id"].isin(series)]


def _with_gaps():
    history = history_of(n_series=8)
    return history.assign(y=history["y"].where((history["unique_id"] != "s5") | (history["ds"] < DAYS[5])))


def _raised(history):
    return history.assign(y=history["y"] * np.where(history["ds"] > DAYS[111], 1.1, 1))


BREACHES = {
    "freshness": ({"snapshot": snapshot_of(_without_last_day(history_of(), ["s0", "s1", "s2"]))}, "1 step"),
    "stale_series": ({"snapshot": snapshot_of(_without_last_day(history_of(), ["s1"]))}, "33.3 %: 's1'"),
    "rows": ({"last": night_of(rows=380)}, "361 rows, 5.0 % less"),
    "series": ({"last": night_of(series=10)}, "Received: 3"),
    "duplicates": ({"snapshot": snapshot_of(duplicates=2)}, "2 rows"),
    "gaps": ({"snapshot": snapshot_of(_with_gaps()), "job": {"stale_series": "off"}}, "'s5'"),
    "shift": (
        {
            "snapshot": snapshot_of(_raised(history_of(n_series=60))),
            "facts": facts_of(snapshot_of(history_of(n_series=60)), job_of()),
        },
        "stability index",
    ),
}


@pytest.mark.parametrize("severity", ["fail", "warn", "off"])
@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_found_with_its_severity(name, severity):
    given, text = BREACHES[name]
    given = {**given, "job": job_of(checks={**given.get("job", {}), name: severity})}
    found = check(**given)
    if severity == "off":
        assert found == []
        return
    (finding,) = found
    assert (finding.check, finding.severity) == (name, severity)
    assert text in finding.message
    assert "Received:" in finding.message
    assert (finding.value > finding.limit) != (name in ("rows", "series"))


def test_stale_data_are_awaited_until_the_deadline():
    snapshot = snapshot_of(_without_last_day(history_of(), ["s0", "s1", "s2"]))
    job = job_of(checks={"deadline_hours": 30})
    with pytest.raises(BusyError, match="awaited until 2024-04-30 06:00 UTC"):
        check(snapshot, job, cutoff=pd.Timestamp("2024-04-29"), now=datetime(2024, 4, 30, 5, 59, tzinfo=UTC))
    late = check(snapshot, job, cutoff=pd.Timestamp("2024-04-29"), now=datetime(2024, 4, 30, 6))
    assert [finding.check for finding in late] == ["freshness"]


def test_the_deadline_is_that_of_the_time_zone_of_the_data():
    history = _without_last_day(history_of(), ["s0", "s1", "s2"])
    history = history.assign(ds=history["ds"].dt.tz_localize("Australia/Melbourne"))
    job = job_of(checks={"deadline_hours": 30})
    with pytest.raises(BusyError, match="awaited until 2024-04-29 20:00 UTC"):
        check(snapshot_of(history), job, cutoff=pd.Timestamp("2024-04-29"))


def test_late_series_are_awaited_only_where_they_would_stop_the_job():
    snapshot = snapshot_of(_without_last_day(history_of(), ["s1"]))
    assert [f.check for f in check(snapshot, job_of(checks={"deadline_hours": 99}))] == ["stale_series"]
    with pytest.raises(BusyError, match="'s1'"):
        check(snapshot, job_of(checks={"deadline_hours": 99, "stale_series": "fail"}))


def test_series_that_have_vanished_before_are_no_longer_late():
    snapshot = snapshot_of(_without_last_day(history_of(), ["s1"]))
    assert check(snapshot, last=night_of(vanished=["s1"])) == []


def test_a_group_that_is_no_column_is_a_mistake_in_the_settings():
    job = job_of(watch={"group": "stat"})
    with pytest.raises(ConfigError, match="Received: 'stat', where there are 'unique_id', 'state'"):
        check(snapshot_of(static=pd.DataFrame({"unique_id": ["s0"], "state": ["CA"]})), job)


def test_a_level_that_rises_in_training_too_is_no_shift():
    history = history_of(n_series=60)
    rising = history.assign(y=history["y"] + 2 * (history["ds"] - DAYS[0]).dt.days)
    facts = facts_of(snapshot_of(rising[rising["ds"] < DAYS[110]]), job_of())
    assert check(snapshot_of(rising), facts=facts) == []


@pytest.mark.parametrize("change", [lambda y: y * 1000, lambda y: y * 0 - 9999])
def test_values_of_another_size_are_named_with_their_series(change):
    history = history_of(n_series=60)
    facts = facts_of(snapshot_of(history), job_of())
    wrong = (history["unique_id"] == "s7") & (history["ds"] == CUTOFF)
    changed = history.assign(y=history["y"].where(~wrong, change(history["y"])))
    *signs, found = check(snapshot_of(changed), facts=facts)
    assert (found.check, found.severity, found.value) == ("shift", "warn", 1)
    assert ["1 that are, in 's7'; see" in sign.message for sign in signs] == [True] * (change(1) < 0)
    assert "ones in 's7'; see" in found.message
    everywhere = history.assign(y=history["y"].where(history["ds"] != CUTOFF, change(history["y"])))
    *_, found = check(snapshot_of(everywhere), job_of(checks={"max_psi": 99}), facts=facts)
    assert "'s0', 's1', 's10', 's11', 's12' and 55 more" in found.message


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_index_does_not_depend_on_the_unit_of_a_series(scale):
    history = history_of(n_series=60)
    facts, other = (facts_of(snapshot_of(history.assign(y=history["y"] * s)), job_of()) for s in (1.0, scale))
    np.testing.assert_allclose(other["edges"], facts["edges"], rtol=1e-6)
    assert other["shares"] == facts["shares"]


def test_facts_of_short_and_constant_series_are_finite():
    short = facts_of(snapshot_of(history_of(n_rows=9)), job_of())
    assert (short["rows"], short["series"], short["edges"]) == (27, 3, None)
    assert json.loads(json.dumps(short, allow_nan=False)) == short
    constant = facts_of(snapshot_of(history_of(n_series=60).assign(y=0.0)), job_of())
    assert constant["usual_psi"] == 0
    assert json.loads(json.dumps(constant, allow_nan=False)) == constant
    assert check(snapshot_of(history_of(n_series=60).assign(y=0.0)), facts=constant) == []
