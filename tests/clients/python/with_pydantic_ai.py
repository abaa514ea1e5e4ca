"""``pydantic-ai``: an agent with ``OpenAIChatModel``, and with the model behind ``openai:``."""

from __future__ import annotations

import asyncio
from typing import Any

from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.messages import ThinkingPart
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

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


class Row:
    """The cells of all ways to ask."""

    _kind: Any = OpenAIChatModel

    def _agent(self, model: str, **more: Any) -> Any:
        client = AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0)
        asked = self._kind(model, provider=OpenAIProvider(openai_client=client))
        return Agent(asked, retries=0, **more)

    def _with_tool(self, model: str, calls: Any) -> Any:
        def get_weather(city: str) -> str:
            calls.append(["get_weather", {"city": city}])
            return weather_in(city)

        return self._agent(model, tools=[get_weather])


async def streamed(agent: Any, prompt: str, **more: Any) -> Any:
    """The text, and the run, when it is complete."""
    async with agent.run_stream(prompt, **more) as run:
        parts = [part async for part in run.stream_text(delta=True, debounce_by=None)]
        return "".join(parts), run


class Streamed(Row):
    name = "`run_stream`"

    def text(self, model: str) -> str:
        return asyncio.run(streamed(self._agent(model), "scene:text"))[0]

    def halves(self, model: str) -> str:
        return asyncio.run(streamed(self._agent(model), "scene:halves"))[0]

    def reasons(self, model: str) -> Any:
        text, run = asyncio.run(streamed(self._agent(model), "scene:reasons"))
        parts = run.all_messages()[-1].parts
        thoughts = [part.content for part in parts if isinstance(part, ThinkingPart)]
        return {"reasoning": "".join(thoughts), "text": text}

    def weather(self, model: str) -> Any:
        calls: Any = []
        text, _ = asyncio.run(streamed(self._with_tool(model, calls), "scene:weather"))
        return {"calls": sorted(calls, key=str), "answer": text}

    def turns(self, model: str) -> Any:
        return asyncio.run(self._turns(model))

    async def _turns(self, model: str) -> Any:
        calls: Any = []
        agent = self._with_tool(model, calls)
        text, run = await streamed(agent, "scene:weather")
        last, _ = await streamed(agent, "scene:recalls", message_history=run.all_messages())
        return {"calls": sorted(calls, key=str), "answer": text, "recalled": last}

    def person(self, model: str) -> Any:
        return asyncio.run(self._person(self._agent(model, output_type=NativeOutput(Person))))

    def person_by_tool(self, model: str) -> Any:
        return asyncio.run(self._person(self._agent(model, output_type=Person)))

    async def _person(self, agent: Any) -> Any:
        async with agent.run_stream("scene:person") as run:
            return (await run.get_output()).model_dump()

    def usage(self, model: str) -> Any:
        _, run = asyncio.run(streamed(self._agent(model), "scene:text"))
        usage = run.usage if not callable(run.usage) else run.usage()
        return {
            "prompt": usage.input_tokens,
            "completion": usage.output_tokens,
            "total": usage.total_tokens,
            "cached": usage.cache_read_tokens,
            "reasoning": usage.details.get("reasoning_tokens"),
        }

    def busy(self, model: str) -> Any:
        return error_of(lambda: asyncio.run(streamed(self._agent(model), "scene:busy")))

    def wrong(self, model: str) -> Any:
        asked = {"model_settings": {"seed": 7}}
        return error_of(lambda: asyncio.run(streamed(self._agent(model), "scene:wrong", **asked)))

    def breaks(self, model: str) -> Any:
        return error_of(lambda: asyncio.run(streamed(self._agent(model), "scene:breaks")))

    def slow(self, model: str) -> float:
        return asyncio.run(self._left(model))

    async def _left(self, model: str) -> float:
        word, prompt = slow_scene()
        async with self._agent(model).run_stream(prompt) as run:
            async for _ in run.stream_text(delta=True, debounce_by=None):
                break
        return await asyncio.to_thread(left, model, word)


class Whole(Row):
    name = "`run`"

    def text(self, model: str) -> str:
        return self._agent(model).run_sync("scene:text").output

    def weather(self, model: str) -> Any:
        calls: Any = []
        text = self._with_tool(model, calls).run_sync("scene:weather").output
        return {"calls": sorted(calls, key=str), "answer": text}

    def turns(self, model: str) -> Any:
        calls: Any = []
        agent = self._with_tool(model, calls)
        run = agent.run_sync("scene:weather")
        last = agent.run_sync("scene:recalls", message_history=run.all_messages())
        return {"calls": sorted(calls, key=str), "answer": run.output, "recalled": last.output}

    def person(self, model: str) -> Any:
        wanted = NativeOutput(Person)
        return self._agent(model, output_type=wanted).run_sync("scene:person").output.model_dump()

    def person_by_tool(self, model: str) -> Any:
        return self._agent(model, output_type=Person).run_sync("scene:person").output.model_dump()

    def refuses(self, model: str) -> Any:
        return error_of(lambda: self._agent(model).run_sync("scene:refuses"))


class StreamedResponse(Streamed):
    name = "`openai:`, `run_stream`"
    _kind = OpenAIResponsesModel


class WholeResponse(Whole):
    name = "`openai:`, `run`"
    _kind = OpenAIResponsesModel


if __name__ == "__main__":
    tell(Streamed(), Whole(), StreamedResponse(), WholeResponse())
