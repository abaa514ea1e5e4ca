"""``langchain-openai``: ``ChatOpenAI``."""

from __future__ import annotations

from typing import Any, Dict

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
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
    """A person."""

    name: str
    age: int


get_weather = tool("get_weather")(weather_in)


def chat(model: str, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(
        model=model, base_url=BASE_URL, api_key=API_KEY, max_retries=0, stream_usage=True, **more
    )


class Stream:
    name = "`stream`"

    def _whole(self, llm: Any, said: Any) -> Any:
        whole = None
        for chunk in llm.stream(said):
            whole = chunk if whole is None else whole + chunk
        return whole

    def text(self, model: str) -> str:
        return self._whole(chat(model), "scene:text").content

    def halves(self, model: str) -> str:
        return self._whole(chat(model), "scene:halves").content

    def reasons(self, model: str) -> Any:
        got = self._whole(chat(model), "scene:reasons")
        reasoning = got.additional_kwargs.get("reasoning_content", "")
        return {"reasoning": reasoning, "text": got.content}

    def weather(self, model: str) -> Dict[str, Any]:
        llm = chat(model).bind_tools([get_weather], parallel_tool_calls=True)
        said = [HumanMessage("scene:weather")]
        first = self._whole(llm, said)
        said.append(AIMessage(content=first.content, tool_calls=first.tool_calls))
        for call in first.tool_calls:
            said.append(ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]))
        calls = [[call["name"], call["args"]] for call in first.tool_calls]
        finish = first.response_metadata.get("finish_reason")
        return {"calls": calls, "finish": finish, "answer": self._whole(llm, said).content}

    def person(self, model: str) -> Any:
        llm = chat(model).with_structured_output(Person)
        return self._last(llm.stream("scene:person")).model_dump()

    def _last(self, parts: Any) -> Any:
        *_, last = parts
        return last

    def person_by_tool(self, model: str) -> Any:
        llm = chat(model).with_structured_output(Person, method="function_calling")
        return self._last(llm.stream("scene:person")).model_dump()

    def refuses(self, model: str) -> Any:
        return self._whole(chat(model), "scene:refuses").additional_kwargs.get("refusal")

    def logprobs(self, model: str) -> Any:
        got = self._whole(chat(model, logprobs=True), "scene:logprobs")
        content = got.response_metadata["logprobs"]["content"]
        return [[one["token"], one["logprob"]] for one in content]

    def usage(self, model: str) -> Any:
        return counted(self._whole(chat(model), "scene:text").usage_metadata)

    def busy(self, model: str) -> Any:
        return error_of(lambda: self._whole(chat(model), "scene:busy"))

    def wrong(self, model: str) -> Any:
        return error_of(lambda: self._whole(chat(model, seed=7), "scene:wrong"))

    def breaks(self, model: str) -> Any:
        return error_of(lambda: self._whole(chat(model), "scene:breaks"))

    def slow(self, model: str) -> float:
        word, prompt = slow_scene()
        stream = chat(model).stream(prompt)
        for _ in range(3):
            next(stream)
        stream.close()
        return left(model, word)


def counted(usage: Any) -> Any:
    return usage and {
        "prompt": usage["input_tokens"],
        "completion": usage["output_tokens"],
        "total": usage["total_tokens"],
        "cached": usage.get("input_token_details", {}).get("cache_read"),
        "reasoning": usage.get("output_token_details", {}).get("reasoning"),
    }


class Invoke(Stream):
    name = "`invoke`"

    def _whole(self, llm: Any, said: Any) -> Any:
        return llm.invoke(said)

    def person(self, model: str) -> Any:
        return chat(model).with_structured_output(Person).invoke("scene:person").model_dump()

    slow = None  # type: ignore[assignment]


if __name__ == "__main__":
    tell(Stream(), Invoke())
