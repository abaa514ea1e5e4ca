"""``openai``: its two clients and each of its ways to ask."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, Dict, Iterator, List

import openai
from pydantic import BaseModel

from tests.clients.python.telling import (
    API_KEY,
    BASE_URL,
    PERSON_SCHEMA,
    WEATHER_TOOL,
    error_of,
    left,
    slow_scene,
    tell,
    weather_in,
)

client = openai.OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0)
patient = client.with_options(max_retries=1)
PERSON = {"name": "person", "schema": PERSON_SCHEMA, "strict": True}
Answer = Dict[str, Any]


class Person(BaseModel):
    name: str
    age: int


def asking(prompt: str) -> List[Any]:
    return [{"role": "user", "content": prompt}]


class Row:
    """The cells of all ways to ask. A way to ask is ``_ask``, which gives an :func:`answer`."""

    def _ask(self, model: str, messages: List[Any], **more: Any) -> Answer:
        raise NotImplementedError

    def text(self, model: str) -> str:
        return self._ask(model, asking("scene:text"))["text"]

    def halves(self, model: str) -> str:
        return self._ask(model, asking("scene:halves"))["text"]

    def reasons(self, model: str) -> Answer:
        got = self._ask(model, asking("scene:reasons"))
        return {"reasoning": got["reasoning"], "text": got["text"]}

    def weather(self, model: str) -> Answer:
        messages = asking("scene:weather")
        first = self._ask(model, messages, tools=[WEATHER_TOOL], parallel_tool_calls=True)
        calls = first["calls"]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        for call in calls:
            city = json.loads(call["function"]["arguments"])["city"]
            said = {"role": "tool", "tool_call_id": call["id"], "content": weather_in(city)}
            messages.append(said)
        last = self._ask(model, messages, tools=[WEATHER_TOOL])
        made = [[c["function"]["name"], json.loads(c["function"]["arguments"])] for c in calls]
        return {"calls": made, "finish": first["finish"], "answer": last["text"]}

    def person(self, model: str) -> Any:
        wanted = {"type": "json_schema", "json_schema": PERSON}
        return json.loads(self._ask(model, asking("scene:person"), response_format=wanted)["text"])

    def refuses(self, model: str) -> str:
        return self._ask(model, asking("scene:refuses"))["refusal"]

    def logprobs(self, model: str) -> Any:
        return self._ask(model, asking("scene:logprobs"), logprobs=True)["logprobs"]

    def usage(self, model: str) -> Any:
        return self._ask(model, asking("scene:text"))["usage"]

    def busy(self, model: str) -> Any:
        return error_of(lambda: self._ask(model, asking("scene:busy")))

    def wrong(self, model: str) -> Any:
        return error_of(lambda: self._ask(model, asking("scene:wrong"), seed=7))

    def breaks(self, model: str) -> Any:
        return error_of(lambda: self._ask(model, asking("scene:breaks")))


def answer() -> Answer:
    return {"text": "", "reasoning": "", "refusal": "", "calls": [], "logprobs": []}


def add(got: Answer, choice: Any, message: Any) -> None:
    """Add a choice's message or delta."""
    extra = message.model_extra or {}
    got["text"] += message.content or ""
    got["reasoning"] += extra.get("reasoning_content") or ""
    got["refusal"] += message.refusal or ""
    got["finish"] = choice.finish_reason or got.get("finish")
    if choice.logprobs:
        got["logprobs"] += [[one.token, one.logprob] for one in choice.logprobs.content]


def counted(usage: Any) -> Any:
    if usage is None:
        return None
    read, written = usage.prompt_tokens_details, usage.completion_tokens_details
    return {
        "prompt": usage.prompt_tokens,
        "completion": usage.completion_tokens,
        "total": usage.total_tokens,
        "cached": read and read.cached_tokens,
        "reasoning": written and written.reasoning_tokens,
    }


def of_chunks(chunks: Iterator[Any]) -> Answer:
    got = answer()
    for chunk in chunks:
        if chunk.usage:
            got["usage"] = counted(chunk.usage)
        for choice in chunk.choices:
            add(got, choice, choice.delta)
            add_calls(got, choice.delta.tool_calls or [])
    return got


