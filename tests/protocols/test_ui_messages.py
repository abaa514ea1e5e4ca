"""``POST /v1/chat/ui``: how the AI SDK's messages are read, and what they become for a model."""

from __future__ import annotations

import json

import pytest

from flask_llmstream import CallableProvider, Delta, LLMStream, RequestError, ToolCallDelta
from flask_llmstream.providers.base import Provider
from tests.support.answers import Answer

PATH = "/v1/chat/ui"
PNG = "data:image/png;base64,iVBORw0KGgo="
HELLO = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
CALL = {"type": "tool-add", "toolCallId": "c1", "input": {"a": 1}}
ANSWERED = {**CALL, "state": "output-available", "output": 3}
STEP = {"type": "step-start"}


class Model(Provider):
    """Keeps the requests that it got."""

    refuses = {"input_audio": "This model hears no audio."}

    def __init__(self):
        self.asked = []

    def stream(self, request):
        self.asked.append(request)
        yield "Hi"


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def streams(model):
    return LLMStream(providers={"model": model})


@pytest.fixture
def ask(app, model):
    """Asks with these messages, and gives what they became."""

    def ask(*messages, **fields):
        answer = post(app, messages=list(messages), **fields)
        assert answer.status == 200, answer.everything
        return list(model.asked[-1].messages)

    return ask


@pytest.fixture
def refused(app):
    """The words of the answer to a bad request."""

    def refused(*messages, **fields):
        answer = post(app, messages=list(messages), **fields)
        assert answer.status == 400
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        return answer.everything.decode()

    return refused


def post(app, **fields):
    with Answer(app, PATH, method="POST", json=fields) as answer:
        answer.everything = answer.rest()
    return answer


def chunks_of(answer):
    lines = answer.everything.decode().splitlines()
    data = [line[6:] for line in lines if line.startswith("data: ")]
    assert data.pop() == "[DONE]"
    return [json.loads(each) for each in data]


def user(*parts):
    return {"role": "user", "parts": list(parts)}


def assistant(*parts):
    return {"id": "a1", "role": "assistant", "parts": list(parts)}


def text(words):
    return {"type": "text", "text": words, "state": "done"}


def file(media_type, url, **others):
    return {"type": "file", "mediaType": media_type, "url": url, **others}


