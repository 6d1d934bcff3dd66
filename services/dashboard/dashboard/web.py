"""HTTP routes of the page, its events, and the search by payment id. No request changes anything.

All routes also work below any path, for a reverse proxy that does not strip its prefix: `/fraud/` is the page.
"""

import re
from contextlib import aclosing, suppress
from dataclasses import dataclass

from aiohttp import web

from dashboard.assets import Assets
from dashboard.find import Finder, TooManySearchesError
from dashboard.search_ids import NoIdError
from dashboard.viewers import Viewers
from fraudstream.kafka.connection import BROKEN
from fraudstream.runtime.http_server import Limits, client_of

_BELOW = "/{below:(?:.*/)?}"
_KEEP_ALIVE = b":%b\n\n" % (b" " * 4_096)
"""Comment after each event. It fills a buffer of nginx's default size, so that a proxy that ignores `X-Accel-Buffering`
sends the event before it."""
_EVENT_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx and compatible proxies send each event immediately
}
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}
_ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}
LINKED = re.compile(r"/(?:.*/)?")
"""Paths that other sites may link to: only the page. By linking to a search, a site could measure its duration."""
LIMITS = Limits(total=500, of_one=300)


def application(viewers: Viewers, finder: Finder) -> web.Application:
    """Build the dashboard's web application."""
    routes = _Routes(viewers, finder, Assets.read())
    app = web.Application()
    app.router.add_get(f"{_BELOW}static/{{version}}/{{name}}", routes.asset)
    app.router.add_get(f"{_BELOW}events", routes.events)
    app.router.add_get(f"{_BELOW}api/payments", routes.payment)
    app.router.add_get(f"{_BELOW}api/payments/{{id}}", routes.payment)
    app.router.add_get(_BELOW, routes.page)
    app.on_shutdown.append(routes.end)
    return app


@dataclass(frozen=True, slots=True)
class _Routes:
    viewers: Viewers
    finder: Finder
    assets: Assets

    async def page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=self.assets.index, content_type="text/html", headers=_PAGE_HEADERS)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        found = self.assets.files.get(request.match_info["name"])
        if found is None or request.match_info["version"] != self.assets.version:
            raise web.HTTPNotFound(text="no such file; load the page again\n")
        body, content_type = found
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=_ASSET_HEADERS)

    async def events(self, request: web.Request) -> web.StreamResponse:
        client = client_of(request.remote)
        if refusal := self.viewers.refusal(client):  # an event: the page can't read the status of a stream
            return web.Response(body=refusal, headers=_EVENT_HEADERS)
        response = web.StreamResponse(headers=_EVENT_HEADERS)
        response.force_close()
        async with aclosing(self.viewers.events(client)) as stream:
            with suppress(ConnectionError):  # the page was closed, or does not read its events
                async for event in stream:
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(event + _KEEP_ALIVE)
                    await request.writer.drain()
        return response

    async def payment(self, request: web.Request) -> web.StreamResponse:
        """Answer a search; a refused one has status 200 and an `error`: browsers log any other status as an error."""
        # the page sends the id as `?id=`: browsers and proxies rewrite paths, such as the id ".." or one with a slash
        text = request.match_info.get("id") or request.query.get("id", "")
        try:
            return web.json_response(await self.finder.find(text))
        except NoIdError as error:
            return web.json_response({"error": str(error)})
        except TooManySearchesError:
            return web.json_response({"error": "Many searches are running: try again in a few seconds."})
        except BROKEN:
            return web.json_response({"error": "Kafka is unavailable: the payment can't be read now."})

    async def end(self, _: web.Application) -> None:
        self.viewers.close_all()
