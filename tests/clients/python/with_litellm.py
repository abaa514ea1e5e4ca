"""``litellm``: three of its names for a server that speaks OpenAI's interface."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Dict, List

import litellm

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

PERSON = {"name": "person", "schema": PERSON_SCHEMA, "strict": True}


def asking(prompt: str) -> List[Any]:
    return [{"role": "user", "content": prompt}]


class Named:
    """The models behind one of its names."""

    def __init__(self, provider: str) -> None:
        self.name = f"`{provider}/`"
        self._provider = provider

    def _asked(self, model: str, messages: List[Any]) -> Dict[str, Any]:
        return {
            "model": f"{self._provider}/{model}",
            "api_base": BASE_URL,
            "api_key": API_KEY,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_retries": 0,
        }

    def _stream(self, model: str, messages: List[Any], **more: Any) -> Any:
        return litellm.completion(**self._asked(model, messages), **more)

    def _message(self, model: str, messages: List[Any], **more: Any) -> Any:
        return self._built(model, messages, **more).choices[0].message

    def _built(self, model: str, messages: List[Any], **more: Any) -> Any:
        return litellm.stream_chunk_builder(list(self._stream(model, messages, **more)), messages)

    def text(self, model: str) -> str:
        return self._message(model, asking("scene:text")).content

    def halves(self, model: str) -> str:
        return self._message(model, asking("scene:halves")).content

    def reasons(self, model: str) -> Dict[str, Any]:
        got = self._message(model, asking("scene:reasons"))
        return {"reasoning": getattr(got, "reasoning_content", ""), "text": got.content}

    def weather(self, model: str) -> Any:
        messages = asking("scene:weather")
        built = self._built(model, messages, tools=[WEATHER_TOOL])
        first = built.choices[0].message
        messages.append(first.model_dump())
        for call in first.tool_calls:
            got = weather_in(json.loads(call.function.arguments)["city"])
            messages.append({"role": "tool", "tool_call_id": call.id, "content": got})
        last = self._message(model, messages, tools=[WEATHER_TOOL])
        calls = [[c.function.name, json.loads(c.function.arguments)] for c in first.tool_calls]
        return {"calls": calls, "finish": built.choices[0].finish_reason, "answer": last.content}

    def person(self, model: str) -> Any:
        wanted = {"type": "json_schema", "json_schema": PERSON}
        got = self._message(model, asking("scene:person"), response_format=wanted)
        return json.loads(got.content)

    def logprobs(self, model: str) -> Any:
        chunks = self._stream(model, asking("scene:logprobs"), logprobs=True)
        found = [chunk.choices[0].logprobs for chunk in chunks]
        return [[one["token"], one["logprob"]] for part in found if part for one in members(part)]

    def usage(self, model: str) -> Any:
        usage = self._built(model, asking("scene:halves")).usage
        read, written = usage.prompt_tokens_details, usage.completion_tokens_details
        return {
            "prompt": usage.prompt_tokens,
            "completion": usage.completion_tokens,
            "total": usage.total_tokens,
            "cached": read and read.cached_tokens,
            "reasoning": written and written.reasoning_tokens,
        }

    def busy(self, model: str) -> Any:
        return self._error(model, "scene:busy")

    def wrong(self, model: str) -> Any:
        return self._error(model, "scene:wrong", seed=7, allowed_openai_params=["seed"])

    def breaks(self, model: str) -> Any:
        return self._error(model, "scene:breaks")

    def _error(self, model: str, prompt: str, **more: Any) -> Any:
        """Of the answer, its error has the status and the words alone."""
        return error_of(lambda: list(self._stream(model, asking(prompt), **more)), ["status_code"])

    def slow(self, model: str) -> float:
        """Asynchronously: its other stream can't be closed."""
        return asyncio.run(self._left(model))

    async def _left(self, model: str) -> float:
        word, prompt = slow_scene()
        stream = await litellm.acompletion(**self._asked(model, asking(prompt)))
        async for _ in stream:
            break
        await stream.aclose()
        return await asyncio.to_thread(left, model, word)


def members(logprobs: Any) -> Any:
    found = logprobs if isinstance(logprobs, dict) else logprobs.model_dump()
    return found["content"]


if __name__ == "__main__":
    litellm.suppress_debug_info = True
    tell(Named("openai"), Named("hosted_vllm"), Named("deepseek"))
