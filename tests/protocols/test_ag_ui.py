"""A run's input becomes the question to a model. What can't become one is refused by its name."""

from __future__ import annotations

import pytest

from flask_llmstream import LLMStream, Provider, RequestError
from flask_llmstream.records import TOKEN_LIMITS
from tests.protocols.spoken import document, objects

DATA = {"type": "data", "value": "QQ==", "mimeType": "image/png"}
URL = {"type": "url", "value": "https://example.com/a"}
CALL = {"id": "call", "type": "function", "function": {"name": "add", "arguments": "{}"}}


class Model(Provider):
    """Keeps the last request. It refuses a place of one, where a test names it."""

    def __init__(self):
        self.asked = self.refused = None

    def check(self, request):
        if self.refused is not None:
            raise RequestError("I can't.", field=self.refused)

    def stream(self, request):
        self.asked = request
        yield "Hello"


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def streams(model):
    return LLMStream(providers={"model": model})


@pytest.fixture
def run(app, model):
    """The request that a model got for these members of an input, or the refusal."""

    def run(*messages, **members):
        body = {"threadId": "t", "runId": "r", "messages": list(messages), **members}
        answer = app.test_client().post("/v1/ag-ui", json=body)
        if answer.status_code != 200:
            return answer.status_code, answer.json["message"]
        answer.get_data()
        return model.asked

    return run


def user(content="Hello", **more):
    return {"id": "1", "role": "user", "content": content, **more}


def assistant(**more):
    return {"id": "2", "role": "assistant", **more}


def refusal(run, part):
    return run(user([part]))[1]


# Messages.


def test_each_role_goes_to_the_model_but_for_what_is_for_the_page(run):
    asked = run(
        {"id": "1", "role": "system", "content": "Be kind."},
        {"id": "2", "role": "developer", "content": "Be brief.", "name": "ops"},
        user(metadata={"a": 1}, encryptedValue="x"),
        {"id": "3", "role": "reasoning", "content": "Hm"},
        {"id": "4", "role": "activity", "activityType": "a", "content": {}},
        assistant(content="Hi"),
        assistant(),
        user("And?"),
    )
    assert list(asked.messages) == [
        {"role": "system", "content": "Be kind."},
        {"role": "developer", "content": "Be brief.", "name": "ops"},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "And?"},
    ]


def test_a_tool_that_failed_tells_the_model_why_and_what_it_found_before(run):
    tool = {"id": "3", "role": "tool", "toolCallId": "call"}
    told = [
        run(user(), assistant(toolCalls=[CALL]), {**tool, **result}).messages[-1]["content"]
        for result in (
            {"content": "1", "error": "no more"},
            {"content": "", "error": "no more"},
            {"content": [{"type": "text", "text": "1"}], "error": "no more"},
        )
    ]
    assert told[:2] == ["1\n\nError: no more", "Error: no more"]
    assert told[2][-1] == {"type": "text", "text": "Error: no more"}


def test_results_follow_the_message_with_their_calls_at_once(run):
    """Other agents' runs have a message for each call, and text behind them."""
    second = {**CALL, "id": "other"}
    messages = [assistant(toolCalls=[CALL]), assistant(toolCalls=[second]), assistant(content="So")]
    results = [
        {"id": id, "role": "tool", "toolCallId": id, "content": "1"} for id in ("call", "other")
    ]
    asked = run(user(), *messages, *results).messages
    assert [each["role"] for each in asked] == ["user", "assistant", "tool", "tool"]
    assert asked[1] == {"role": "assistant", "content": "So", "tool_calls": [CALL, second]}


# Parts.


@pytest.mark.parametrize(
    "part, sent",
    [
        ({"type": "text", "text": ""}, {"type": "text", "text": ""}),
        (
            {"type": "image", "source": DATA},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
        ),
        (
            {"type": "image", "source": URL},
            {"type": "image_url", "image_url": {"url": "https://example.com/a"}},
        ),
        (
            {"type": "video", "source": URL},
            {"type": "video_url", "video_url": {"url": "https://example.com/a"}},
        ),
        (
            {"type": "audio", "source": {**DATA, "mimeType": "audio/mpeg"}},
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
        ),
        (
            {"type": "document", "source": DATA, "metadata": {"filename": "a.png"}},
            {
                "type": "file",
                "file": {"filename": "a.png", "file_data": "data:image/png;base64,QQ=="},
            },
        ),
        (
            {"type": "document", "source": {"type": "file", "value": "file-1"}},
            {"type": "file", "file": {"file_id": "file-1"}},
        ),
        (
            {"type": "binary", "mimeType": "image/png", "data": "QQ=="},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
        ),
        (
            {"type": "binary", "mimeType": "application/pdf", "id": "file-1"},
            {"type": "file", "file": {"file_id": "file-1"}},
        ),
    ],
    ids=lambda value: value["type"],
)
def test_a_part_has_its_form_of_a_chat_completion(run, part, sent):
    assert run(user([part])).messages[0]["content"] == [sent]


@pytest.mark.parametrize(
    "part, told",
    [
        ("text", ": has to be an object, not text"),
        ({"text": "a"}, ".type: has to be text, not null"),
        ({"type": "hologram"}, ".type: 'hologram' is none of text, image"),
        ({"type": "text"}, ".text: has to be text, not null"),
        ({"type": "image"}, ".source: has to be an object, not null"),
        ({"type": "image", "source": {"type": "disk"}}, ".source.type: 'disk' is none of data"),
        ({"type": "image", "source": {"type": "url"}}, ".source.value: has to be text"),
        ({"type": "image", "source": {**DATA, "mimeType": None}}, ".source.mimeType: has to be"),
        ({"type": "document", "source": URL}, ": models fetch no document by its URL"),
        ({"type": "audio", "source": URL}, ": models fetch no audio by its URL"),
        ({"type": "binary", "mimeType": "a/b"}, ": needs data, url or id"),
    ],
    ids=str,
)
def test_a_part_that_can_t_be_sent_is_named(run, part, told):
    assert refusal(run, part).startswith("messages[0].content[0]" + told)


