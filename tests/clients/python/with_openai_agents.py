"""``openai-agents``, with its model for Chat Completions."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel

from tests.clients.python.telling import (
    API_KEY,
    BASE_URL,
    error_of,
    left,
    slow_scene,
    tell,
    weather_in,
)


class Person(BaseModel):
    name: str
    age: int


def agent(model: str, **more: Any) -> Any:
    client = AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0)
    chat = OpenAIChatCompletionsModel(model=model, openai_client=client)
    settings = {"include_usage": True, "extra_args": more.pop("extra_args", None)}
    return Agent(name="any", model=chat, model_settings=ModelSettings(**settings), **more)


def counted(usage: Any) -> Any:
    return {
        "prompt": usage.input_tokens,
        "completion": usage.output_tokens,
        "total": usage.total_tokens,
        "cached": usage.input_tokens_details.cached_tokens,
        "reasoning": usage.output_tokens_details.reasoning_tokens,
    }


class Row:
    def _run(self, agent: Any, prompt: str) -> Any:
        raise NotImplementedError

    def text(self, model: str) -> str:
        return self._run(agent(model), "scene:text").final_output

    def halves(self, model: str) -> str:
        return self._run(agent(model), "scene:halves").final_output

    def reasons(self, model: str) -> Any:
        run = self._run(agent(model), "scene:reasons")
        items = [item.raw_item for item in run.new_items if item.type == "reasoning_item"]
        thoughts = [part.text for item in items for part in (item.summary or item.content or [])]
        return {"reasoning": "".join(thoughts), "text": run.final_output}

    def weather(self, model: str) -> Any:
        calls = []

        @function_tool
        def get_weather(city: str) -> str:
            calls.append(["get_weather", {"city": city}])
            return weather_in(city)

        run = self._run(agent(model, tools=[get_weather]), "scene:weather")
        return {"calls": sorted(calls, key=str), "answer": run.final_output}

    def person(self, model: str) -> Any:
        return self._run(agent(model, output_type=Person), "scene:person").final_output.model_dump()

    def refuses(self, model: str) -> Any:
        return error_of(lambda: self._run(agent(model), "scene:refuses").final_output)

    def usage(self, model: str) -> Any:
        return counted(self._run(agent(model), "scene:text").context_wrapper.usage)

    def busy(self, model: str) -> Any:
        return error_of(lambda: self._run(agent(model), "scene:busy"))

    def wrong(self, model: str) -> Any:
        return error_of(lambda: self._run(agent(model, extra_args={"seed": 7}), "scene:wrong"))

    def breaks(self, model: str) -> Any:
        return error_of(lambda: self._run(agent(model), "scene:breaks"))


class Streamed(Row):
    name = "`run_streamed`"

    def _run(self, agent: Any, prompt: str) -> Any:
        return asyncio.run(self._to_the_end(agent, prompt))

    async def _to_the_end(self, agent: Any, prompt: str) -> Any:
        run = Runner.run_streamed(agent, prompt)
        async for _ in run.stream_events():
            pass
        return run

    def slow(self, model: str) -> float:
        return asyncio.run(self._left(model))

    async def _left(self, model: str) -> float:
        word, prompt = slow_scene()
        run = Runner.run_streamed(agent(model), prompt)
        async for event in run.stream_events():
            if isinstance(getattr(event, "data", None), ResponseTextDeltaEvent):
                break
        run.cancel()
        return await asyncio.to_thread(left, model, word)


class Whole(Row):
    name = "`run`"

    def _run(self, agent: Any, prompt: str) -> Any:
        return Runner.run_sync(agent, prompt)


if __name__ == "__main__":
    set_tracing_disabled(True)
    tell(Streamed(), Whole())
