"""The ``anthropic`` package and ``Anthropic`` read the same bytes, and find the same in them."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_llmstream.deltas import DeltaSum
from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import Anthropic
from tests.conftest import needs
from tests.providers.anthropic_events import (
    PING,
    STOP,
    begin,
    end,
    last,
    news,
    sends,
    start,
    text_block,
    thinking_block,
    tool_block,
    whole,
)
from tests.providers.asking import CHAT, ask
from tests.support.upstream import Upstream, answer

if sys.version_info < (3, 10):
    pytest.skip("anthropic needs Python 3.10 or newer", allow_module_level=True)
needs("anthropic", find_spec("anthropic") is not None)

import anthropic  # noqa: E402


@pytest.fixture(scope="module")
def server():
    """Each answer is what ``script`` says at the time."""
    with Upstream(lambda exchange: upstream.script(exchange)) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def sdk(server):
    url = server.url[: -len("/v1")]
    options = {"max_retries": 0, "default_headers": {"Connection": "close"}}
    with anthropic.Anthropic(api_key="the-key", base_url=url, **options) as client:
        yield client


def theirs(sdk):
    """The message that the package makes of the stream."""
    hello = {"role": "user", "content": "Hello"}
    with sdk.messages.stream(model="m", max_tokens=64, messages=[hello]) as stream:
        return stream.get_final_message()


def ours(server):
    """The sum of the pieces that the provider makes of it, and the usage."""
    *pieces, usage = ask(Anthropic("the-key", base_url=server.url, retries=0), CHAT)
    total = DeltaSum()
    for piece in pieces:
        total.add(piece)
    return total.total(), usage


def parts_of_theirs(message):
    """What both have: text, thinking, signed blocks, calls, other blocks, counts, the reason."""
    blocks = [block.to_dict() for block in message.content]
    kinds = {"text": "text", "thinking": "thinking"}
    joined = {
        kind: "".join(block[member] for block in blocks if block["type"] == kind)
        for kind, member in kinds.items()
    }
    hidden = ("thinking", "redacted_thinking")
    return {
        **joined,
        "signed": [b for b in blocks if b["type"] in hidden and b.get("signature") != ""],
        "calls": [
            (b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"
        ],
        "others": [b for b in blocks if b["type"] not in (*hidden, "text", "tool_use")],
        "cited": [c for b in blocks for c in b.get("citations") or ()],
        **counts_of(message.usage),
        "reason": message.stop_reason,
        "stop_sequence": message.stop_sequence,
    }


def counts_of(usage):
    cached, made = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    details = getattr(usage, "output_tokens_details", None)
    return {
        "read": usage.input_tokens + (cached or 0) + (made or 0),
        "written": usage.output_tokens,
        "cached": cached,
        "thought": details.thinking_tokens if details else None,
    }


def parts_of_ours(total, usage):
    def listed(name):
        return [{k: b[k] for k in b if k != "index"} for b in total.extra.get(name, ())]

    return {
        "text": total.text,
        "thinking": total.reasoning,
        "signed": listed("thinking_blocks"),
        "calls": [(c.id, c.name, json.loads(c.arguments)) for c in total.tool_calls],
        "others": listed("content_parts"),
        "cited": [note["citation"] for note in (*total.annotations, *listed("citations"))],
        "read": usage.prompt_tokens,
        "written": usage.completion_tokens,
        "cached": usage.cached_tokens,
        "thought": usage.reasoning_tokens,
        "reason": usage.finish_reason,
        "stop_sequence": total.choice_extra.get("stop_sequence"),
    }


def assert_same(server, sdk, *events):
    server.script = sends(*events)
    assert parts_of_ours(*ours(server)) == parts_of_theirs(theirs(sdk))


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
    {"type": "web_search_result", "url": "https://a.example/", "title": "A",
     "encrypted_content": "x", "page_age": None}]}  # fmt: skip
PAGE = {"type": "web_search_result_location", "url": "https://a.example/", "title": "A",
        "cited_text": "sea", "encrypted_index": "x"}  # fmt: skip
LINES = {"type": "char_location", "cited_text": "sea", "document_index": 0, "document_title": "B",
         "start_char_index": 0, "end_char_index": 3, "file_id": None}  # fmt: skip
COUNTS = {"input_tokens": 10, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 70,
          "output_tokens": 1}  # fmt: skip
ALL_COUNTS = {"input_tokens": 11, "output_tokens": 50, "cache_read_input_tokens": 71,
              "output_tokens_details": {"thinking_tokens": 30}}  # fmt: skip

ANSWERS = {
    "text": whole(text_block("Hel", "lo")),
    "thinking": whole(thinking_block("Let", " me"), text_block("So.", index=1)),
    "hidden thinking": whole(
        [begin({"type": "redacted_thinking", "data": "x"}), end()], thinking_block(index=1)
    ),
    "calls": whole(
        text_block("I'll look."),
        tool_block("weather", "", '{"city":', ' "Oslo"}', index=1),
        tool_block("now", index=2),
        tool_block("then", '{"at": 1}', index=3),
        reason="tool_use",
    ),
    "a search": whole(
        [begin(SEARCH), news("input_json_delta", partial_json='{"query": "sea"}'), end()],
        [begin(FOUND, 1), end(1)],
        [
            begin({"type": "text", "text": "", "citations": []}, 2),
            news("text_delta", 2, text="The sea"),
            news("citations_delta", 2, citation=PAGE),
            news("citations_delta", 2, citation=LINES),
            end(2),
        ],
    ),
    "a refusal": [start(), *text_block("I"), last("refusal"), STOP],
    "a stop sequence": [start(), last("stop_sequence", stop_sequence="###"), STOP],
    "counts": [start(usage=COUNTS), PING, dict(last(), usage=ALL_COUNTS), STOP],
    "a pause": whole(text_block("Wait."), reason="pause_turn"),
}


@pytest.mark.parametrize("events", ANSWERS.values(), ids=ANSWERS.keys())
def test_both_find_the_same(server, sdk, events):
    assert_same(server, sdk, *events)


texts = st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=5), max_size=3)
values = st.integers() | st.text('"\\é', max_size=3)
json_objects = st.dictionaries(st.text("ab", max_size=2), values)


@st.composite
def blocks(draw, index):
    kind = draw(st.sampled_from(["text", "thinking", "tool", "search"]))
    if kind == "text":
        return text_block(*draw(texts), index=index)
    if kind == "thinking":
        return thinking_block(*draw(texts), index=index)
    whole_input = json.dumps(draw(json_objects))
    cut = draw(st.integers(0, len(whole_input)))
    pieces = [whole_input[:cut], whole_input[cut:]]
    if kind == "tool":
        return tool_block("t", *pieces, index=index)
    deltas = [news("input_json_delta", index, partial_json=piece) for piece in pieces]
    return [begin(SEARCH, index), *deltas, end(index)]


@st.composite
def answers(draw):
    made = [draw(blocks(index)) for index in range(draw(st.integers(0, 4)))]
    return whole(*made, reason=draw(st.sampled_from(["end_turn", "max_tokens", "tool_use"])))


@settings(max_examples=25, deadline=None)
@given(events=answers())
def test_so_they_do_in_any_answer(server, sdk, events):
    assert_same(server, sdk, *events)


KINDS = {
    "invalid_request_error": 400, "authentication_error": 401, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "api_error": 500,
    "overloaded_error": 529,
}  # fmt: skip


@pytest.mark.parametrize("kind, status", KINDS.items())
@pytest.mark.parametrize("when", ["before", "inside"])
def test_both_see_the_same_errors(server, sdk, kind, status, when):
    error = {"type": "error", "error": {"type": kind, "message": "Words."}}
    inside = sends(start(), *text_block("a"), error)
    server.script = inside if when == "inside" else answer(status, json.dumps(error))
    with pytest.raises(anthropic.APIStatusError) as seen:
        theirs(sdk)
    with pytest.raises(ProviderError) as caught:
        ours(server)
    assert seen.value.body["error"]["type"] == kind and kind in str(caught.value.__cause__)


def test_both_send_the_same_body(server, sdk):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    hello = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
    server.script = sends(*whole(text_block("a")))
    with sdk.messages.stream(
        model="gemma",
        max_tokens=64,
        messages=[hello],
        system=[{"type": "text", "text": "Be kind."}],
        stop_sequences=["END"],
        tools=[{"name": "weather", "input_schema": schema}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        metadata={"user_id": "u"},
    ) as stream:
        stream.until_done()
    options = {
        "max_tokens": 64,
        "stop": "END",
        "user": "u",
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": schema}}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }
    system = {"role": "system", "content": "Be kind."}
    request = CHAT.__class__("gemma", messages=(system, *CHAT.messages), options=options)
    ask(Anthropic("the-key", base_url=server.url), request)
    first, second = server.requests[-2:]
    assert first.json == second.json
    assert first.headers["Content-Type"] == second.headers["Content-Type"]
    assert first.path == second.path
