"""Series as vectors, and which of them are alike."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_forecasters import EXTREME, UNTRAINED, fitted, frame_of, training_frame, weekly

from pipelines import ConfigError, Covariates, Forecaster, NotFittedError, Panel, PanelError, similarity
from pipelines.similarity import ContrastiveEncoder, Embeddings
from pipelines.similarity.stretches import stretches

pytestmark = pytest.mark.usefixtures("eagerly")


def of(embeddings, name):
    return embeddings.vectors[embeddings.ids.tolist().index(name)]


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


@cache
def embedded():
    return similarity.embed(fitted())


# Vectors of a forecaster's network


def test_a_series_has_one_vector_whatever_else_there_is():
    frame = training_frame()
    everything = embedded()
    assert everything.ids.tolist() == sorted(frame["unique_id"].unique())
    assert np.isfinite(everything.vectors).all()
    shuffled = similarity.embed(fitted(), frame.sample(frac=1, random_state=0))
    np.testing.assert_array_equal(shuffled.vectors, everything.vectors)
    for name, rows in frame.groupby("unique_id"):
        alone = similarity.embed(fitted(), rows.assign(unique_id=f"z {name}"))
        close(alone.vectors[0], of(everything, name))


@pytest.mark.parametrize("factor", [1024.0, 3.7, 1e-6])
def test_multiples_of_a_series_have_its_vector(factor):
    frame = training_frame()
    close(
        similarity.embed(fitted(), frame.assign(y=factor * frame["y"])).vectors,
        embedded().vectors,
    )


def test_rows_before_the_first_value_do_not_matter():
    frame = training_frame().query("unique_id == 'a'")
    days = pd.date_range(end=frame["ds"].min(), periods=31, inclusive="left")
    before = pd.DataFrame({"unique_id": "a", "ds": days, "y": np.nan})
    close(similarity.embed(fitted(), pd.concat([before, frame])).vectors[0], of(embedded(), "a"))


def test_series_without_a_change_and_extreme_ones_have_finite_vectors():
    assert np.isfinite(similarity.embed(fitted(), frame_of(EXTREME)).vectors).all()


def test_covariates_are_seen_too():
    frame = training_frame().assign(load=1.0, kind="dry", region="north")
    frame.loc[frame["ds"].dt.day < 9, ["load", "kind"]] = [5.0, "wet"]
    roles = Covariates(past=["load"], future=["kind"], static=["region"], calendar="auto")
    own = Forecaster(**{**UNTRAINED, "ensemble": 1}, covariates=roles).fit(frame)
    vectors = similarity.embed(own).vectors
    assert vectors.shape == (5, 128)
    assert np.isfinite(vectors).all()
    other = similarity.embed(own, frame.assign(load=9.0)).vectors
    assert (np.abs(other - vectors).max(axis=1) > 1e-3).all()


def test_the_nearest_of_a_series_is_its_noisy_copy():
    rng = np.random.default_rng(0)
    days = np.arange(70)
    patterns = {f"s{i}": 20 + rng.normal(0, 5, 7)[days % 7] + 0.3 * i * days for i in range(8)}
    copies = {f"copy {name}": y + rng.normal(0, 0.1, len(y)) for name, y in patterns.items()}
    found = similarity.neighbors(similarity.embed(fitted(), frame_of({**patterns, **copies})), count=1)
    partner = {**{name: f"copy {name}" for name in patterns}, **{f"copy {name}": name for name in patterns}}
    assert dict(zip(found["unique_id"], found["neighbor"], strict=True)) == partner


# Neighbors


@given(st.integers(0, 10**6), st.sampled_from(["cosine", "euclidean"]), st.integers(1, 9))
@settings(max_examples=20)
def test_neighbors_are_those_of_comparing_all(seed, metric, count):
    rng = np.random.default_rng(seed)
    names = [f"n{i}" for i in rng.permutation(7)]
    known = Embeddings(np.array(names, object), rng.normal(size=(7, 3)))
    new = Embeddings(np.array(["new", names[2]], object), rng.normal(size=(2, 3)))
    for queries in (None, new):
        found = similarity.neighbors(known, queries, count, metric)
        assert list(found.columns) == ["unique_id", "neighbor", "rank", "distance"]
        asked = known if queries is None else queries
        for name, vector in zip(asked.ids, asked.vectors, strict=True):
            away = {}
            for other, its in zip(known.ids, known.vectors, strict=True):
                cosine = 1 - vector @ its / np.linalg.norm(vector) / np.linalg.norm(its)
                away[other] = cosine if metric == "cosine" else np.linalg.norm(vector - its)
            away.pop(name, None)
            nearest = sorted(away, key=away.get)[:count]
            rows = found[found["unique_id"] == name]
            assert rows["neighbor"].tolist() == nearest
            assert rows["rank"].tolist() == list(range(1, len(nearest) + 1))
            np.testing.assert_allclose(rows["distance"], [away[each] for each in nearest], atol=1e-12)


def test_wrong_neighbors():
    two = Embeddings(np.array(["a", "b"], object), np.eye(2))
    with pytest.raises(ConfigError, match="count must be a positive integer"):
        similarity.neighbors(two, count=0)
    with pytest.raises(ConfigError, match=r"metric must be one of 'cosine', 'euclidean'\. Received: 'dot'"):
        similarity.neighbors(two, metric="dot")
    with pytest.raises(ConfigError, match="vectors of 2 and 3 features"):
        similarity.neighbors(two, Embeddings(np.array(["c"], object), np.eye(3)[:1]))
    with pytest.raises(ConfigError, match="Received: a single one"):
        similarity.neighbors(Embeddings(np.array(["a"], object), np.eye(1)))


def test_own_column_names_are_kept():
    frame = training_frame().rename(columns={"unique_id": "shop", "ds": "day", "y": "sold"})
    own = Forecaster(**UNTRAINED, id_col="shop", time_col="day", target_col="sold").fit(frame)
    found = similarity.neighbors(similarity.embed(own), count=1)
    assert list(found.columns) == ["shop", "neighbor", "rank", "distance"]
    assert list(similarity.embed(own).to_frame().columns[:2]) == ["shop", 0]


# Learned by telling series apart


def families(seed, members, rows=72, noise=0.3):
    """Monthly series of twelve shapes, each in units of its own."""
    rng = np.random.default_rng(seed)
    month = 2 * np.pi * np.arange(rows) / 12
    series = {}
    for family in range(12):
        waves = sum(rng.normal() * np.sin(k * month + rng.uniform(0, 6.3)) for k in (1, 2, 3))
        for member in range(members):
            shape = waves / waves.std() + noise * rng.normal(size=rows)
            series[f"{family:02}-{member}"] = rng.uniform(5, 500) * (4 + shape)
    return frame_of(series, freq="MS")


def recalled(encoder, frame):
    """How often the first half of a series is nearest to a second half of its own family, in other months."""
    parts = (frame.groupby("unique_id").head(rows) for rows in (36, 67))
    halves = [encoder.embed(part.groupby("unique_id").tail(30)) for part in parts]
    family = np.array([name[:2] for name in halves[0].ids])
    nearest = (halves[0].vectors @ halves[1].vectors.T).argmax(axis=1)
    return (family[nearest] == family).mean()


@cache
def encoder():
    """Compiled, as it takes many small steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    try:
        return ContrastiveEncoder(units=16, steps=80).fit(families(0, 4))
    finally:
        tf.config.run_functions_eagerly(True)


