"""Calibrating an ensemble on what each member was kept from learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.optimize import minimize

from pipelines.conformal import normal_scores
from pipelines.network import feed_of
from pipelines.paths import Dependence, interval_widths
from pipelines.plan import Plan
from pipelines.windows import ChunkSampler, SeriesTable

Floats = npt.NDArray[np.float32]
Factors = tuple[float, float]
Scores = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

# Numbers that the forecasts of all members to calibrate on may hold.
_BUDGET: Final = 6_000_000
# Times that every origin is looked at, where there are few.
_LOOKS: Final = 4
# Where the best factors are looked for, and what the ensemble's may be. Intervals are narrowed by a tenth at
# most: to promise too much is the worse mistake.
_SHRINK: Final = (0.0, 1.5)
_WIDEN: Final = (0.3, 3.0)
# What a weaker pull would gain is little, and very predictable series would lose by it: one percent of a wide
# daily swing can be more than the error.
_WORTH_SHRINKING: Final = 0.9
_WIDEN_OF_ENSEMBLE: Final = (0.9, 2.0)


class Samples(NamedTuple):
    """Forecasts of what happened, in the units of the network's inputs.

    Attributes:
        strange: ``(n, quantiles)`` forecast of a member that was kept from learning the target.
        single: ``(n, quantiles)`` forecast of one that was not.
        ensemble: ``(n, quantiles)`` mean forecast of all that were not.
        location: ``(n,)`` last value before the origin.
        target: ``(n,)`` what happened.
        weight: ``(n,)`` weight of an error.
    """

    strange: Floats
    single: Floats
    ensemble: Floats
    location: Floats
    target: Floats
    weight: Floats


class Calibration(NamedTuple):
    """What was found where members had not learned.

    Attributes:
        factors: "shrink" and "widen"; see ``calibrate``.
        dependence: How errors of the steps of a forecast go together; None if that was not seen.
    """

    factors: dict[str, float]
    dependence: Dependence | None


def calibrate(network: Any, table: SeriesTable, plan: Plan, seed: int) -> Calibration:
    """Set how far the network's forecasts go from the last value, and how wide its intervals are.

    Each member forecasts the stretch of time that it was kept from learning; the best factors are those with
    the smallest quantile loss there. An ensemble errs less than its members: by how much its factors may
    differ from theirs is read off the rest of the time. Medians are only ever drawn nearer to the last value:
    a factor below 1 says that the network knows less than it believes, as on random walks.

    Args:
        network: The network, trained; its weights ``shrink`` and ``widen`` are set.
        table: The series.
        plan: Members, chunks and origins.
        seed: Fixes the origins.

    Returns:
        The two factors, both 1 for a single member, and where nothing was trained or held out; and how the
        errors of members on what they had not learned go together.
    """
    shrink, widen, dependence = 1.0, 1.0, None
    if plan.members > 1 and plan.steps > 0:
        samples, scores = _held_out(network, table, plan, seed)
        if len(samples.weight):
            shrink, widen = ensemble_factors(samples, np.asarray(network.quantiles, np.float32))
        dependence = Dependence.fit(*scores, "eras that members were kept from learning")
    set_factors(network, shrink, widen)
    return Calibration({"shrink": shrink, "widen": widen}, dependence)


def ensemble_factors(samples: Samples, quantiles: Floats) -> Factors:
    """Factors for the ensemble: those of a member on what it has not learned, less what averaging gains.

    Args:
        samples: Forecasts and what happened.
        quantiles: Probabilities of the forecasts.

    Returns:
        Factor of the median's distance from the last value, 1 or below 0.9, and of the intervals' width, at
        least 0.9.
    """
    strange, single, ensemble = (best_factors(part, *samples[3:], quantiles) for part in samples[:3])
    # Factors near 0 have no ratio to speak of. What was held out lies further from what was learned than the
    # next horizon does: half of the way, as ratios go, is enough.
    shrink, widen = (
        s * float(np.clip(e / max(o, 0.1), 0.5, 2.0))
        for s, e, o in zip(strange, ensemble, single, strict=True)
    )
    return shrink if shrink < _WORTH_SHRINKING else 1.0, float(np.clip(widen**0.5, *_WIDEN_OF_ENSEMBLE))


def best_factors(
    forecast: Floats, location: Floats, target: Floats, weight: Floats, quantiles: Floats
) -> Factors:
    """Factors with the smallest weighted quantile loss, which is convex in them.

    Args:
        forecast: ``(n, quantiles)``.
        location: ``(n,)`` what medians are drawn nearer to.
        target: ``(n,)``.
        weight: ``(n,)``.
        quantiles: Probabilities, 0.5 in the middle.

    Returns:
        Factor of the median's distance from the location, and of the other quantiles' from the median.
    """
    middle = len(quantiles) // 2
    ahead = forecast[:, middle] - location
    spread = forecast - forecast[:, middle, None]
    truth = target - location

    def loss(factors: npt.NDArray[np.float64]) -> float:
        shrink, widen = factors.astype(np.float32)
        error = (truth - shrink * ahead)[:, None] - widen * spread
        return float(np.maximum(quantiles * error, (quantiles - 1) * error).sum(axis=1, dtype=float) @ weight)

    found = minimize(loss, (1.0, 1.0), method="Powell", bounds=(_SHRINK, _WIDEN), options={"xtol": 1e-3})
    shrink, widen = found.x.tolist()
    return shrink, widen


def _held_out(network: Any, table: SeriesTable, plan: Plan, seed: int) -> tuple[Samples, Scores]:
    """Let all members forecast the same chunks, and sort out which of them had learned what.

    Returns:
        Forecasts of single values, and for whole horizons the normal scores and the widths of the forecasts,
        each ``(forecasts, horizon)``.
    """
    feed = feed_of(table, plan, network.context)
    members = plan.members

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
    def forecast(rows: dict[str, Any], series: Any, newest: Any) -> tuple[Any, ...]:
        chunk = feed.gatherer(rows).gather(
            *(tf.repeat(chosen[None], members, axis=0) for chosen in (series, newest))
        )
        weight = tf.where(chunk.known, chunk.weight[..., None, None], 0.0)[0]
        location = tf.broadcast_to(chunk.inputs[0, :, network.context :, :1], tf.shape(weight))
        quantiles = network.forecast_members(chunk.inputs, **chunk.features)
        return quantiles, chunk.held_out, location, chunk.target[0], weight

    origins = plan.chunks * plan.origins_per_chunk
    size = members * origins * plan.horizon * len(network.quantiles)
    batches = min(-(-_BUDGET // size), -(-_LOOKS * plan.origins // origins))
    sampler = ChunkSampler(table, plan.origins_per_chunk)
    draws = sampler.draw(np.random.default_rng(seed), (batches, plan.chunks))
    set_factors(network)
    parts: list[Samples] = []
    scores: list[Scores] = []
    for chosen in zip(*draws, strict=True):
        quantiles, held_out, location, target, weight = (
            part.numpy() for part in forecast(*feed.block(*chosen))
        )
        scores.append(_scores(network.quantiles, quantiles, held_out, np.where(weight > 0, target, np.nan)))
        some = held_out.any(axis=0) & (weight > 0)
        quantiles, held_out = quantiles[:, some], held_out[:, some]
        stranger = held_out.argmax(axis=0)
        row = np.arange(len(stranger))
        parts.append(
            Samples(
                quantiles[stranger, row],
                quantiles[(stranger + 1) % members, row],
                (quantiles.sum(axis=0) - quantiles[stranger, row]) / np.float32(members - 1),
                location[some],
                target[some],
                weight[some],
            )
        )
    return Samples(*(np.concatenate(part) for part in zip(*parts, strict=True))), _joined(scores)


def _joined(parts: list[Scores]) -> Scores:
    scores, widths = (np.concatenate(part) for part in zip(*parts, strict=True))
    return scores, widths


def _scores(
    probabilities: Sequence[float], quantiles: Floats, held_out: npt.NDArray[np.bool_], target: Floats
) -> Scores:
    """Normal scores and widths of horizons in the forecast of the member that has learned least of them.

    Args:
        probabilities: What quantiles are for.
        quantiles: ``(members, chunks, origins, horizon, quantiles)``.
        held_out: ``(members, chunks, origins, horizon)``.
        target: ``(chunks, origins, horizon)``, NaN where unknown.

    Returns:
        ``(forecasts, horizon)`` each; no score where the truth is not known or was learned.
    """
    stranger = held_out.sum(axis=-1).argmax(axis=0)[None, ..., None]
    kept = np.take_along_axis(held_out, stranger, axis=0)[0]
    own = np.take_along_axis(quantiles, stranger[..., None], axis=0)[0].astype(np.float64)
    truth = np.where(kept, target, np.nan).astype(np.float64)
    scores = normal_scores(own, probabilities, truth, np.array(-np.inf))
    return scores.reshape(-1, target.shape[-1]), interval_widths(own).reshape(-1, target.shape[-1])


def set_factors(network: Any, shrink: float = 1.0, widen: float = 1.0) -> None:
    """Set the factors of a network; without them, those that training begins with."""
    network.shrink.assign(shrink)
    network.widen.assign(widen)