# The other members.


def test_context_is_part_of_the_first_instructions(run):
    context = [{"description": "User", "value": "Ann"}, {"description": "Page", "value": "/a"}]
    told = "Context:\n\nUser: Ann\n\nPage: /a"
    assert run(user(), context=context).messages[0] == {"role": "system", "content": told}
    system = {"id": "0", "role": "system", "content": "Be kind."}
    asked = run(system, user(), context=context).messages
    assert asked[0] == {"role": "system", "content": f"Be kind.\n\n{told}"}
    assert len(asked) == 2
    assert len(run(user(), context=[]).messages) == 1


def test_tools_are_functions_of_the_page(run):
    add = {"name": "add", "description": "Adds", "parameters": {"type": "object"}}
    tools = [add, {"name": "b"}]
    assert run(user(), tools=tools).options["tools"] == [
        {"type": "function", "function": add},
        {"type": "function", "function": {"name": "b"}},
    ]
    assert "tools" not in run(user(), tools=[]).options


@pytest.mark.parametrize("forwarded", [None, "a", 7, [], {"own": {"max_tokens": 9}, "topP": 1}])
def test_what_is_forwarded_may_be_any_json_and_the_application_s_own(run, forwarded):
    assert run(user(), forwardedProps=forwarded).options == {}


def test_the_options_of_a_chat_completion_may_be_forwarded(run):
    asked = run(user(), forwardedProps={"model": "model", "temperature": 0.5, "top_k": 3})
    assert asked.options == {"temperature": 0.5, "top_k": 3}


@pytest.mark.parametrize("name", TOKEN_LIMITS)
def test_a_limit_of_tokens_holds_by_each_of_its_names(make_app, model, name):
    app = make_app(LLMSTREAM_MAX_TOKENS=10)
    body = {"threadId": "t", "runId": "r", "messages": [user()], "forwardedProps": {name: 1000}}
    app.test_client().post("/v1/ag-ui", json=body).get_data()
    assert model.asked.options == {name: 10}


@pytest.mark.parametrize(
    "members, told",
    [
        ({"threadId": None}, "threadId: has to be text, not null"),
        ({"runId": ""}, "runId: is empty"),
        ({"messages": None}, "messages: has to be a list of at least one message"),
        ({"messages": {}}, "messages: has to be a list, not an object"),
        ({"messages": ["a"]}, "messages[0]: has to be an object, not text"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role: 'robot' is none of user, system"),
        ({"messages": [user(None)]}, "messages[0].content: has to be text or a list of parts"),
        ({"messages": [user(), assistant(content=[])]}, "messages[1].content: has to be text"),
        (
            {"messages": [assistant(toolCalls=[{"id": "a"}])]},
            "messages[0].toolCalls[0].function: has to be an object",
        ),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages[0].toolCallId: has to be text"),
        ({"tools": [{}]}, "tools[0].name: has to be text, not null"),
        ({"tools": [{"name": "a", "parameters": []}]}, "tools[0].parameters: has to be an object"),
        ({"context": [{"description": "a"}]}, "context[0].value: has to be text"),
        ({"resume": [{"interruptId": "a"}]}, "resume: no run is interrupted here"),
        ({"forwardedProps": {"n": 2}}, "forwardedProps.n: has to be 1"),
        ({"forwardedProps": {"stop": 7}}, "forwardedProps.stop: has to be text"),
    ],
    ids=str,
)
def test_what_can_t_be_read_is_named_in_the_words_of_the_protocol(run, members, told):
    status, message = run(**{"messages": [user()], **members})
    assert status == 400
    assert message.startswith(told)


@pytest.mark.parametrize(
    "ours, theirs",
    [
        ("messages[0]", "context"),
        ("messages[1].content[0]", "messages[1].content[0]"),
        ("messages[2].tool_calls[0].id", "messages[2].toolCalls[0].id"),
        ("messages[2].tool_calls[1].id", "messages[3].toolCalls[0].id"),
        ("messages[3].tool_call_id", "messages[4].toolCallId"),
        ("tools[0].function.name", "tools[0].name"),
        ("temperature", "forwardedProps.temperature"),
    ],
)
def test_what_a_model_refuses_is_named_by_its_place_in_the_input(run, model, ours, theirs):
    model.refused = ours
    tool = {"id": "3", "role": "tool", "toolCallId": "call", "content": "1"}
    status, message = run(
        {"id": "0", "role": "reasoning", "content": "Hm"},
        user(),
        assistant(toolCalls=[CALL]),
        assistant(toolCalls=[CALL]),
        tool,
        context=[{"description": "User", "value": "Ann"}],
        tools=[{"name": "add"}],
    )
    assert (status, message) == (400, f"{theirs}: I can't.")


def test_the_document_s_agent_gives_its_steps_and_its_state():
    client = document("AGUIFormat")["app"].test_client()
    answer = client.post("/agent", json={"threadId": "t", "runId": "r"})
    kinds = [each["type"] for each in objects(answer.data)]
    assert kinds[:3] == ["RUN_STARTED", "STEP_STARTED", "STATE_SNAPSHOT"]
    assert kinds[-2:] == ["STEP_FINISHED", "RUN_FINISHED"]
    assert objects(answer.data)[-1]["threadId"] == "t"