@pytest.mark.long
def test_training_raises_how_often_a_stretch_finds_its_family():
    unseen = families(1, 3)
    untrained = ContrastiveEncoder(units=16, steps=1).fit(families(0, 4))
    before, after = recalled(untrained, unseen), recalled(encoder(), unseen)
    assert after > 0.5
    assert after > before + 0.2


def test_the_same_seed_gives_the_same_vectors():
    frame = families(0, 4)
    twice = [
        ContrastiveEncoder(units=4, steps=2, seed=seed).fit(frame).embed(frame).vectors for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(twice[0], twice[1])
    assert np.abs(twice[0] - twice[2]).max() > 0.1


def test_vectors_of_the_encoder_have_length_1_and_no_units():
    frame = families(2, 1)
    vectors = encoder().embed(frame).vectors
    np.testing.assert_allclose((vectors**2).sum(axis=1), 1, rtol=1e-5)
    close(encoder().embed(frame.assign(y=1e6 * frame["y"] - 5e9)).vectors, vectors)
    alone = encoder().embed(frame[frame["unique_id"] == "03-0"].assign(unique_id="other"))
    close(alone.vectors[0], vectors[3])
    assert np.isfinite(encoder().embed(frame_of(EXTREME, freq="MS")).vectors).all()


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_stretches_are_in_units_of_their_own(seed):
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(20) < 0.2, np.nan, rng.normal(size=20) * 10 ** rng.uniform(-3, 3))
    panel = Panel.from_frame(pd.DataFrame({"unique_id": "A", "ds": range(20), "y": y}))
    end, length = int(rng.integers(1, 21)), 8
    cut = stretches(panel, np.array([0]), np.array([end]), length)
    own = panel.values[max(end - length, 0) : end]
    seen = own[np.isfinite(own)]
    wanted = np.zeros(length)
    spread = np.abs(seen - seen.mean()).mean() if len(seen) > 1 else 0
    if spread > 0:
        wanted[length - len(own) :] = np.nan_to_num((own - seen.mean()) / spread)
    np.testing.assert_allclose(cut.values[0], wanted, atol=1e-4)
    np.testing.assert_array_equal(cut.observed[0], np.r_[np.zeros(length - len(own), bool), np.isfinite(own)])


def test_wrong_encoders():
    with pytest.raises(ConfigError, match=r"units must be an integer from 1 on\. Received: 0"):
        ContrastiveEncoder(units=0)
    with pytest.raises(ConfigError, match=r"length must be an integer from 2 on\. Received: 'long'"):
        ContrastiveEncoder(length="long")
    with pytest.raises(NotFittedError, match=r"call fit\(df\)"):
        ContrastiveEncoder().embed(families(0, 1))
    with pytest.raises(PanelError, match=r"longer than a stretch of 90 rows\. Received: 0 of 12"):
        ContrastiveEncoder(length=90).fit(families(0, 1))
    with pytest.raises(PanelError, match="the frequency of the fit, 'MS'"):
        encoder().embed(Panel.from_frame(frame_of({"a": weekly(40)})))