def called(arguments='{"a":1}', call_id="c1"):
    function = {"name": "add", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def said(content=None, **others):
    return {"role": "assistant", "content": content, **others}


# The request.


def test_a_question_is_answered_by_a_ui_message_stream(app):
    answer = post(app, id="chat", messages=[HELLO], trigger="submit-message", messageId=None)
    assert answer.status == 200
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    kinds = [chunk["type"] for chunk in chunks_of(answer)]
    assert kinds == [
        *("start", "start-step", "text-start", "text-delta", "text-end", "finish-step", "finish"),
    ]


def test_a_new_message_has_the_id_of_its_request(app):
    answer = post(app, messages=[HELLO])
    assert chunks_of(answer)[0]["messageId"] == answer.headers["X-Request-ID"]


def test_a_message_that_goes_on_keeps_its_id(app):
    assert chunks_of(post(app, messages=[HELLO, assistant(ANSWERED)]))[0] == {"type": "start"}


def test_a_call_of_a_message_that_goes_on_has_a_new_id(make_app):
    def add(request):
        yield Delta(tool_calls=[ToolCallDelta(0, "c1", "add", "{}")])

    app = make_app(LLMStream(providers={"add": CallableProvider(add)}))
    kinds = {chunk["type"]: chunk for chunk in chunks_of(post(app, messages=[HELLO]))}
    assert kinds["tool-input-start"]["toolCallId"] == "c1"
    again = post(app, messages=[HELLO, assistant(ANSWERED)])
    kinds = {chunk["type"]: chunk for chunk in chunks_of(again)}
    assert kinds["tool-input-start"]["toolCallId"] == "c1-2"


def test_the_body_of_the_transport_has_the_fields_of_a_chat_completion(ask, model):
    tools = [{"type": "function", "function": {"name": "add"}}]
    ask(HELLO, model="model", temperature=0.5, max_tokens=9, tools=tools, tool_choice="auto")
    options = {"temperature": 0.5, "max_tokens": 9, "tools": tools, "tool_choice": "auto"}
    assert model.asked[-1].options == options


@pytest.mark.parametrize("policy", ["forward", "ignore", "refuse"])
def test_other_fields_are_the_page_s_own(make_app, policy):
    model = Model()
    app = make_app(LLMStream(providers={"model": model}), LLMSTREAM_UNKNOWN_FIELDS=policy)
    assert post(app, messages=[HELLO], id="7", userId=3, conversation="x").status == 200
    assert model.asked[-1].options == {}


def test_the_answer_is_streamed_whatever_the_body_says(app):
    assert chunks_of(post(app, messages=[HELLO], stream=False))[-1]["type"] == "finish"


def test_a_prompt_is_asked_as_use_completion_does(app, model):
    assert chunks_of(post(app, prompt="Hello"))[3]["delta"] == "Hi"
    assert model.asked[-1].prompt == "Hello"


def test_a_prompt_beside_messages_is_the_page_s_own(ask):
    assert ask(HELLO, prompt="x") == [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize("messages", [None, [], {}, "Hello", 7])
def test_there_is_at_least_one_message(app, messages):
    answer = post(app, messages=messages)
    told = b"messages: has to be a list of at least one message"
    assert (answer.status, answer.everything) == (400, told)


def test_a_field_of_the_chat_is_named_as_there(refused):
    assert refused(HELLO, temperature="hot") == "temperature: has to be a number, not text"


def test_an_error_before_the_first_byte_is_words_alone_and_no_stream(make_app):
    def busy(request):
        raise RequestError("is too long", field="messages")
        yield

    app = make_app(LLMStream(providers={"busy": CallableProvider(busy)}))
    answer = post(app, messages=[HELLO])
    assert (answer.status, answer.everything) == (400, b"messages: is too long")
    assert "x-vercel-ai-ui-message-stream" not in answer.headers


# What assistant-ui's transport adds.

ADD = {"description": "Adds.", "parameters": {"type": "object"}}


def test_instructions_come_first(ask):
    assert ask(HELLO, system="Be kind.")[0] == {"role": "system", "content": "Be kind."}
    assert len(ask(HELLO, system=None)) == len(ask(HELLO, system="")) == 1


def test_tools_by_their_names_are_tools(ask, model):
    ask(HELLO, tools={"add": {**ADD, "providerOptions": {}}, "now": {}})
    assert model.asked[-1].options["tools"] == [
        {"type": "function", "function": {"name": "add", **ADD}},
        {"type": "function", "function": {"name": "now"}},
    ]
    ask(HELLO, tools={})
    assert model.asked[-1].options == {}


def test_its_options_are_those_of_a_chat_completion(ask, model):
    settings = {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "seed": 1, "headers": {}}
    penalties = {"presencePenalty": 1, "frequencyPenalty": 2}
    config = {"modelName": "model", "reasoningEffort": "low", "apiKey": "x"}
    ask(HELLO, callSettings={**settings, **penalties}, config=config, temperature=1)
    assert model.asked[-1].model == "model"
    assert model.asked[-1].options == {
        **{"max_tokens": 9, "temperature": 1, "top_p": 0.9, "seed": 1},
        **{"presence_penalty": 1, "frequency_penalty": 2, "reasoning_effort": "low"},
    }


@pytest.mark.parametrize(
    "fields, told",
    [
        ({"system": ["Hi"]}, "system: has to be text, not a list"),
        ({"tools": {"add": None}}, "tools.add: has to be an object, not null"),
        (
            {"callSettings": {"seed": "x"}, "seed": 1},
            "callSettings.seed: has to be a number, not text",
        ),
        (
            {"callSettings": {"temperature": "hot"}},
            "callSettings.temperature: has to be a number, not text",
        ),
    ],
)
def test_an_error_in_them_has_their_names(refused, fields, told):
    assert refused(HELLO, **fields) == told


def test_a_model_that_is_not_there_has_the_name_of_its_field(app):
    answer = post(app, messages=[HELLO], config={"modelName": "none"})
    assert (answer.status, answer.everything[:17]) == (404, b"config.modelName:")


def test_instructions_alone_ask_nothing(refused):
    told = "messages: there is nothing in them that a model reads"
    assert refused(user({"type": "data-x", "data": 1}), system="Be kind.") == told


def test_behind_instructions_the_messages_keep_their_names(refused):
    audio = file("audio/wav", "data:audio/wav;base64,UklG")
    told = refused(HELLO, user(text("Hear!"), audio), system="Be kind.")
    assert told == "messages[1].parts[1]: This model hears no audio."


# What the messages become.


def test_text_is_the_content(ask):
    system = {"role": "system", "parts": [text("Be "), text("kind.")]}
    assert ask(system, HELLO, assistant(text("Hi"), text("!")), user(text("Bye"))) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        said("Hi!"),
        {"role": "user", "content": "Bye"},
    ]


@pytest.mark.parametrize("url", [PNG, "https://example.org/a.png"])
def test_an_image_is_a_part_of_the_content(ask, url):
    assert ask(user(text("What is it?"), file("image/png", url)))[0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]


@pytest.mark.parametrize(
    "part, content",
    [
        (file("text/plain", "data:text/plain;base64,SGk="), "Hi"),
        (file("text/csv; charset=utf-8", "data:text/csv,a%2Cb"), "a,b"),
        (file("text", "data:text/plain;base64,SGk="), "Hi"),
        (file("text/*", "data:text/plain,Hi"), "Hi"),
        (
            file("application/*", "data:application/x;base64,AA=="),
            {
                "type": "file",
                "file": {"filename": "file", "file_data": "data:application/x;base64,AA=="},
            },
        ),
        (
            file("application/pdf", "data:application/pdf;base64,JVBERg==", filename="a.pdf"),
            {
                "type": "file",
                "file": {
                    "filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,JVBERg==",
                },
            },
        ),
        (
            file("application/zip", "data:application/zip;base64,UEs="),
            {
                "type": "file",
                "file": {"filename": "file", "file_data": "data:application/zip;base64,UEs="},
            },
        ),
    ],
)
def test_a_file_is_what_a_chat_completion_has_for_it(ask, part, content):
    (message,) = ask(user(part))
    assert message["content"] == (content if isinstance(content, str) else [content])


def test_audio_is_named_as_there(app, make_app):
    model = Model()
    model.refuses = {}
    app = make_app(LLMStream(providers={"model": model}))
    told = (("audio/wav", "wav", "wav"), ("audio/mpeg", "mpeg", "mp3"), ("audio", "wav", "wav"))
    for media_type, subtype, name in told:
        post(app, messages=[user(file(media_type, f"data:audio/{subtype};base64,UklG"))])
        audio = {"type": "input_audio", "input_audio": {"data": "UklG", "format": name}}
        assert model.asked[-1].messages[0]["content"] == [audio]


def test_each_step_is_a_message_with_its_calls_and_their_results(ask):
    second = {**CALL, "toolCallId": "c2", "state": "output-available", "output": "three"}
    steps = [STEP, text("Let me see."), ANSWERED, second, STEP, text("3"), STEP]
    assert ask(HELLO, assistant(*steps), user(text("Bye")))[1:] == [
        said("Let me see.", tool_calls=[called(), called(call_id="c2")]),
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
        {"role": "tool", "tool_call_id": "c2", "content": "three"},
        said("3"),
        {"role": "user", "content": "Bye"},
    ]


@pytest.mark.parametrize(
    "state, content",
    [
        ({"state": "output-available"}, "null"),
        ({"state": "output-available", "output": {"a": "ü"}}, '{"a":"ü"}'),
        ({"state": "output-error", "errorText": "It broke."}, "It broke."),
        ({"state": "output-denied"}, "The user denied this call."),
        ({"state": "output-denied", "approval": {"reason": "No."}}, "No."),
        ({"state": "approval-responded", "approval": {"approved": False, "reason": 7}}, None),
    ],
)
def test_the_result_of_a_call_is_text(ask, state, content):
    call, result = ask(HELLO, assistant({**CALL, **state}))[1:]
    assert result["content"] == (content or "The user denied this call.")


@pytest.mark.parametrize(
    "state",
    [
        {"state": "input-streaming"},
        {"state": "input-available"},
        {"state": "approval-requested", "approval": {"id": "1"}},
        {"state": "approval-responded", "approval": {"id": "1", "approved": True}},
    ],
)
def test_a_call_without_a_result_is_skipped(ask, state):
    """No model's server takes one, and a user may go on without an answer to it."""
    assert ask(HELLO, assistant(text("Hm"), {**CALL, **state}), HELLO)[1] == said("Hm")
    assert len(ask(HELLO, assistant({**CALL, **state}), HELLO)) == 2


def test_so_is_a_call_that_names_no_tool(ask):
    """A model that broke its call off left it so, and no server takes it back."""
    part = {**ANSWERED, "type": "tool-", "state": "output-error", "errorText": "No name."}
    assert ask(HELLO, assistant(text("Hm"), part), HELLO)[1] == said("Hm")


def test_a_dynamic_tool_has_its_name_beside_it(ask):
    part = {**ANSWERED, "type": "dynamic-tool", "toolName": "add"}
    assert ask(HELLO, assistant(part))[1] == said(tool_calls=[called()])


@pytest.mark.parametrize(
    "members, arguments",
    [
        ({}, "{}"),
        ({"input": None}, "{}"),
        ({"input": '{"a":'}, '"{\\"a\\":"'),
        ({"rawInput": {"a": 1}}, '{"a":1}'),
    ],
)
def test_the_arguments_of_a_call_are_json_in_any_case(ask, members, arguments):
    part = {"type": "tool-add", "toolCallId": "c1", "state": "output-error", "errorText": "No."}
    assert ask(HELLO, assistant({**part, **members}))[1]["tool_calls"] == [called(arguments)]


def test_the_reasoning_of_the_turn_that_goes_on_is_sent_back_and_no_other(ask):
    """Models that reason between calls need it. That of earlier turns no model wants."""
    thought = {"type": "reasoning", "text": "Hm."}
    earlier = assistant(STEP, thought, text("Hi"))
    messages = ask(HELLO, earlier, HELLO, assistant(STEP, thought, ANSWERED))
    assert messages[1] == said("Hi")
    assert messages[3] == said(reasoning_content="Hm.", tool_calls=[called()])


def test_what_is_for_the_page_alone_is_skipped(ask):
    parts = [
        {"type": "data-weather", "data": 1},
        {"type": "source-url", "sourceId": "1", "url": "https://example.org"},
        {"type": "source-document", "sourceId": "1"},
        {"type": "file", "mediaType": "image/png", "url": PNG},
        {"type": "of-the-future"},
    ]
    assert ask(HELLO, assistant(*parts, text("Hi")), user(text("Bye"), *parts[:3]))[1:] == [
        said("Hi"),
        {"role": "user", "content": "Bye"},
    ]
    assert ask(HELLO, user(*parts[:3])) == [{"role": "user", "content": "Hello"}]


def test_a_message_to_an_agent_at_work_is_the_user_s(ask):
    steering = {"type": "steering-message", "id": "s", "parts": [text("Faster!")]}
    assert ask(HELLO, assistant(STEP, ANSWERED, steering, STEP, text("3")))[3:] == [
        {"role": "user", "content": "Faster!"},
        said("3"),
    ]


# What can't be read.


@pytest.mark.parametrize(
    "message, told",
    [
        (None, "messages[1]: has to be an object, not null"),
        ("Hi", "messages[1]: has to be an object, not text"),
        ({}, "messages[1].role: has to be text, not null"),
        ({"role": "tool"}, "messages[1].role: 'tool' is none of system, user, assistant"),
        ({"role": []}, "messages[1].role: has to be text, not a list"),
        ({"role": "user"}, "messages[1].parts: has to be a list of parts, not null"),
        (
            {"role": "user", "content": "Hi", "parts": "Hi"},
            "messages[1].parts: has to be a list of parts, not text",
        ),
        (user(None), "messages[1].parts[0]: has to be an object, not null"),
        (user({}), "messages[1].parts[0].type: has to be text, not null"),
        (user({"type": 1}), "messages[1].parts[0].type: has to be text, not a number"),
        (user({"type": "text"}), "messages[1].parts[0].text: has to be text, not null"),
        (assistant(text(None)), "messages[1].parts[0].text: has to be text, not null"),
        (
            user(text("a"), file(None, "")),
            "messages[1].parts[1].mediaType: has to be text, not null",
        ),
        (user(file("image/png", None)), "messages[1].parts[0].url: has to be text, not null"),
        (
            user(file("image/png", "blob:7")),
            "messages[1].parts[0].url: has to be a data:, https: or http: URL",
        ),
        (
            user(file("application/pdf", "https://example.org/a.pdf")),
            "messages[1].parts[0].url: has to be a data: URL; only an image may have another",
        ),
        (
            user(file("text/plain", "data:text/plain;base64")),
            "messages[1].parts[0].url: has to be a data: URL, as 'data:text/plain;base64,…'",
        ),
        (
            user(file("text/plain", "data:;base64,_")),
            "messages[1].parts[0].url: has to be base64 behind the comma",
        ),
        (
            user(file("text/plain", "data:;base64,/w==")),
            "messages[1].parts[0].url: has to be text in UTF-8",
        ),
        (
            assistant({**ANSWERED, "toolCallId": None}),
            "messages[1].parts[0].toolCallId: has to be text, not null",
        ),
        (assistant(CALL), "messages[1].parts[0].state: has to be text, not null"),
        (
            assistant({**CALL, "state": "result"}),
            "messages[1].parts[0].state: 'result' is none of input-streaming, input-available, "
            "approval-requested, approval-responded, output-available, output-error, output-denied",
        ),
        (
            assistant({**CALL, "state": "output-error"}),
            "messages[1].parts[0].errorText: has to be text, not null",
        ),
        (
            assistant({**ANSWERED, "type": "dynamic-tool"}),
            "messages[1].parts[0].toolName: has to be text, not null",
        ),
        (
            assistant({"type": "steering-message", "parts": None}),
            "messages[1].parts[0].parts: has to be a list of parts, not null",
        ),
    ],
)
def test_what_can_t_be_read_is_named(refused, message, told):
    assert refused(HELLO, message) == told


@pytest.mark.parametrize("name", ["input", "output"])
def test_what_is_nested_too_deeply_is_named(refused, name):
    deep = json.loads("[" * 200 + "]" * 200)
    told = refused(HELLO, assistant(STEP, {**ANSWERED, name: deep}))
    assert told == f"messages[1].parts[1].{name}: is nested more than 128 times"


def test_there_has_to_be_something_for_the_model(refused):
    told = "messages: there is nothing in them that a model reads"
    assert refused(assistant(), user({"type": "data-x", "data": 1})) == told


def test_what_a_model_refuses_is_named_as_the_page_has_it(refused):
    """Steps make more messages of one, and parts for the page alone are skipped."""
    audio = file("audio/wav", "data:audio/wav;base64,UklG")
    parts = [{"type": "data-x", "data": 1}, text("Hear!"), audio]
    told = refused(HELLO, assistant(STEP, ANSWERED, STEP, text("3")), user(*parts))
    assert told == "messages[2].parts[2]: This model hears no audio."
