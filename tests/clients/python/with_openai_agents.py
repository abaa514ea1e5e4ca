"""``openai-agents``, with its model for Chat Completions and with its own, for Responses."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
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


def counted(usage: Any) -> Any:
    return {
        "prompt": usage.input_tokens,
        "completion": usage.output_tokens,
        "total": usage.total_tokens,
        "cached": usage.input_tokens_details.cached_tokens,
        "reasoning": usage.output_tokens_details.reasoning_tokens,
    }


class Row:
    _kind: Any = OpenAIChatCompletionsModel

    def _run(self, agent: Any, asked: Any) -> Any:
        raise NotImplementedError

    def _agent(self, model: str, **settings: Any) -> Any:
        client = AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0)
        asked = self._kind(model=model, openai_client=client)
        tools, output_type = settings.pop("tools", []), settings.pop("output_type", None)
        told = ModelSettings(include_usage=True, **settings)
        about = {"name": "any", "model": asked, "model_settings": told}
        return Agent(**about, tools=tools, output_type=output_type)

    def _with_tool(self, model: str, calls: Any) -> Any:
        @function_tool
        def get_weather(city: str) -> str:
            calls.append(["get_weather", {"city": city}])
            return weather_in(city)

        return self._agent(model, tools=[get_weather])

    def text(self, model: str) -> str:
        return self._run(self._agent(model), "scene:text").final_output

    def halves(self, model: str) -> str:
        return self._run(self._agent(model), "scene:halves").final_output

    def reasons(self, model: str) -> Any:
        run = self._run(self._agent(model), "scene:reasons")
        items = [item.raw_item for item in run.new_items if item.type == "reasoning_item"]
        thoughts = [part.text for item in items for part in (item.summary or item.content or [])]
        return {"reasoning": "".join(thoughts), "text": run.final_output}

    def weather(self, model: str) -> Any:
        calls: Any = []
        run = self._run(self._with_tool(model, calls), "scene:weather")
        return {"calls": sorted(calls, key=str), "answer": run.final_output}

    def turns(self, model: str) -> Any:
        calls: Any = []
        run = self._run(self._with_tool(model, calls), "scene:weather")
        asked = [*run.to_input_list(), {"role": "user", "content": "scene:recalls"}]
        last = self._run(self._with_tool(model, calls), asked)
        said = {"answer": run.final_output, "recalled": last.final_output}
        return {"calls": sorted(calls, key=str), **said}

    def person(self, model: str) -> Any:
        run = self._run(self._agent(model, output_type=Person), "scene:person")
        return run.final_output.model_dump()

    def refuses(self, model: str) -> Any:
        return error_of(lambda: self._run(self._agent(model), "scene:refuses").final_output)

    def usage(self, model: str) -> Any:
        return counted(self._run(self._agent(model), "scene:text").context_wrapper.usage)

    def busy(self, model: str) -> Any:
        return error_of(lambda: self._run(self._agent(model), "scene:busy"))

    def wrong(self, model: str) -> Any:
        agent = self._agent(model, extra_body={"seed": 7})
        return error_of(lambda: self._run(agent, "scene:wrong"))

    def breaks(self, model: str) -> Any:
        return error_of(lambda: self._run(self._agent(model), "scene:breaks"))


class Streamed(Row):
    name = "`run_streamed`"

    def _run(self, agent: Any, asked: Any) -> Any:
        return asyncio.run(self._to_the_end(agent, asked))

    async def _to_the_end(self, agent: Any, asked: Any) -> Any:
        run = Runner.run_streamed(agent, asked)
        async for _ in run.stream_events():
            pass
        return run

    def slow(self, model: str) -> float:
        return asyncio.run(self._left(model))

    async def _left(self, model: str) -> float:
        word, prompt = slow_scene()
        run = Runner.run_streamed(self._agent(model), prompt)
        async for event in run.stream_events():
            if isinstance(getattr(event, "data", None), ResponseTextDeltaEvent):
                break
        run.cancel()
        return await asyncio.to_thread(left, model, word)


class Whole(Row):
    name = "`run`"

    def _run(self, agent: Any, asked: Any) -> Any:
        return Runner.run_sync(agent, asked)


class StreamedResponse(Streamed):
    name = "its own model, `run_streamed`"
    _kind = OpenAIResponsesModel


class WholeResponse(Whole):
    name = "its own model, `run`"
    _kind = OpenAIResponsesModel


if __name__ == "__main__":
    set_tracing_disabled(True)
    tell(Streamed(), Whole(), StreamedResponse(), WholeResponse())
