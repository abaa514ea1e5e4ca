"""The answers of a scripted model, in OpenAI's form: one truth for the application and for the
model's server behind it, and for the judge of what a client makes of them.

A request names its scene in its last message or prompt: ``scene:weather``. Standard library only.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

from tests.streams.cases import TEXTS, all_tokens

TEXT = tuple(all_tokens())
HALVES = tuple(TEXTS["emoji_halves"].tokens)
"""A tokenizer may cut a character outside the basic plane in two."""

REASONING = ("Let me", " think.\n", "So.")
REFUSAL = ("I can't", " help with that.")
PERSON = {"name": "Ada Lovelace", "age": 36}
CALLS = (("call_paris", {"city": "Paris"}), ("call_rome", {"city": "Rome"}))
TOOL = "get_weather"
WEATHER = {"Paris": "21 °C", "Rome": "18 °C"}
WEATHER_TOLD = "Paris: 21 °C. Rome: 18 °C. "
RECALLED = f"I called for Paris, Rome, heard 21 °C, 18 °C, and said {WEATHER_TOLD}"
LOGPROBS = (("Yes", -0.125), ("!", -0.25))
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


class Failure(NamedTuple):
    """An error in OpenAI's form, and how it is sent."""

    status: int
    error: Mapping[str, Any]
    retry_after: Optional[int] = None


BUSY = Failure(
    429,
    {"message": "Too many at once.", "type": "requests", "param": None, "code": "rate_limit"},
    retry_after=1,
)
WRONG = Failure(
    400,
    {
        "message": "seed: is not for this model",
        "type": "invalid_request_error",
        "param": "seed",
        "code": "unsupported_parameter",
    },
)
BROKEN = Failure(
    503,
    {"message": "The model broke down.", "type": "server_error", "param": None, "code": "broken"},
)

Chunk = Dict[str, Any]
"""``delta``, and perhaps ``logprobs``; or ``finish_reason`` and ``usage``."""
Scene = Iterator[Union[Chunk, Failure, float]]
"""What the model sends. A number is a pause in seconds."""

_NAMED = re.compile(r"scene:(\w+)(?: (\w+))?")


def play(body: Mapping[str, Any]) -> Scene:
    """The answer to a request, whose fields are those of Chat Completions or Completions."""
    name, _ = scene_of(body)
    return SCENES[name](body)


def scene_of(body: Mapping[str, Any]) -> Tuple[str, str]:
    """The name of the scene, and the word behind it (``""`` without one)."""
    said = [json.dumps(message.get("content")) for message in body.get("messages") or ()]
    for text in reversed([str(body.get("prompt")), *said]):
        if found := _NAMED.search(text):
            return found.group(1), found.group(2) or ""
    raise LookupError("no message names a scene")


def _saying(*texts: str, member: str = "content") -> Callable[[Mapping[str, Any]], Scene]:
    def scene(body: Mapping[str, Any]) -> Scene:
        for text in texts:
            yield {"delta": {member: text}}
        yield _end("stop")

    return scene


def _reasons(body: Mapping[str, Any]) -> Scene:
    for text in REASONING:
        yield {"delta": {"reasoning_content": text}}
    yield from _saying("It is ", "42.")(body)


def _weather(body: Mapping[str, Any]) -> Scene:
    """Two calls of the tool; then the tool's own answers, told again."""
    told = [message for message in body["messages"] if message["role"] == "tool"]
    tools = [tool["function"]["name"] for tool in body.get("tools") or ()]
    if "final_answer" in tools and all(said in str(body["messages"]) for said in WEATHER.values()):
        yield from _called([("call_last", "final_answer", {"answer": WEATHER_TOLD})])
    elif told:
        yield from _saying(*_retold(body["messages"], told))(body)
    elif tools:
        yield from _called([(id, TOOL, arguments) for id, arguments in CALLS])
    else:
        yield from _saying("There is no tool.")(body)


def _retold(messages: List[Mapping[str, Any]], told: List[Mapping[str, Any]]) -> Iterator[str]:
    """What the tool said of each call, where the conversation is whole."""
    made = [call for message in messages for call in message.get("tool_calls") or ()]
    for call in made:
        city = json.loads(call["function"]["arguments"])["city"]
        texts = [_text(one["content"]) for one in told if one.get("tool_call_id") == call["id"]]
        yield f"{city}: {', '.join(texts)}. "


def _recalls(body: Mapping[str, Any]) -> Scene:
    """What was called, heard and said at the turns before, as the conversation has it."""
    messages = body["messages"]
    called = [call for message in messages for call in message.get("tool_calls") or ()]
    cities = [json.loads(call["function"]["arguments"])["city"] for call in called]
    heard = [_text(message["content"]) for message in messages if message["role"] == "tool"]
    said = [_text(m["content"] or "") for m in messages if m["role"] == "assistant"]
    told = f"I called for {', '.join(cities)}, heard {', '.join(heard)}, and said {''.join(said)}"
    return _saying(told[:20], told[20:])(body)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _called(calls: List[Tuple[str, str, Mapping[str, Any]]]) -> Scene:
    """Calls of tools, in fragments, one after the other."""
    for index, (id, name, arguments) in enumerate(calls):
        head = {"index": index, "id": id, "type": "function"}
        first = {"role": "assistant", "content": None} if index == 0 else {}
        yield {"delta": {**first, "tool_calls": [{**head, "function": _function(name)}]}}
        text = json.dumps(arguments)
        for part in (text[:3], text[3:9], text[9:]):
            yield {"delta": {"tool_calls": [{"index": index, "function": {"arguments": part}}]}}
    yield _end("tool_calls")


def _function(name: str) -> Dict[str, str]:
    return {"name": name, "arguments": ""}


def _person(body: Mapping[str, Any]) -> Scene:
    """A person by a schema: as text, or as the arguments of the only tool."""
    text = json.dumps(PERSON)
    if body.get("response_format") or not body.get("tools"):
        return _saying(text[:9], text[9:20], text[20:])(body)
    tool = body["tools"][-1]["function"]["name"]
    return _called([("call_person", tool, PERSON)])


def _logprobs(body: Mapping[str, Any]) -> Scene:
    for token, logprob in LOGPROBS:
        entry = {"token": token, "logprob": logprob, "bytes": list(token.encode())}
        said = {"content": [{**entry, "top_logprobs": [entry]}], "refusal": None}
        yield {"delta": {"content": token}, "logprobs": said if body.get("logprobs") else None}
    yield _end("stop")


def _failing(failure: Failure, *texts: str) -> Callable[[Mapping[str, Any]], Scene]:
    def scene(body: Mapping[str, Any]) -> Scene:
        for text in texts:
            yield {"delta": {"content": text}}
        yield failure

    return scene


def _slow(body: Mapping[str, Any]) -> Scene:
    while True:
        yield {"delta": {"content": "word "}}
        yield 0.02


def _end(reason: str) -> Chunk:
    return {"delta": {}, "finish_reason": reason, "usage": USAGE}


SCENES: Dict[str, Callable[[Mapping[str, Any]], Scene]] = {
    "text": _saying(*TEXT),
    "halves": _saying(*HALVES),
    "reasons": _reasons,
    "weather": _weather,
    "recalls": _recalls,
    "person": _person,
    "refuses": _saying(*REFUSAL, member="refusal"),
    "logprobs": _logprobs,
    "busy": _failing(BUSY),
    "wrong": _failing(WRONG),
    "breaks": _failing(BROKEN, "Once ", "upon "),
    "slow": _slow,
}
