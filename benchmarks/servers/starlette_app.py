"""sse-starlette on uvicorn: an async generator of mappings, as its manual shows."""

import asyncio
import json
import sys
import time

import uvicorn
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.routing import Route

encode = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one per call


async def burst_tokens(n):
    for number in range(n):
        yield str(number)


async def paced_tokens(n, gap):
    for _ in range(n):
        yield f"at {time.monotonic_ns()}"
        await asyncio.sleep(gap)


def event_stream(deltas):
    async def events():
        async for delta in deltas:
            yield {"event": "message", "data": encode({"ended": False, "message": delta})}

    return EventSourceResponse(events(), sep="\n")


async def burst(request):
    return event_stream(burst_tokens(int(request.query_params["n"])))


async def paced(request):
    query = request.query_params
    return event_stream(paced_tokens(int(query["n"]), float(query["gap"])))


app = Starlette(routes=[Route("/burst", burst), Route("/paced", paced)])
uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    loop="uvloop",
    http="httptools",
    access_log=False,
    log_level="warning",
    server_header=False,
)
