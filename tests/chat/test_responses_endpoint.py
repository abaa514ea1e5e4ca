"""``POST /v1/responses``: the endpoint, with the items that it keeps for its clients."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from flask_llmstream import CallableProvider, LLMStream, ProviderError, Usage
from flask_llmstream.deltas import Delta
from flask_llmstream.protocols.responses import Responses
from flask_llmstream.protocols.responses.recent_items import RecentItems
from flask_llmstream.testing import Pause, ScriptedProvider
from tests.support.answers import Answer

PATH = "/v1/responses"


@pytest.fixture
def asked():
    """The requests that the model got."""
    return []


@pytest.fixture
def app(asked):
    return site(asked)


def site(asked, **config):
    """An app whose model tells what it got."""

    def model(request):
        asked.append(request)
        if request.messages[-1]["content"] == "fail":
            raise ProviderError("It is too high.", field="max_tokens", status=400)
        yield Delta(reasoning="Hm")
        yield "Hello"
        if request.messages[-1]["content"] == "break":
            raise ProviderError("It broke.")
        yield Usage(2, 2)

    app = Flask("asked")
    app.config.update(config)
    LLMStream(app, providers={"gemma": CallableProvider(model)})
    return app


def post(app, path=PATH, headers=(), **fields):
    fields.setdefault("input", "Hi")
    with Answer(app, path, method="POST", headers=dict(headers), json=fields) as answer:
        answer.everything = answer.rest()
    return answer


def items_of(answer):
    """The items of an answer, be it whole or streamed."""
    if answer.headers["Content-Type"] == "application/json":
        return json.loads(answer.everything)["output"]
    last = answer.everything.rpartition(b"data: ")[2].partition(b"\n")[0]
    return json.loads(last)["response"]["output"]


def referring_to(items, question="And you?"):
    references = [{"type": "item_reference", "id": item["id"]} for item in items]
    return [*references, {"role": "user", "content": question}]


def test_an_answer_is_whole_where_no_stream_is_asked_for(app):
    answer = post(app, metadata={"a": "b"}, instructions="Be brief.", temperature=0.5)
    body = json.loads(answer.everything)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", "gemma")
    assert (body["metadata"], body["instructions"]) == ({"a": "b"}, "Be brief.")
    assert (body["temperature"], body["top_p"], body["store"]) == (0.5, None, True)
    assert body["id"] == f"resp_{answer.headers['X-Request-ID']}"


def test_or_events(app):
    answer = post(app, stream=True)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert items_of(answer)[1]["content"][0]["text"] == "Hello"


def test_the_query_may_name_another_format(app):
    answer = post(app, PATH + "?format=plain")
    assert answer.everything == b"Hello"


@pytest.mark.parametrize("stream", [True, False])
def test_an_item_may_be_named_by_its_id(app, asked, stream):
    items = items_of(post(app, stream=stream))
    assert post(app, input=referring_to(items)).status == 200
    assert asked[-1].messages == (
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And you?"},
    )


def test_an_item_of_an_answer_that_broke_may_be_named(app, asked):
    items = items_of(post(app, stream=True, input="break"))
    assert post(app, input=referring_to(items)).status == 200
    assert asked[-1].messages[0] == {"role": "assistant", "content": "Hello"}


def test_an_item_of_an_answer_that_its_reader_left_may_be_named():
    pause = Pause()
    model = ScriptedProvider("Hello", pause)
    app, body = Flask("left"), {"input": "Hi", "stream": True}
    LLMStream(app, providers={"gemma": model})
    with Answer(app, PATH, method="POST", json=body) as answer:
        read = b""
        while b'"delta":"Hello"' not in read:
            read += answer.block()
    pause.end()
    item = read.partition(b'"item_id":"msg_')[2].partition(b'"')[0].decode()
    assert post(app, input=referring_to([{"id": f"msg_{item}"}])).status == 200
    assert model.requests[-1].messages[0] == {"role": "assistant", "content": "Hello"}


def test_an_item_is_its_owners(app):
    ada, eve = {"Authorization": "Bearer ada"}, {"Authorization": "Bearer eve"}
    items = items_of(post(app, headers=ada))
    assert post(app, headers=ada, input=referring_to(items)).status == 200
    for other in (eve, {}):
        assert post(app, headers=other, input=referring_to(items)).status == 400


@pytest.mark.parametrize("stream", [True, False])
def test_nothing_is_kept_where_the_client_says_so(app, stream):
    items = items_of(post(app, store=False, stream=stream))
    assert post(app, input=referring_to(items)).status == 400


def test_an_item_that_is_not_kept_is_named_and_so_is_the_cure(app):
    answer = post(app, input=[{"role": "user", "content": "Hi"}, *referring_to([{"id": "msg_1"}])])
    error = json.loads(answer.everything)["error"]
    assert (answer.status, error["param"]) == (400, "input[1].id")
    assert "'msg_1'" in error["message"]
    assert "store: false" in error["message"]


def test_an_application_chooses_how_much_is_kept(asked):
    protocol = Responses(RecentItems(max_items=1))
    protocol.name, protocol.rule = "few", "/few"
    app = Flask("few")
    provider = CallableProvider(lambda request: ["Hello"])
    LLMStream(app, providers={"gemma": provider}, protocols=[protocol])
    first, second = (items_of(post(app, "/v1/few")) for _ in range(2))
    assert post(app, "/v1/few", input=referring_to(first)).status == 400
    assert post(app, "/v1/few", input=referring_to(second)).status == 200


@pytest.mark.parametrize(
    "fields, field",
    [
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"input": "fail", "max_output_tokens": 9}, "max_output_tokens"),
        ({"input": "a" * 100_000}, "input"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"model": "nobody"}, "model"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_has_the_words_of_this_api(app, fields, field, stream):
    answer = post(app, stream=stream, **fields)
    error = json.loads(answer.everything)["error"]
    assert (error["param"], error["type"]) in [
        (field, "invalid_request_error"),
        ("model", "not_found_error"),
    ]


CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
FOLLOWED = [
    {"role": "user", "content": "Hi"},
    CALL,
    {**CALL, "call_id": "b"},
    {"type": "function_call_output", "call_id": "a", "output": "1"},
]


@pytest.mark.parametrize(
    "asked, field, told",
    [
        ({"input": "Hi"}, "messages[0].content", "input"),
        ({"input": "Hi", "instructions": "Be short"}, "messages[0]", "instructions"),
        ({"input": "Hi", "instructions": "Be short"}, "messages[1].content", "input"),
        ({"input": FOLLOWED}, "messages[0].content[0].text", "input[0].content[0].text"),
        ({"input": FOLLOWED}, "messages[1].tool_calls[1].function.name", "input[2].name"),
        ({"input": FOLLOWED}, "messages[1].tool_calls[0].id", "input[1].call_id"),
        ({"input": FOLLOWED}, "messages[2].content", "input[3].output"),
        ({"input": FOLLOWED}, "messages[2].tool_call_id", "input[3].call_id"),
        ({"input": "Hi", "tools": [{"type": "function", "name": "f"}]},
         "tools[0].function.parameters", "tools[0].parameters"),
        ({"input": "Hi"}, "response_format.json_schema.schema", "text.format.schema"),
        ({"input": "Hi"}, "messages", "input"),
    ],
)  # fmt: skip
def test_what_a_model_s_server_calls_wrong_has_its_place_in_the_request(asked, field, told):
    def refuse(request):
        raise ProviderError("It is wrong.", status=400, field=field)
        yield

    app = Flask("refusing")
    LLMStream(app, providers={"gemma": CallableProvider(refuse)})
    answer = post(app, **asked)
    assert (answer.status, json.loads(answer.everything)["error"]["param"]) == (400, told)


@pytest.mark.parametrize("policy, status", [("refuse", 400), ("ignore", 200), ("forward", 200)])
def test_a_field_that_is_not_known_is_treated_as_everywhere(asked, policy, status):
    app = site(asked, LLMSTREAM_UNKNOWN_FIELDS=policy)
    assert post(app, unknown=1).status == status
    assert [request.options.get("unknown") for request in asked] == {
        "refuse": [],
        "ignore": [None],
        "forward": [1],
    }[policy]


def test_all_that_only_this_api_has_is_answered_here(asked):
    app = site(asked, LLMSTREAM_UNKNOWN_FIELDS="refuse")
    fields = {"include": ["reasoning.encrypted_content"], "store": True, "truncation": "auto",
              "max_tool_calls": 1, "client_metadata": {"thread_id": "1"},
              "stream_options": {"include_obfuscation": False},
              "reasoning": {"summary": "auto"}, "text": {"format": {"type": "text"}}}  # fmt: skip
    assert post(app, **fields).status == 200
    assert asked[-1].options == {}
