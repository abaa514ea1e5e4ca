"""A protocol of a third party's: one that can't work is refused at once, and one that fails later
spoils no answer but its own."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_llmstream import CallableProvider, ConfigurationError, LLMStream, RequestError
from flask_llmstream.protocols import ParsedRequest, Protocol
from tests.protocols.spoken import OllamaChat, third_party

QUESTION = {"messages": [{"role": "user", "content": "good day"}]}


class Own(Protocol):
    """The fields of a chat completion, in another place."""

    name, rule = "own", "/own"

    def __init__(self, **members):
        vars(self).update(members)

    def read(self, request):
        return ParsedRequest(request.fields, lambda chat: None)


def speaking(*protocols, **config):
    app = Flask("speaking")
    app.config.update(config)
    LLMStream(
        app, providers={"model": CallableProvider(lambda _: "Hello")}, protocols=protocols
    )
    return app.test_client()


# What is refused at once.


@pytest.mark.parametrize(
    "protocols, told",
    [
        (None, "protocols: has to be a list of protocols, not None"),
        ("own", "protocols: has to be a list of protocols, not 'own'"),
        (Own(), "protocols: has to be a list of protocols, not <"),
        (Own, "protocols: has to be a list of protocols, not <class"),
        ({"own": Own()}, "protocols: has to be a list of protocols, not {"),
        ([Own], "protocols[0]: is the class Own; make one of it"),
        ([Own(), "own"], "protocols[1]: has to be a Protocol, not str"),
        ([Own(), Own(rule="/other")], "protocols[1].name: 'own' is another endpoint's"),
        ([Own(), Own(name="other")], "protocols[1].rule: another endpoint answers POST /own"),
        ([Own(name="completions")], "protocols[0].name: 'completions' is another endpoint's"),
        ([Own(name="models")], "protocols[0].name: 'models' is another endpoint's"),
        ([Own(name="doctor")], "protocols[0].name: 'doctor' is another endpoint's"),
        ([Own(name="a.b")], "protocols[0].name: has to be an identifier, not 'a.b'"),
        ([Own(name=None)], "protocols[0].name: has to be an identifier, not None"),
        ([Own(rule="/chat/completions")], "protocols[0].rule: another endpoint answers POST /chat"),
        ([Own(rule="/models", method="GET")], "protocols[0].rule: another endpoint answers GET"),
        ([Own(rule="/models/a", method="GET")], "protocols[0].rule: another endpoint answers GET"),
        *(
            ([Own(rule=rule)], "protocols[0].rule: has to be a path such as '/api/chat'")
            for rule in (None, "", "/", "own", "/own/", "/a//b", "/<a>", "/a?b", "/a b", "/a\n",
                         "/../a", "/a/.", "/a%20b", "/é")
        ),
        ([Own(method="post")], "protocols[0].method: has to be 'GET' or 'POST', not 'post'"),
        ([Own(method=["GET"])], "protocols[0].method: has to be 'GET' or 'POST', not ['GET']"),
        ([Own(field_names=["a"])], "protocols[0].field_names: has to be a mapping of texts"),
        ([Own(field_names={"a": 1})], "protocols[0].field_names: has to be a mapping of texts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_can_t_work_is_named_at_once(protocols, told):
    with pytest.raises(ConfigurationError) as refused:
        LLMStream(protocols=protocols)
    assert str(refused.value).startswith(told)
    if protocols is not None:  # None: those of the object
        with pytest.raises(ConfigurationError):
            LLMStream().blueprint("chat", protocols=protocols)


def test_a_protocol_without_its_name_is_told_so():
    class Nameless(Own):
        name = rule = property()

    with pytest.raises(ConfigurationError, match=r"^protocols\[0\].name: has to be an identifier"):
        LLMStream(protocols=[Nameless()])


def test_one_path_may_have_two_protocols_with_two_methods():
    client = speaking(Own(), Own(name="other", method="GET"))
    assert client.post("/v1/own", json={"prompt": "Hello"}).status_code == 200
    asked = client.get("/v1/own", headers={"Accept": "text/event-stream"})
    assert asked.status_code == 200


class InLines(Own):
    """A GET that is answered in lines of JSON."""

    method = "GET"

    def read(self, request):
        return ParsedRequest({"prompt": request.query.get("ask")}, lambda chat: "ndjson")


@pytest.mark.parametrize(
    "accept, status",
    [("application/x-ndjson", 200), ("*/*", 200), ("application/json", 403), ("image/png", 403)],
)
def test_a_get_is_answered_for_a_client_that_accepts_its_format(accept, status):
    answer = speaking(InLines()).get("/v1/own?ask=a", headers={"Accept": accept})
    assert answer.status_code == status


def test_each_mount_may_have_its_own():
    app = Flask("mounts")
    streams = LLMStream(app, protocols=[Own()])
    app.register_blueprint(streams.blueprint("one"), url_prefix="/one")
    app.register_blueprint(streams.blueprint("none", protocols=[]), url_prefix="/none")
    app.register_blueprint(streams.blueprint("other", protocols=[OllamaChat()]), url_prefix="/two")
    client = app.test_client()
    paths = ("/one/own", "/none/own", "/two/own", "/two/api/chat", "/one/api/chat")
    found = [client.post(path, json={}).status_code != 404 for path in paths]
    assert found == [True, False, False, True, False]


def test_a_route_of_the_application_s_at_its_address_is_told():
    app = Flask("clash")
    app.add_url_rule("/v1/own", "taken", lambda: "", methods=["POST"])
    with pytest.raises(ConfigurationError, match="two routes answer POST /v1/own"):
        LLMStream(app, providers={}, protocols=[Own()])


# What fails later.


class Failing(Own):
    """Reads nothing, and says so in a way of its own."""

    def __init__(self, error, form=None):
        super().__init__(error=error, form=form)

    def read(self, request):
        if isinstance(self.error, BaseException):
            raise self.error
        return self.error

    def failure(self, failure):
        return self.form(failure) if self.form else ("text/x-own", f"own: {failure.code}".encode())


@pytest.mark.parametrize(
    "error, status, told",
    [
        (RequestError("no", field="a"), 400, b"own: invalid_request"),
        (LookupError("a bug"), 500, b"own: internal"),
        ({"messages": []}, 500, b"own: internal"),
        (None, 500, b"own: internal"),
    ],
    ids=str,
)
def test_what_its_reading_raises_is_told_in_its_form(error, status, told):
    answer = speaking(Failing(error), PROPAGATE_EXCEPTIONS=False).post("/v1/own", json={})
    assert (answer.status_code, answer.data) == (status, told)
    assert answer.headers["Content-Type"] == "text/x-own"


@pytest.mark.parametrize(
    "form",
    [lambda failure: 1 / 0, lambda failure: b"bytes", lambda failure: ("text/plain", "no bytes")],
    ids=["it raises", "it is bytes alone", "it is text"],
)
def test_a_form_that_can_t_be_made_does_not_hide_the_failure(form, caplog):
    answer = speaking(Failing(RequestError("no"), form)).post("/v1/own", json={})
    assert (answer.status_code, answer.json["error"]["message"]) == (400, "no")
    assert "its own can't be made" in caplog.text


# The one of the document.


def test_the_document_s_protocol_answers_as_ollama_does():
    client = third_party()["app"].test_client()
    answer = client.post("/v1/api/chat", json={**QUESTION, "model": "loud"})
    first, second, last = answer.data.splitlines()
    assert first == (
        b'{"model":"loud","message":{"role":"assistant","content":"GOOD"},"done":false}'
    )
    assert b'"content":"DAY"' in second and b'"done":true' in last
    assert answer.mimetype == "application/x-ndjson"


@pytest.mark.parametrize(
    "members, told",
    [
        ({"stream": False}, "stream: has to be true"),
        ({"tools": [1]}, "tools: there are no tools here"),
        ({"options": []}, None),
        ({"options": [1]}, "options: has to be an object"),
        ({"options": {"num_predict": "few"}}, "options.num_predict: has to be a number"),
        ({"messages": [{"role": "user", "content": "", "images": ["a"]}]}, "messages[0].images: "),
        ({"messages": 7}, "messages: has to be a list"),
    ],
    ids=str,
)
def test_the_document_s_protocol_names_what_it_can_t_read(members, told):
    client = third_party()["app"].test_client()
    answer = client.post("/v1/api/chat", json={**QUESTION, **members})
    assert answer.status_code == (200 if told is None else 400)
    assert told is None or answer.json["error"].startswith(told)
