"""What the two servers on uvicorn share: the tokens that a model would yield, and its options."""

import asyncio
import json
import sys
import time

import uvicorn

encode = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one per call


def message(delta):
    return encode({"ended": False, "message": delta})


async def burst(n):
    for number in range(n):
        yield str(number)


async def paced(n, gap):
    for _ in range(n):
        yield f"at {time.monotonic_ns()}"
        await asyncio.sleep(gap)


def serve(app):
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
