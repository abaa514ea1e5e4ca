"""``llama-index-llms-openai-like``: chat, and its default, which is Completions."""

from __future__ import annotations

import gc
from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
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


def llm(model: str, chat: bool, **more: Any) -> OpenAILike:
    return OpenAILike(
        model=model,
        api_base=BASE_URL,
        api_key=API_KEY,
        max_retries=0,
        is_chat_model=chat,
        is_function_calling_model=chat,
        **more,
    )


def said(prompt: str) -> Any:
    return [ChatMessage(role="user", content=prompt)]


class Completions:
    name = "default (`/v1/completions`)"
    _chat = False

    def _all(self, model: str, prompt: str, **more: Any) -> Any:
        *_, last = llm(model, self._chat, **more).stream_complete(prompt)
        return last

    def text(self, model: str) -> str:
        return self._all(model, "scene:text").text

    def halves(self, model: str) -> str:
        return self._all(model, "scene:halves").text

    def busy(self, model: str) -> Any:
        return error_of(lambda: self._all(model, "scene:busy"))

    def wrong(self, model: str) -> Any:
        return error_of(lambda: self._all(model, "scene:wrong", additional_kwargs={"seed": 7}))

    def breaks(self, model: str) -> Any:
        return error_of(lambda: self._all(model, "scene:breaks"))

    def slow(self, model: str) -> float:
        """Its generator has to be collected: closing it closes no connection."""
        word, prompt = slow_scene()
        parts = llm(model, self._chat).stream_complete(prompt)
        for _ in range(3):
            next(parts)
        del parts
        gc.collect()
        return left(model, word)


class Chat(Completions):
    name = "`is_chat_model=True`"
    _chat = True

    def _all(self, model: str, prompt: str, **more: Any) -> Any:
        *_, last = llm(model, True, **more).stream_chat(said(prompt))
        return last

    def text(self, model: str) -> str:
        return self._all(model, "scene:text").message.content

    def halves(self, model: str) -> str:
        return self._all(model, "scene:halves").message.content

    def weather(self, model: str) -> Any:
        tool = FunctionTool.from_defaults(weather_in, name="get_weather")
        chat, messages = llm(model, True), said("scene:weather")
        *_, first = chat.stream_chat_with_tools([tool], chat_history=messages)
        calls = chat.get_tool_calls_from_response(first)
        messages.append(first.message)
        for call in calls:
            got = tool.call(**call.tool_kwargs).content
            about = {"tool_call_id": call.tool_id}
            messages.append(ChatMessage(role="tool", content=got, additional_kwargs=about))
        *_, last = chat.stream_chat_with_tools([tool], chat_history=messages)
        made = [[call.tool_name, call.tool_kwargs] for call in calls]
        return {"calls": made, "answer": last.message.content}

    def person(self, model: str) -> Any:
        chat = llm(model, True, should_use_structured_outputs=True)
        return chat.as_structured_llm(Person).complete("scene:person").raw.model_dump()

    def person_by_tool(self, model: str) -> Any:
        return llm(model, True).as_structured_llm(Person).complete("scene:person").raw.model_dump()

    def logprobs(self, model: str) -> Any:
        got = llm(model, True, logprobs=True).chat(said("scene:logprobs"))
        return [[one.token, one.logprob] for found in got.logprobs for one in found]


if __name__ == "__main__":
    tell(Chat(), Completions())
