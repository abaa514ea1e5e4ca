"""``openai``: responses in the background, cut and resumed, cancelled, deleted, gone on from."""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from typing import Any, Dict, List

import openai

APP = os.environ["APP"]
client = openai.OpenAI(base_url=f"{APP}/v1", api_key="any", max_retries=0)


def go(word: str) -> None:
    """Let the answer to this question go on."""
    urllib.request.urlopen(urllib.request.Request(f"{APP}/go/{word}", method="POST")).close()


def question() -> str:
    return uuid.uuid4().hex


def dumped(events: Any) -> List[Dict[str, Any]]:
    return [event.model_dump(mode="json") for event in events]


def resumed() -> Any:
    """The events of a stream, and of it cut and resumed behind each of them."""
    word = question()
    stream = client.responses.create(model="told", input=word, background=True, stream=True)
    first, wrong = [], []
    for event in stream:
        first.append(event.model_dump(mode="json"))
        if event.type == "response.output_text.delta" and event.delta == "two ":
            stream.close()  # the connection breaks
            break
    response_id, last = first[0]["response"]["id"], first[-1]["sequence_number"]
    with client.responses.retrieve(response_id, stream=True, starting_after=last) as rest:
        go(word)
        whole = first + dumped(rest)
    for event in whole:
        number = event["sequence_number"]
        asked = {"stream": True, "starting_after": number}
        rest = dumped(client.responses.retrieve(response_id, **asked))
        if rest != whole[number + 1 :]:
            wrong.append(number)
    again = dumped(client.responses.retrieve(response_id, stream=True)) == whole
    response = client.responses.retrieve(response_id)
    return {
        "text": response.output_text,
        "again": again,
        "wrong": wrong,
        "numbers": [event["sequence_number"] for event in whole] == [*range(len(whole))],
        "last": whole[-1]["type"],
    }


def polled() -> Any:
    """The states that a client sees which asks now and then."""
    word = question()
    response = client.responses.create(model="told", input=word, background=True)
    states = [response.status, client.responses.retrieve(response.id).status]
    go(word)
    while response.status in ("queued", "in_progress"):
        response = client.responses.retrieve(response.id)
    return {"states": [*states, response.status], "text": response.output_text}


def cancelled() -> Any:
    response = client.responses.create(model="told", input=question(), background=True)
    first = client.responses.cancel(response.id)
    second = client.responses.cancel(response.id)
    kept = client.responses.retrieve(response.id)
    return {"states": [first.status, second.status, kept.status], "same": first == second == kept}


def gone_on() -> Any:
    """The texts of two turns, of which the second names the first."""
    word = question()
    go(word)
    first = client.responses.create(model="told", input=word)
    second = client.responses.create(
        model="told", input="recall", previous_response_id=first.id, stream=True
    )
    texts = [event.delta for event in second if event.type == "response.output_text.delta"]
    return {"first": first.output_text, "second": "".join(texts).replace(word, "word")}


def deleted() -> Any:
    word = question()
    go(word)
    response = client.responses.create(model="told", input=word)
    client.responses.delete(response.id)
    try:
        client.responses.retrieve(response.id)
    except openai.APIStatusError as error:
        return error.status_code
    return 200


if __name__ == "__main__":
    for cell in (resumed, polled, cancelled, gone_on, deleted):
        print(json.dumps({"cell": cell.__name__, "value": cell()}), flush=True)
