"""FastAPI's own event streams on uvicorn: a path operation that yields, as its manual shows."""

import asgi
from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent

app = FastAPI()


def event(delta):
    return ServerSentEvent(event="message", raw_data=asgi.message(delta))


@app.get("/burst", response_class=EventSourceResponse)
async def burst(n: int):
    async for delta in asgi.burst(n):
        yield event(delta)


@app.get("/paced", response_class=EventSourceResponse)
async def paced(n: int, gap: float):
    async for delta in asgi.paced(n, gap):
        yield event(delta)


asgi.serve(app)
