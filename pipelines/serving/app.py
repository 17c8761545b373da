"""Forecasts over HTTP: pages that answer with JSON, and errors that name series, column and cure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from pipelines import __version__
from pipelines.errors import ForecastingError
from pipelines.serving.bodies import parse_json, read_body
from pipelines.serving.ending import Ending
from pipelines.serving.forecasts import Answer, Forecasts
from pipelines.serving.frames import columns_of, records_of
from pipelines.serving.problems import Refused, describe
from pipelines.serving.requests import (
    FORECAST_SCHEMA,
    INVOCATIONS_SCHEMA,
    OBSERVATIONS_SCHEMA,
    ForecastRequest,
    read_invocation,
    read_observations,
    read_query,
)
from pipelines.serving.threads import Threads

MAX_BODY: Final = 32 * 2**20
"""Bytes of the largest body, about half a million rows."""
WORKERS: Final = 2
"""Requests that are computed at once, each on a core of its own."""
# Pages of other sites that a browser shows have another host in their requests.
_HOSTS: Final = ["127.0.0.1", "localhost", "::1", "testserver"]


@dataclass(frozen=True)
class About:
    """What is served.

    Args:
        source: Folder of the bundle, or the registered model.
        version: Version of the registered model; None for a folder.
        sha256: SHA-256 of the manifest of the bundle, which holds those of all its files.
        settings: Arguments of the forecaster.
        plan: What its fit derived.
    """

    source: str
    version: str | None
    sha256: str
    settings: dict[str, Any]
    plan: dict[str, Any]


def create_app(forecasts: Forecasts, about: About, max_body: int = MAX_BODY) -> FastAPI:
    """Make the application.

    Args:
        forecasts: What is served.
        about: What ``GET /info`` says of it.
        max_body: Bytes of the largest body.

    Returns:
        An ASGI application.
    """
    # Pages of documentation would load their programs from the network.
    app = FastAPI(title="tcn-forecasting", version=__version__, docs_url=None, redoc_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)
    app.add_middleware(Ending)
    _answer_errors(app, forecasts.kinds.columns)
    threads = Threads(WORKERS)

    async def compute(work: Callable[[], Any]) -> Response:
        """Compute an answer in a thread: others are heard meanwhile, and the server can end."""
        return await threads.run(lambda: _json(work()))

    async def posted(request: Request, work: Callable[[dict[str, Any]], Any]) -> Response:
        _check_type(request.headers.get("content-type", ""))
        length = request.headers.get("content-length")
        try:
            body = await read_body(request.stream(), length, max_body)
        except ClientDisconnect:
            raise Refused(400, "A body must be whole. Received: a part of it; send it again.") from None
        return await compute(lambda: work(parse_json(body)))

    def page(path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Let a function answer GET, and HEAD as the protocol asks."""

        def add(answer: Callable[..., Any]) -> Callable[..., Any]:
            app.head(path, include_in_schema=False)(answer)
            return app.get(path)(answer)

        return add

    @page("/health")
    @page("/ping")
    async def health() -> Response:
        """Say that the server is there, with its network loaded."""
        return _json({"status": "ok"})

    @page("/info")
    async def info() -> Response:
        """Say what is served."""
        return _json(_info(forecasts, about))

    @app.post("/forecast", openapi_extra=_body(FORECAST_SCHEMA))
    async def forecast(request: Request) -> Response:
        """Forecast the steps after the rows that are sent, or after those that are known."""
        return await posted(request, partial(_forecast, forecasts))

    @page("/forecast/{unique_id:path}")
    async def current(unique_id: str, request: Request) -> Response:
        """Forecast one series from what is known of it."""
        wanted = read_query(list(request.query_params.multi_items()))
        return await compute(lambda: _answer(forecasts.predict_known(unique_id, wanted), False))

    @app.post("/observations", openapi_extra=_body(OBSERVATIONS_SCHEMA))
    async def observations(request: Request) -> Response:
        """Append rows to the histories of known series, or correct some of them."""
        return await posted(
            request,
            lambda body: forecasts.histories.append(*read_observations(body, forecasts.kinds))._asdict(),
        )

    @app.post("/invocations", openapi_extra=_body(INVOCATIONS_SCHEMA))
    async def invocations(request: Request) -> Response:
        """Forecast, for clients of MLflow's scoring server."""
        return await posted(request, partial(_invoke, forecasts))

    return app


def _forecast(forecasts: Forecasts, body: dict[str, Any]) -> dict[str, Any]:
    asked = ForecastRequest.of(body, forecasts.kinds)
    answer = forecasts.predict(asked.rows, asked.future, asked.static, asked.wanted)
    return _answer(answer, asked.as_columns)


def _invoke(forecasts: Forecasts, body: dict[str, Any]) -> dict[str, Any]:
    rows, wanted = read_invocation(body, forecasts.kinds)
    return {"predictions": records_of(forecasts.predict_together(rows, wanted).frame)}


def _answer(answer: Answer, as_columns: bool) -> dict[str, Any]:
    frame = answer.frame
    return {"forecast": columns_of(frame) if as_columns else records_of(frame), "notes": [*answer.notes]}


def _info(forecasts: Forecasts, about: About) -> dict[str, Any]:
    kinds = forecasts.kinds
    return {
        "package": __version__,
        "model": about.source,
        "version": about.version,
        "sha256": about.sha256,
        "series": len(forecasts.histories),
        "columns": {
            "id": kinds.id_col,
            "time": kinds.time_col,
            "target": kinds.target_col,
            "past": list(kinds.past),
            "future": list(kinds.future),
            "static": list(kinds.static),
        },
        "settings": about.settings,
        "plan": about.plan,
    }


def _answer_errors(app: FastAPI, columns: tuple[str, ...]) -> None:
    """Let errors be answered with JSON that says what to do."""

    @app.exception_handler(ForecastingError)
    async def refuse(request: Request, error: ForecastingError) -> Response:
        return _json(describe(error, columns), error.status if isinstance(error, Refused) else 422)

    @app.exception_handler(404)
    async def no_page(request: Request, error: Exception) -> Response:
        message = (
            f"A page must be one of those in /openapi.json. Received: {request.url.path[:80]!r}; "
            "see POST /forecast."
        )
        return _json(describe(ValueError(message)), 404)

    @app.exception_handler(405)
    async def no_method(request: Request, error: Exception) -> Response:
        message = (
            f"A page must be asked with a method of its own. Received: {request.method} "
            f"{request.url.path[:80]!r}; see /openapi.json."
        )
        return _json(describe(ValueError(message)), 405, getattr(error, "headers", None))

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        return _json({"error": "An unexpected error in the server; its log says where."}, 500)


def _check_type(header: str) -> None:
    kind, _, rest = header.partition(";")
    parameters = [part.strip().lower().replace('"', "") for part in rest.split(";") if part.strip()]
    if kind.strip().lower() != "application/json" or any(part != "charset=utf-8" for part in parameters):
        raise Refused(
            415,
            f"A body must be of type application/json, in UTF-8. Received: {header[:80]!r}; set the header "
            "Content-Type: application/json.",
        )


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _json(content: Any, status: int = 200, headers: Any = None) -> Response:
    text = json.dumps(content, allow_nan=False)
    return Response(text, status, headers, media_type="application/json")
