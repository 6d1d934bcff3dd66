"""The page, its events, and the search by payment id, over HTTP."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

from aiohttp import web

from dashboard.assets import Assets
from dashboard.find import Finder
from dashboard.viewers import MOST_VIEWERS, Viewers
from fraudstream.kafka.connection import BROKEN

_LARGEST_ID = 2**63 - 1
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(viewers: Viewers, finder: Finder) -> web.Application:
    """What the dashboard answers; no request changes anything."""
    assets = Assets.read()

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text=assets.index, content_type="text/html", headers={"Cache-Control": "no-cache"})

    async def asset(request: web.Request) -> web.StreamResponse:
        found = assets.files.get(request.match_info["name"])
        if found is None or request.match_info["version"] != assets.version:
            raise web.HTTPNotFound(text="no such file; load the page again\n")
        body, content_type = found
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)

    async def events(request: web.Request) -> web.StreamResponse:
        if len(viewers) >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_VIEWERS} pages are open: close one\n")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        async with aclosing(viewers.events()) as coming:
            with suppress(ConnectionError):  # the page was closed
                async for event in coming:
                    await response.write(event)
        return response

    async def payment(request: web.Request) -> web.StreamResponse:
        text = request.match_info["payment_id"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004 - digits of 2^63
        if not 1 <= number <= _LARGEST_ID:
            return web.json_response({"error": "a payment id is a whole number from 1 to 2^63-1"}, status=400)
        try:
            return web.json_response(await finder.find(number))
        except BROKEN:
            return web.json_response({"error": "Kafka is away: the payment can't be read now"}, status=503)

    app = web.Application(middlewares=[_with_headers])
    app.router.add_get("/", page)
    app.router.add_get("/events", events)
    app.router.add_get("/api/payments/{payment_id}", payment)
    app.router.add_get("/static/{version}/{name}", asset)

    async def let_go(_: web.Application) -> None:
        viewers.let_all_go()

    app.on_shutdown.append(let_go)
    return app


@web.middleware
async def _with_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(_HEADERS)
        raise
    if not response.prepared:
        response.headers.update(_HEADERS)
    return response
