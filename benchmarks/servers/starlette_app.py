"""sse-starlette on uvicorn: an async generator of mappings, as its manual shows."""

import asgi
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.routing import Route


def event_stream(deltas):
    async def events():
        async for delta in deltas:
            yield {"event": "message", "data": asgi.message(delta)}

    return EventSourceResponse(events(), sep="\n")


async def burst(request):
    return event_stream(asgi.burst(int(request.query_params["n"])))


async def paced(request):
    query = request.query_params
    return event_stream(asgi.paced(int(query["n"]), float(query["gap"])))


asgi.serve(Starlette(routes=[Route("/burst", burst), Route("/paced", paced)]))
