"""``smolagents``: its model, and an agent that calls tools."""

from __future__ import annotations

import gc
from typing import Any

from smolagents import OpenAIModel, ToolCallingAgent, tool
from smolagents.monitoring import LogLevel

from tests.clients.python.telling import (
    API_KEY,
    BASE_URL,
    error_of,
    left,
    slow_scene,
    tell,
    weather_in,
)


def chat(model: str, **more: Any) -> OpenAIModel:
    return OpenAIModel(
        model_id=model,
        api_base=BASE_URL,
        api_key=API_KEY,
        client_kwargs={"max_retries": 0},
        retry=False,
        **more,
    )


def asking(prompt: str) -> Any:
    return [{"role": "user", "content": [{"type": "text", "text": prompt}]}]


def streamed(model: str, prompt: str, **more: Any) -> Any:
    parts = chat(model, **more).generate_stream(asking(prompt))
    return "".join(part.content or "" for part in parts)


class Model:
    name = "`OpenAIModel`"

    def text(self, model: str) -> str:
        return streamed(model, "scene:text")

    def halves(self, model: str) -> str:
        return streamed(model, "scene:halves")

    def busy(self, model: str) -> Any:
        return error_of(lambda: streamed(model, "scene:busy"))

    def wrong(self, model: str) -> Any:
        return error_of(lambda: streamed(model, "scene:wrong", seed=7))

    def breaks(self, model: str) -> Any:
        return error_of(lambda: streamed(model, "scene:breaks"))

    def slow(self, model: str) -> float:
        """Its generator has to be collected: closing it closes no connection."""
        word, prompt = slow_scene()
        parts = chat(model).generate_stream(asking(prompt))
        for _ in range(3):
            next(parts)
        del parts
        gc.collect()
        return left(model, word)


class Agent:
    """Each step of its has to call a tool, ``final_answer`` the last."""

    def __init__(self, stream: bool) -> None:
        self.name = f"`ToolCallingAgent`{', streamed' if stream else ''}"
        self._stream = stream

    def weather(self, model: str) -> Any:
        calls = []

        @tool
        def get_weather(city: str) -> str:
            """The weather in a city.

            Args:
                city: The city's name.
            """
            calls.append(["get_weather", {"city": city}])
            return weather_in(city)

        agent = ToolCallingAgent(
            tools=[get_weather],
            model=chat(model),
            max_steps=3,
            stream_outputs=self._stream,
            verbosity_level=LogLevel.OFF,
        )
        answer = agent.run("scene:weather")
        return {"calls": sorted(calls, key=str), "answer": answer}


if __name__ == "__main__":
    tell(Model(), Agent(stream=False), Agent(stream=True))
