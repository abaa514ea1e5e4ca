"""Python's readers, a function each: ``python python_readers.py NAME METHOD URL BODY``.

It prints each event in a line, as JSON: its type and its data. The readers that need no package
are those that people write by hand.
"""

import asyncio
import json
import pathlib
import sys
import urllib.request
from datetime import timedelta

HERE = pathlib.Path(__file__).parent
FAST = 0.05
"""Seconds until a reader comes back, where that can be said."""
GET, POST = ["GET"], ["POST"]


def httpx_sse(method, url, body):
    import httpx
    import httpx_sse

    with httpx.Client(timeout=20) as client:
        with httpx_sse.connect_sse(client, method, url, json=body) as source:
            for event in source.iter_sse():
                yield event.event, event.data


def sseclient_py(method, url, body):
    import requests
    import sseclient

    answer = requests.request(method, url, json=body, stream=True)
    answer.raise_for_status()
    for event in sseclient.SSEClient(answer).events():
        yield event.event, event.data


def sseclient(method, url, body):
    sys.path.insert(0, str(HERE / ".work" / "sseclient"))  # it has the same name as sseclient-py
    import sseclient

    for event in sseclient.SSEClient(url):
        yield event.event, event.data


def requests_sse(method, url, body):
    from requests_sse import EventSource

    soon = timedelta(seconds=FAST)
    with EventSource(url, method, reconnection_time=soon, json=body) as source:
        for event in source:
            yield event.type, event.data


def aiohttp_sse_client(method, url, body):
    from aiohttp_sse_client.client import EventSource

    async def read():
        soon = timedelta(seconds=FAST)
        options = {"option": {"method": method}, "reconnection_time": soon, "json": body}
        async with EventSource(url, **options) as source:
            async for event in source:
                say(event.type, event.data)

    asyncio.run(read())
    return []


def launchdarkly(method, url, body):
    from ld_eventsource import SSEClient
    from ld_eventsource.config import ConnectStrategy, ErrorStrategy

    client = SSEClient(
        ConnectStrategy.http(url),
        initial_retry_delay=FAST,
        error_strategy=ErrorStrategy.continue_with_max_attempts(6),
    )
    for event in client.events:
        yield event.event, event.data


def httpx_lines(method, url, body):
    import httpx

    with httpx.stream(method, url, json=body, timeout=20) as answer:
        answer.raise_for_status()
        yield from by_lines(answer.iter_lines())


def requests_lines(method, url, body):
    import requests

    answer = requests.request(method, url, json=body, stream=True)
    answer.raise_for_status()
    yield from by_lines(answer.iter_lines(decode_unicode=True))


def ours(method, url, body):
    sys.path.insert(0, str(HERE.parents[1]))
    from flask_llmstream import EventStreamDecoder

    decoder = EventStreamDecoder()
    for piece in reads(method, url, body):
        for event in decoder.feed(piece):
            yield event.event, event.data


def our_client(method, url, body):
    sys.path.insert(0, str(HERE.parents[1]))
    from flask_llmstream import EventSource

    with EventSource(url, json=body, max_tries=0) as source:
        for text in source.text():
            yield "text", text


def openai_python(method, url, body):
    import openai

    client = openai.OpenAI(base_url=url.partition("/chat")[0], api_key="none", max_retries=0)
    options = {"messages": [{"role": "user", "content": body["messages"][0]["content"]}]}
    for chunk in client.chat.completions.create(model="m", stream=True, **options):
        yield "message", chunk.model_dump_json()
    yield "message", "[DONE]"


# By hand.


def blocks_lines(method, url, body):
    """Splits at blank lines, and takes the lines of a block that begin with ``data:``."""
    for block in blocks(method, url, body):
        yield from by_lines(block.split("\n"))


def blocks_starts(method, url, body):
    """Splits at blank lines, and takes the blocks that begin with ``data: ``."""
    for block in blocks(method, url, body):
        if block.startswith("data: "):
            yield "message", block[6:]


def lines(method, url, body):
    """Takes the lines that begin with ``data:``."""
    rest = ""
    for piece in reads(method, url, body):
        *whole, rest = (rest + piece.decode("utf-8", "replace")).split("\n")
        yield from by_lines(whole)


def each_read(method, url, body):
    """Takes what one read brings for one event, from its ``data: `` on."""
    for piece in reads(method, url, body):
        _, found, data = piece.decode("utf-8", "replace").partition("data: ")
        if found:
            yield "message", data.split("\n")[0]


def each_blank_line(method, url, body):
    """Dispatches an event at each blank line, as Go clients on ``bufio.Scanner`` do
    (openai/openai-go before its pull request 621)."""
    for block in blocks(method, url, body):
        data = [line[5:] for line in block.split("\n") if line.startswith("data:")]
        yield "message", "\n".join(data).strip()


def blocks(method, url, body):
    rest = ""
    for piece in reads(method, url, body):
        *whole, rest = (rest + piece.decode("utf-8", "replace")).split("\n\n")
        yield from whole


def by_lines(lines):
    """The lines of an event stream that begin with ``data:``, or those of lines of JSON."""
    for line in lines:
        if isinstance(line, bytes):  # requests decodes no type that names no charset
            line = line.decode()
        if line.startswith("data:"):
            yield "message", line[6:]
        elif line[:1] == "{":
            yield "message", line


def reads(method, url, body):
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(asked, timeout=20) as answer:
        yield from iter(lambda: answer.read1(65536), b"")


READERS = {
    "httpx-sse": httpx_sse,
    "sseclient-py": sseclient_py,
    "sseclient": sseclient,
    "requests-sse": requests_sse,
    "aiohttp-sse-client": aiohttp_sse_client,
    "launchdarkly-eventsource (Python)": launchdarkly,
    "httpx.iter_lines": httpx_lines,
    "requests.iter_lines": requests_lines,
    "EventStreamDecoder": ours,
    "EventSource, text()": our_client,
    "openai (Python)": openai_python,
    "blocks, their data lines": blocks_lines,
    "blocks that start with data:": blocks_starts,
    "lines that start with data:": lines,
    "each read is an event": each_read,
    "each blank line is an event": each_blank_line,
}


def say(*words):
    print(json.dumps(words), flush=True)


def main(name, method, url, body):
    try:
        for event, data in READERS[name](method, url, json.loads(body)):
            say(event, data)
    except Exception as error:
        say("error", None, f"{type(error).__name__}: {error}"[:200])


if __name__ == "__main__":
    main(*sys.argv[1:])
