"""assistant-stream's resumable streams on uvicorn, with its defaults."""

import os
import uuid

import asgi
from assistant_stream.resumable import (
    create_redis_resumable_stream_store,
    create_resumable_stream_context,
)
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

redis = Redis.from_url(os.environ["REDIS_URL"], max_connections=1000)
context = create_resumable_stream_context(store=create_redis_resumable_stream_store(redis))


async def frames(deltas):
    async for delta in deltas:
        yield f"event: message\ndata: {asgi.message(delta)}\n\n".encode()


async def kept(deltas):
    body = await context.run(uuid.uuid4().hex, lambda: frames(deltas))
    return StreamingResponse(body, media_type="text/event-stream")


async def burst(request):
    return await kept(asgi.burst(int(request.query_params["n"])))


async def paced(request):
    query = request.query_params
    return await kept(asgi.paced(int(query["n"]), float(query["gap"])))


asgi.serve(Starlette(routes=[Route("/burst", burst), Route("/paced", paced)]))
