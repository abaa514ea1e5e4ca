"""fastapi-resumable-stream on uvicorn: its helpers and its defaults, as its manual shows.

But for the connections to Redis: each stream takes up to three, and redis-py allows 100.
"""

import os
import uuid

import asgi
from fastapi import FastAPI
from fastapi_resumable_stream import (
    ActiveStreamRegistry,
    ResumableStream,
    StopController,
    start_conversation_stream,
)
from redis.asyncio import Redis

app = FastAPI()
redis = Redis.from_url(os.environ["REDIS_URL"], max_connections=1000)
stream, registry, stop = ResumableStream(redis), ActiveStreamRegistry(redis), StopController(redis)


async def frames(deltas):
    async for delta in deltas:
        yield f"event: message\ndata: {asgi.message(delta)}\n\n"


async def kept(deltas):
    conversation = uuid.uuid4().hex
    return await start_conversation_stream(
        stream, registry, stop, conversation, f"{conversation}:1", lambda: frames(deltas)
    )


@app.get("/burst")
async def burst(n: int):
    return await kept(asgi.burst(n))


@app.get("/paced")
async def paced(n: int, gap: float):
    return await kept(asgi.paced(n, gap))


asgi.serve(app)
