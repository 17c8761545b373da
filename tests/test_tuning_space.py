"""Search spaces are data that settings agree with, and oracles stay inside of them."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs_stand_in import make_frame
from tuning_cases import SPACE, forecaster, scored, study_of

from pipelines import ConfigError, Panel
from pipelines.config import Settings
from pipelines.tuning import Choice, IntRange, LogUniform, SearchSpace, Uniform
from pipelines.tuning.defaults import cheap, default_space
from pipelines.tuning.importance import importance_of
from pipelines.tuning.oracles import BEGAN, ENDED, METHODS, Search
from pipelines.tuning.records import TrialRecord
from pipelines.tuning.space import TUNABLE

VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3).filter(lambda t: t != "none"))
FLOATS = st.floats(1e-6, 1e6)


@st.composite
def domains(draw):
    kind = draw(st.sampled_from(["choice", "int", "uniform", "log"]))
    if kind == "choice":
        return Choice(*draw(st.lists(VALUES, min_size=2, max_size=5, unique_by=repr)))
    if kind == "int":
        low, high = sorted(draw(st.lists(st.integers(1, 10**6), min_size=2, max_size=2, unique=True)))
        log = draw(st.booleans())
        return IntRange(low, high, 1 if log else draw(st.integers(1, 50)), log)
    low, high = sorted(draw(st.lists(FLOATS, min_size=2, max_size=2, unique=True)))
    return (Uniform if kind == "uniform" else LogUniform)(low, high)


@st.composite
def spaces(draw):
    names = draw(st.lists(st.sampled_from(TUNABLE), min_size=1, max_size=4, unique=True))
    return SearchSpace({name: draw(domains()) for name in names})


@given(spaces())
def test_a_space_is_read_as_it_was_written(space):
    assert SearchSpace(json.loads(json.dumps(space.to_dict()))) == space
    assert list(space) == list(SearchSpace(space.to_dict()))


def test_a_space_is_read_from_toml(tmp_path):
    file = tmp_path / "space.toml"
    file.write_text(
        """
        filters = [16, 32]
        transform = ["none", "log"]
        dilations = [[1, 2], [1, 2, 4]]
        lookback = {low = 24, high = 96, step = 24}
        kernel_size = {values = [2, 3]}
        learning_rate = {low = 1e-4, high = 1e-2, log = true}
        jitter = {low = 0.0, high = 0.5}
        """
    )
    assert SearchSpace.read(file) == {
        "filters": Choice(16, 32),
        "transform": Choice(None, "log"),
        "dilations": Choice((1, 2), (1, 2, 4)),
        "lookback": IntRange(24, 96, 24),
        "kernel_size": Choice(2, 3),
        "learning_rate": LogUniform(1e-4, 1e-2),
        "jitter": Uniform(0.0, 0.5),
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("filters = 3", "'filters' of a search space must be a list of values, or a table"),
        ("filter = [1, 2]", "Received: 'filter'. Known: .*filters"),
        ("horizon = [1, 2]", "Received: 'horizon'"),
        ("filters = [16]", "'filters': A choice must have two values"),
        ("filters = [16, 16]", "each once"),
        ("lookback = {low = 24}", "must be a list of values, or a table"),
        ("lookback = {low = 24, high = 12}", "'lookback': A range of integers must have low < high"),
        ("jitter = {low = 0.1, high = 0.5, step = 0.1}", "step is for ranges of integers"),
        ("learning_rate = {low = 0.0, high = 0.5, log = true}", "must begin above 0"),
        ("learning_rate = {low = 'a', high = 'b'}", "two finite numbers"),
        ("lookback = {low = 2, high = 9, step = 2, log = true}", "with step=1"),
        (
            "jitter = {low = 0.1, high = 0.5, log = 'no'}",
            "'jitter': log must be true or false. Received: 'no'",
        ),
        ("filters = [", "must be a TOML file"),
        ("", "Received: none"),
    ],
)
def test_what_is_no_space_is_named(content, message, tmp_path):
    file = tmp_path / "space.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        SearchSpace.read(file)
    with pytest.raises(ConfigError, match="no-such-file"):
        SearchSpace.read(tmp_path / "no-such-file")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"filters": [0, 16]}, "'filters'.*Received: 0"),
        ({"learning_rate": {"low": 0.1, "high": 2.0}}, "'learning_rate'.*Received: 2"),
        ({"transform": ["none", "cube"]}, "'transform'.*Received: 'cube'"),
        ({"head": ["quantile", "hurdle"]}, "transform='log'"),
    ],
)
def test_values_that_settings_refuse_are_named_at_once(space, message):
    with pytest.raises(ConfigError, match=message):
        SearchSpace(space).check(Settings(horizon=3, transform="log"))


@given(
    st.sampled_from(METHODS[:1] + METHODS[2:]),
    spaces().filter(lambda s: "max_steps" not in s),
    st.integers(0, 9),
)
@settings(max_examples=20, deadline=None)
def test_proposals_lie_in_the_space(method, space, seed):
    """Whatever the settings say of the values, which are any."""
    search = Search(space, method, seed, Settings(horizon=3), 90)
    object.__setattr__(space, "allows", lambda settings, values: True)
    trials, events = [], []
    for number in range(4):
        values = search.propose(trials, events)
        if values is None:
            assert space.size <= number
            return
        assert list(values) == [*space, *(["max_steps"] * (method == "hyperband"))]
        for name, domain in space.items():
            if isinstance(domain, Choice | IntRange):
                assert values[name] in domain.values
                assert type(values[name]) in {type(value) for value in domain.values}
            else:
                assert domain.low <= values[name] <= domain.high
        trials.append(TrialRecord(str(number), number, values, "COMPLETED", float(number)))
        events += [(BEGAN, number), (ENDED, number)]


def proposals(method, seed=0, count=8, space=SPACE):
    search = study_of(method, seed, space=space).search
    trials, events = [], []
    while len(trials) < count:
        values = search.propose(trials, events)
        if values is None:
            break
        number = len(trials)
        outcome = scored({"lookback": "auto", "learning_rate": "auto", "transform": None, **values})
        status = "FAILED" if outcome.score is None else "COMPLETED"
        trials.append(TrialRecord(str(number), number, values, status, outcome.score))
        events += [(BEGAN, number), (ENDED, number)]
    return [trial.values for trial in trials]


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_is_a_search(method):
    count = 6 if method == "bayesian" else 14
    first = proposals(method, 0, count)
    assert first == proposals(method, 0, count)
    assert first[0] != proposals(method, 1, 1)[0]


@pytest.mark.parametrize("method", METHODS)
def test_a_small_space_is_tried_once_and_as_a_whole(method):
    space = SearchSpace({"filters": [8, 16], "transform": ["none", "log"]})
    found = proposals(method, count=30, space=space)
    if method == "hyperband":  # that trains the good ones again, for longer
        found = found[:4]
    assert len(found) == 4
    assert len({(values["filters"], values["transform"]) for values in found}) == 4


def test_combinations_that_cannot_be_are_not_proposed():
    space = SearchSpace(
        {"head": ["quantile", "hurdle"], "transform": ["none", "log"], "scaling": ["origin", "global"]}
    )
    found = proposals("random", count=30, space=space)
    assert len(found) == 5
    assert {"head": "hurdle", "transform": None, "scaling": "origin"} in found


def test_bayesian_optimization_looks_where_scores_are_good():
    """Of draws at random, half lie farther than a factor of 3 from the best rate."""
    space = SearchSpace({"learning_rate": LogUniform(1e-4, 4e-2)})
    late = [values["learning_rate"] for values in proposals("bayesian", 0, 12, space)[6:]]
    assert sum(abs(math.log(rate / 2e-3)) < math.log(3) for rate in late) >= 4


def test_hyperband_gives_the_best_third_more_steps():
    found = proposals("hyperband", 0, 13, SearchSpace({"learning_rate": LogUniform(1e-4, 1e-2)}))
    assert [values["max_steps"] for values in found] == [10] * 9 + [30] * 3 + [90]
    badness = [abs(math.log(values["learning_rate"] / 2e-3)) for values in found]
    assert sorted(badness[9:12]) == sorted(badness[:9])[:3]
    assert badness[12] == min(badness)


@st.composite
def panels(draw):
    lengths = draw(st.lists(st.integers(40, 90), min_size=1, max_size=3))
    frame = make_frame(lengths)
    shift = draw(st.sampled_from(["as is", "negative", "zeros"]))
    if shift == "negative":
        frame["y"] -= 30
    if shift == "zeros":
        frame.loc[np.arange(len(frame)) % 3 > 0, "y"] = 0.0
    return Panel.from_frame(frame, 1)


@given(panels(), st.sampled_from(["quantile", "normal"]), st.sampled_from([None, "asinh"]), st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_default_space_suits_any_data(panel, head, transform, fixed):
    own = {"filters": 8, "lookback": 10} if fixed else {}
    asked = forecaster(head=head, transform=transform, **own)
    shared = cheap(Settings.of(asked.get_params()))
    plan = type(asked)(**dict(shared)).plan(panel)
    space = default_space(shared, plan, panel)
    space.check(shared)
    assert {"kernel_size", "dilations", "learning_rate", "jitter"} <= space.keys()
    assert not own.keys() & space.keys()
    if not fixed:
        assert plan.lookback in space["lookback"].values
    assert plan.dilations in space["dilations"].values
    for name in ("head", "transform"):
        assert name not in space or getattr(shared, name) in space[name].values
    if "transform" in space and "log" in space["transform"].values:
        assert np.nanmin(panel.values) > 0


def test_intermittent_demand_may_be_forecast_by_a_hurdle():
    frame = make_frame((90,))
    frame.loc[np.arange(90) % 4 > 0, "y"] = 0.0
    shared = cheap(Settings.of(forecaster().get_params()))
    panel = Panel.from_frame(frame, 1)
    space = default_space(shared, forecaster().plan(panel), panel)
    assert "hurdle" in space["head"].values
    assert "transform" not in space


def table(score, count=40):
    rng = np.random.default_rng(1)
    drawn = [
        {"a": float(rng.random()), "b": str(rng.choice(["x", "y", "z"])), "c": (1, int(rng.integers(3)))}
        for _ in range(count)
    ]
    return [TrialRecord(str(n), n, values, "COMPLETED", score(values)) for n, values in enumerate(drawn)]


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("a", lambda v: (v["a"] - 0.5) ** 2),
        ("b", lambda v: {"x": 1.0, "y": 5.0, "z": 2.0}[v["b"]]),
        ("c", lambda v: float(v["c"] == (1, 1))),
    ],
)
def test_what_scores_depend_on_is_important(name, score):
    trials = table(score)
    shares = importance_of(trials)
    assert next(iter(shares)) == name
    assert shares[name] > 0.85
    assert sum(shares.values()) == pytest.approx(1)
    failed = TrialRecord("f", 99, {"a": 0.0, "b": "x", "c": (1, 2)}, "FAILED")
    scaled = [TrialRecord(t.trial_id, t.number, t.values, t.status, 7 * t.score + 3) for t in trials]
    assert importance_of([*trials, failed]) == shares
    assert importance_of(scaled) == pytest.approx(shares, abs=0.02)


def test_few_trials_and_equal_scores_tell_nothing():
    assert importance_of(table(lambda values: values["a"], 4)) == {}
    assert importance_of(table(lambda values: 3.0)) == {}
    assert len(importance_of(table(lambda values: values["a"], 5))) == 3


@pytest.mark.parametrize("seed", [-1, "a", 1.5, None, True])
def test_a_seed_is_a_number(seed):
    with pytest.raises(ConfigError, match=r"seed must be an integer, 0 or more. Received"):
        Search(SearchSpace({"filters": [2, 4]}), "random", seed, Settings(horizon=3), 0)


def test_a_range_of_a_real_argument_has_all_numbers_between_its_ends():
    space = SearchSpace({"jitter": {"low": 0, "high": 1}, "lookback": {"low": 8, "high": 9}})
    assert dict(space) == {"jitter": Uniform(0.0, 1.0), "lookback": IntRange(8, 9)}
    whole = SearchSpace({"jitter": IntRange(0, 4, step=2)})
    assert SearchSpace(whole.to_dict()) == whole