def add_calls(got: Answer, fragments: Any) -> None:
    for part in fragments:
        if part.index == len(got["calls"]):
            got["calls"].append(part.model_dump(exclude={"index"}))
        else:
            got["calls"][part.index]["function"]["arguments"] += part.function.arguments


def of_whole(completion: Any) -> Answer:
    got, choice = answer(), completion.choices[0]
    add(got, choice, choice.message)
    got["calls"] = [call.model_dump(exclude_unset=True) for call in choice.message.tool_calls or []]
    got["usage"] = counted(completion.usage)
    return got


STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


class Sync(Row):
    name = "`stream=True`"

    def _ask(self, model: str, messages: List[Any], **more: Any) -> Answer:
        asked = {"model": model, "messages": messages, **STREAMED, **more}
        return of_chunks(client.chat.completions.create(**asked))

    def busy_once(self, model: str) -> Any:
        """It waits as ``Retry-After`` says, and asks again."""
        began = time.monotonic()
        error = error_of(lambda: patient.chat.completions.create(
            model=model, messages=asking("scene:busy"), stream=True))  # fmt: skip
        return {"class": error["class"], "waited": round(time.monotonic() - began, 1)}

    def slow(self, model: str) -> float:
        word, prompt = slow_scene()
        stream = client.chat.completions.create(model=model, messages=asking(prompt), stream=True)
        for _ in range(4):
            next(stream)
        stream.close()
        return left(model, word)


class Whole(Row):
    name = "whole"

    def _ask(self, model: str, messages: List[Any], **more: Any) -> Answer:
        asked = {"model": model, "messages": messages, **more}
        return of_whole(client.chat.completions.create(**asked))


class Async(Row):
    name = "async"

    def _ask(self, model: str, messages: List[Any], **more: Any) -> Answer:
        asked = {"model": model, "messages": messages, **STREAMED, **more}
        return asyncio.run(self._asked(asked))

    async def _asked(self, asked: Any) -> Answer:
        async with openai.AsyncOpenAI(
            base_url=BASE_URL, api_key=API_KEY, max_retries=0
        ) as client:
            stream = await client.chat.completions.create(**asked)
            return of_chunks(iter([chunk async for chunk in stream]))

    def slow(self, model: str) -> float:
        return asyncio.run(self._left(model))

    async def _left(self, model: str) -> float:
        word, prompt = slow_scene()
        async with openai.AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY) as client:
            stream = await client.chat.completions.create(
                model=model, messages=asking(prompt), stream=True
            )
            async for _ in stream:
                break
            await stream.close()
            return left(model, word)


class Helper(Row):
    name = "`.stream()`"

    def _ask(self, model: str, messages: List[Any], **more: Any) -> Answer:
        wanted = {"stream_options": {"include_usage": True}, **more}
        with client.chat.completions.stream(model=model, messages=messages, **wanted) as stream:
            for _ in stream:
                pass
            return of_whole(stream.get_final_completion())

    def person(self, model: str) -> Any:
        got = client.chat.completions.stream(
            model=model, messages=asking("scene:person"), response_format=Person
        )
        with got as stream:
            return stream.get_final_completion().choices[0].message.parsed.model_dump()


class Parse(Row):
    name = "`.parse()`"

    def _ask(self, model: str, messages: List[Any], **more: Any) -> Answer:
        return of_whole(client.chat.completions.parse(model=model, messages=messages, **more))

    def person(self, model: str) -> Any:
        got = client.chat.completions.parse(
            model=model, messages=asking("scene:person"), response_format=Person
        )
        return got.choices[0].message.parsed.model_dump()


class Lines(Row):
    name = "`iter_lines()`"

    def _ask(self, model: str, messages: List[Any], **more: Any) -> Answer:
        asked = {"model": model, "messages": messages, **STREAMED, **more}
        with client.chat.completions.with_streaming_response.create(**asked) as response:
            data = [line[6:] for line in response.iter_lines() if line.startswith("data: ")]
        chunks = [json.loads(one) for one in data if one != "[DONE]"]
        for chunk in chunks:
            if "error" in chunk:
                raise RuntimeError(chunk["error"])
        Chunk = openai.types.chat.ChatCompletionChunk
        return of_chunks(iter([Chunk.model_validate(chunk) for chunk in chunks]))


if __name__ == "__main__":
    tell(Sync(), Async(), Whole(), Helper(), Parse(), Lines())
