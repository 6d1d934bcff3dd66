"""The page, its events, and the search by payment id, over HTTP. No request changes anything.

All of it is also below any path, for a reverse proxy that does not remove its own: `/fraud/` is the page.
"""

from contextlib import aclosing, suppress
from dataclasses import dataclass

from aiohttp import web

from dashboard.assets import Assets
from dashboard.find import Finder
from dashboard.viewers import MOST_VIEWERS, Viewers
from fraudstream.kafka.connection import BROKEN

_LARGEST_ID = 2**63 - 1
_BELOW = "/{below:(?:.*/)?}"
_KEEP_ALIVE = b":%b\n\n" % (b" " * 4_096)
"""A comment after each event. It fills a buffer of nginx's default size, so that the event before it leaves a proxy
that buffers in spite of `X-Accel-Buffering`."""
_EVENT_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx, and proxies that follow it, pass each event on at once
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def application(viewers: Viewers, finder: Finder) -> web.Application:
    """What the dashboard answers."""
    routes = _Routes(viewers, finder, Assets.read())
    app = web.Application()
    app.router.add_get(f"{_BELOW}static/{{version}}/{{name}}", routes.asset)
    app.router.add_get(f"{_BELOW}events", routes.events)
    app.router.add_get(f"{_BELOW}api/payments/{{payment_id}}", routes.payment)
    app.router.add_get(_BELOW, routes.page)
    app.on_response_prepare.append(_with_headers)
    app.on_shutdown.append(routes.end)
    return app


@dataclass(frozen=True, slots=True)
class _Routes:
    viewers: Viewers
    finder: Finder
    assets: Assets

    async def page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=self.assets.index, content_type="text/html", headers={"Cache-Control": "no-cache"})

    async def asset(self, request: web.Request) -> web.StreamResponse:
        found = self.assets.files.get(request.match_info["name"])
        if found is None or request.match_info["version"] != self.assets.version:
            raise web.HTTPNotFound(text="no such file; load the page again\n")
        body, content_type = found
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)

    async def events(self, request: web.Request) -> web.StreamResponse:
        if len(self.viewers) >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_VIEWERS} pages are open: close one\n")
        response = web.StreamResponse(headers=_EVENT_HEADERS)
        await response.prepare(request)
        async with aclosing(self.viewers.events()) as coming:
            with suppress(ConnectionError):  # the page was closed
                async for event in coming:
                    await response.write(event + _KEEP_ALIVE)
        return response

    async def payment(self, request: web.Request) -> web.StreamResponse:
        text = request.match_info["payment_id"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_ID)) else 0
        if not 1 <= number <= _LARGEST_ID:
            return web.json_response({"error": "A payment id is a whole number from 1 to 2^63-1."}, status=400)
        try:
            return web.json_response(await self.finder.find(number))
        except BROKEN:
            return web.json_response({"error": "Kafka is away: the payment can't be read now."}, status=503)

    async def end(self, _: web.Application) -> None:
        self.viewers.let_all_go()


async def _with_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
