"""``openai``: the ways to ask of its ``client.responses``."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, List

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
TOOL = {"type": "function", **WEATHER_TOOL["function"]}
PERSON = {"type": "json_schema", "name": "person", "schema": PERSON_SCHEMA, "strict": True}


class Person(BaseModel):
    name: str
    age: int


class Row:
    """The cells of all ways to ask. A way to ask is ``_ask``, which gives a ``Response``."""

    def _ask(self, model: str, asked: Any, **more: Any) -> Any:
        raise NotImplementedError

    def text(self, model: str) -> str:
        return self._ask(model, "scene:text").output_text

    def halves(self, model: str) -> str:
        return self._ask(model, "scene:halves").output_text

    def reasons(self, model: str) -> Any:
        got = self._ask(model, "scene:reasons")
        thoughts = [part.text for item in of(got, "reasoning") for part in item.summary]
        return {"reasoning": "".join(thoughts), "text": got.output_text}

    def turns(self, model: str) -> Any:
        """The client runs the tool, sends its outputs back, and asks on: with ``role: developer``
        and ``type: message``, as Codex does."""
        turns: List[Any] = [message("developer", "Be brief."), message("user", "scene:weather")]
        first = self._ask(model, turns, tools=[TOOL], instructions="Tell the weather.")
        turns += as_input(first)
        turns += [output_of(call) for call in of(first, "function_call")]
        second = self._ask(model, turns, tools=[TOOL], instructions="Tell the weather.")
        turns += [*as_input(second), message("user", "scene:recalls")]
        third = self._ask(model, turns, tools=[TOOL], store=False)
        calls = [[call.name, json.loads(call.arguments)] for call in of(first, "function_call")]
        said = {"answer": second.output_text, "recalled": third.output_text}
        return {"calls": calls, **said}

    def person(self, model: str) -> Any:
        return json.loads(self._ask(model, "scene:person", text={"format": PERSON}).output_text)

    def refuses(self, model: str) -> str:
        (answer,) = self._ask(model, "scene:refuses").output
        return answer.content[0].refusal

    def logprobs(self, model: str) -> Any:
        wanted = ["message.output_text.logprobs"]
        (answer,) = self._ask(model, "scene:logprobs", include=wanted).output
        return [[token.token, token.logprob] for token in answer.content[0].logprobs]

    def usage(self, model: str) -> Any:
        usage = self._ask(model, "scene:text").usage
        return {
            "prompt": usage.input_tokens,
            "completion": usage.output_tokens,
            "total": usage.total_tokens,
            "cached": usage.input_tokens_details.cached_tokens,
            "reasoning": usage.output_tokens_details.reasoning_tokens,
        }

    def busy(self, model: str) -> Any:
        return error_of(lambda: self._ask(model, "scene:busy"))

    def wrong(self, model: str) -> Any:
        return error_of(lambda: self._ask(model, "scene:wrong", extra_body={"seed": 7}))

    def breaks(self, model: str) -> Any:
        return error_of(lambda: self._ask(model, "scene:breaks"))


def message(role: str, text: str) -> Dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def of(response: Any, kind: str) -> List[Any]:
    return [item for item in response.output if item.type == kind]


def as_input(response: Any) -> List[Any]:
    return [item.to_dict() for item in response.output]


def output_of(call: Any) -> Dict[str, Any]:
    output = weather_in(json.loads(call.arguments)["city"])
    return {"type": "function_call_output", "call_id": call.call_id, "output": output}


class Streamed(Row):
    name = "`responses`, `stream=True`"

    def _ask(self, model: str, asked: Any, **more: Any) -> Any:
        events = list(client.responses.create(model=model, input=asked, stream=True, **more))
        numbers = [event.sequence_number for event in events]
        assert numbers == list(range(len(events))), numbers
        assert events[-1].type == "response.completed", events[-1]
        return events[-1].response

    def text(self, model: str) -> str:
        deltas = client.responses.create(model=model, input="scene:text", stream=True)
        return "".join(each.delta for each in deltas if each.type == "response.output_text.delta")

    def busy_once(self, model: str) -> Any:
        began = time.monotonic()
        asked = {"model": model, "input": "scene:busy", "stream": True}
        error = error_of(lambda: patient.responses.create(**asked))
        return {"class": error["class"], "waited": round(time.monotonic() - began, 1)}

    def slow(self, model: str) -> float:
        word, prompt = slow_scene()
        stream = client.responses.create(model=model, input=prompt, stream=True)
        for _ in range(6):
            next(stream)
        stream.close()
        return left(model, word)


class Whole(Row):
    name = "`responses`, whole"

    def _ask(self, model: str, asked: Any, **more: Any) -> Any:
        return client.responses.create(model=model, input=asked, **more)


class Helper(Row):
    name = "`responses.stream()`"

    def _ask(self, model: str, asked: Any, **more: Any) -> Any:
        with client.responses.stream(model=model, input=asked, **more) as stream:
            for _ in stream:
                pass
            return stream.get_final_response()

    def person(self, model: str) -> Any:
        asked = {"model": model, "input": "scene:person", "text_format": Person}
        with client.responses.stream(**asked) as stream:
            return stream.get_final_response().output_parsed.model_dump()


class Parse(Row):
    name = "`responses.parse()`"

    def _ask(self, model: str, asked: Any, **more: Any) -> Any:
        return client.responses.parse(model=model, input=asked, **more)

    def person(self, model: str) -> Any:
        asked = {"model": model, "input": "scene:person", "text_format": Person}
        return client.responses.parse(**asked).output_parsed.model_dump()


if __name__ == "__main__":
    tell(Streamed(), Whole(), Helper(), Parse())
