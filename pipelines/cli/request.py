"""Commands that take a request: what to forecast, as an argument and options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from pipelines.cli import options as o
from pipelines.cli.parsing import parse_lags, parse_levels, parse_seasons

if TYPE_CHECKING:
    from pipelines.jobs import Request

Ask = Callable[..., "Request"]  # what a command that takes a request gets in its place


def takes_request(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the argument and the options that say what to forecast.

    Args:
        *without: Options that mean nothing to the command.

    Returns:
        A decorator for functions whose first parameter is called ``request``, with the command's own options
        after it. It is called with a function that makes the request, and that takes what was left out.
    """
    possible = inspect.signature(_make_request, eval_str=True).parameters
    asked = [parameter for name, parameter in possible.items() if name not in without]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "request"
        ]

        @wraps(command)
        def with_options(**given: Any) -> None:
            settings = {parameter.name: given.pop(parameter.name) for parameter in asked}
            command(lambda **more: _make_request(**settings, **more), **given)

        options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*asked, *own)]
        with_options.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        with_options.__annotations__ = {option.name: option.annotation for option in options}
        return with_options

    return decorate


def _make_request(
    source: o.Source,
    horizon: o.Horizon = None,
    freq: o.Freq = None,
    season_length: o.SeasonLength = None,
    id_col: o.IdCol = "unique_id",
    time_col: o.TimeCol = "ds",
    target_col: o.TargetCol = "y",
    name: o.Name = None,
    past_col: o.PastCol = None,
    future_col: o.FutureCol = None,
    static_col: o.StaticCol = None,
    calendar: o.Calendar = None,
    holidays: o.Holidays = None,
    lag: o.Lag = None,
    static: o.Static = None,
    future: o.Future = None,
    levels: o.Levels = "80,95",
    seed: o.Seed = None,
    preset: o.Preset = None,
    max_steps: o.MaxSteps = None,
    learning_rate: o.LearningRate = None,
    jitter: o.Jitter = None,
    loss: o.Loss = None,
    stretch: o.Stretch = None,
    transform: o.Transform = None,
    scaling: o.Scaling = None,
    multivariate: o.Multivariate = False,
    target: o.Target = None,
    architecture: o.Architecture = None,
    head: o.Head = None,
    conformal: o.Conformal = None,
) -> Any:
    """Make a job's request from the options of a command."""
    from pipelines.covariates import Covariates
    from pipelines.jobs import Request

    covariates = Covariates(
        past=past_col or (),
        future=future_col or (),
        static=static_col or (),
        calendar=calendar,
        holidays=holidays,
        lags=parse_lags(lag or []),
    )
    return Request(
        source,
        horizon=horizon,
        freq=freq,
        season_length=None if season_length is None else parse_seasons(season_length),
        levels=parse_levels(levels),
        seed=seed,
        preset=preset,
        max_steps=max_steps,
        learning_rate=learning_rate,
        jitter=jitter,
        loss=loss,
        stretch=stretch,
        transform=transform,
        scaling=scaling,
        multivariate=multivariate,
        target=target,
        architecture=architecture,
        head=head,
        conformal=conformal,
        id_col=id_col,
        time_col=time_col,
        target_col=target_col,
        name=name,
        covariates=None if covariates.is_empty else covariates,
        static=static,
        future=future,
    )
