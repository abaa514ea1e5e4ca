"""``GET /openapi.json``: each mount is described, as the specification has it."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import dataclass

import pytest
from flask import Blueprint, Flask, abort
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client
from werkzeug.wrappers import Response

from flask_llmstream import CallableProvider, ConfigurationError, LLMStream
from flask_llmstream.chat.openapi.merge_patch import patched
from flask_llmstream.errors import RequestError
from flask_llmstream.protocols import PROTOCOLS, Description, Protocol
from flask_llmstream.protocols.base import ParsedRequest
from flask_llmstream.protocols.descriptions.chat_fields import TOLD
from flask_llmstream.protocols.fields import CHECKS, SCHEMAS, checked_fields
from tests.conftest import needs

VARIABLE = r"<[\w:]+>"
METHODS = {"get", "post", "delete"}


def _skip_on_old_python():
    if sys.version_info < (3, 10):
        pytest.skip("the validators are installed from Python 3.10 on")


@pytest.fixture(scope="module")
def validate():
    _skip_on_old_python()
    needs("openapi-spec-validator", importlib.util.find_spec("openapi_spec_validator"))
    from openapi_spec_validator import OpenAPIV31SpecValidator

    return lambda described: OpenAPIV31SpecValidator(described).validate()


@pytest.fixture(scope="module")
def schema_of():
    """Whether a schema lets a value pass."""
    _skip_on_old_python()
    needs("jsonschema", importlib.util.find_spec("jsonschema"))
    from jsonschema import Draft202012Validator

    return Draft202012Validator


class Shout(Protocol):
    """Shouts a text.

    It has no more to say.
    """

    name, rule = "shout", "/shout"

    def read(self, request):
        return ParsedRequest({"prompt": request.fields.get("text")}, lambda chat: None)


class Whisper(Shout):
    name, rule, method = "whisper", "/shout", "GET"

    def describe(self):
        return Description("Whispers a text", schemas={"Quiet": {"type": "string"}})


def described(app, path="/v1/openapi.json", **request):
    answer = Client(app, Response).get(path, **request)  # an app of Flask's or a middleware
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    return json.loads(answer.data)


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield f"{method.upper()} {path}", item[method]


def test_the_default_mount_is_described_as_the_specification_has_it(app, validate):
    validate(described(app))


def test_each_route_of_the_mount_is_described(app):
    found = {re.sub(r"{\w+}", "{?}", name) for name, _ in operations(described(app))}
    ours = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("llmstream.")]
    routes = {
        f"{method} {re.sub(VARIABLE, '{?}', rule.rule[len('/v1'):])}"
        for rule in ours
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert found == routes


def test_every_operation_says_what_it_is_and_how_it_fails(app):
    for name, operation in operations(described(app)):
        assert operation["summary"] and operation["operationId"], name
        statuses = operation["responses"].keys()
        assert {"4XX", "5XX"} < statuses and {"200", "204"} & statuses, name
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"], (name, status)
            assert response.get("content") or status in ("204", "304"), (name, status)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_each_protocol_of_the_package_describes_itself(protocol):
    assert type(protocol).describe is not Protocol.describe
    told = protocol.describe()
    assert told.summary and told.text
    assert "text/event-stream" in told.answers
    for media in told.answers.values():
        assert media["schema"]
    assert protocol.method == "GET" or told.example


def test_no_two_protocols_of_the_package_mean_two_things_by_one_schema():
    schemas = {}
    for protocol in PROTOCOLS:
        for name, schema in protocol.describe().schemas.items():
            assert schemas.setdefault(name, schema) == schema


def test_a_protocol_that_says_nothing_of_itself_is_described_by_its_docstring(make_app, validate):
    app = make_app(LLMStream(providers={}, protocols=[Shout(), Whisper()]))
    document = described(app)
    validate(document)
    item = document["paths"]["/shout"]
    assert item["post"]["summary"] == "Shouts a text."
    assert item["post"]["description"].startswith("It has no more to say.")
    assert item["get"]["summary"] == "Whispers a text"
    assert "Quiet" in document["components"]["schemas"]


def test_a_protocol_may_be_a_dataclass_and_its_docstring_may_begin_on_a_line_of_its_own(make_app):
    @dataclass
    class Counted(Shout):
        """
        Counts what it shouts.

        It has no more to say.
        """

        most: int = 3

    operation = described(make_app(LLMStream(providers={}, protocols=[Counted()])))["paths"][
        "/shout"
    ]["post"]
    assert operation["summary"] == "Counts what it shouts."
    assert operation["description"].startswith("It has no more to say.")


@pytest.mark.parametrize("rule", ["/models", "/openapi.json", "/llmstream.js"])
def test_a_protocol_beside_another_route_s_method_is_described_too(make_app, rule):
    protocol = Shout()
    protocol.rule = rule
    item = described(make_app(LLMStream(providers={}, protocols=[protocol])))["paths"][rule]
    assert METHODS & item.keys() == {"get", "post"}


class Silent(Shout):
    """Can't say what it is, nor how it fails."""

    name, rule = "silent", "/silent"

    def failure(self, failure):
        raise LookupError("no form")


@pytest.mark.parametrize("told", [lambda: 1 / 0, lambda: {"summary": "a"}], ids=["raises", "other"])
def test_a_protocol_that_can_t_describe_itself_spoils_no_other(make_app, caplog, told):
    protocol = Silent()
    protocol.describe = told
    document = described(make_app(LLMStream(providers={}, protocols=[protocol])))
    assert document["paths"]["/silent"]["post"]["summary"] == "silent"
    assert document["paths"]["/responses"]
    assert "the protocol silent has its name alone" in caplog.text


HERE = "http://localhost"
MOUNTS = {
    "/v1": ({"url_prefix": "/v1"}, {}, HERE, "/v1", "/v1"),
    "/": ({"url_prefix": "/"}, {}, HERE, "", "/"),
    "a variable": ({"url_prefix": "/<tenant>/llm"}, {}, HERE, "/acme/llm", "/acme/llm"),
    "a variable to be escaped": (
        {"url_prefix": "/<tenant>"},
        {},
        HERE,
        "/%7Ba%7D%20%C3%A9",
        "/%7Ba%7D%20%C3%A9",
    ),
    "a subdomain": (
        {"url_prefix": "/llm", "subdomain": "<tenant>"},
        {"subdomain_matching": True},
        "http://acme.site.example",
        "/llm",
        "/llm",
    ),
    "a host": (
        {"url_prefix": "/llm", "host": "<tenant>.example"},
        {"host_matching": True},
        "http://acme.example",
        "/llm",
        "/llm",
    ),
}


@pytest.mark.parametrize("mount, matching, host, path, server", MOUNTS.values(), ids=list(MOUNTS))
def test_the_server_is_the_mount_wherever_it_is(
    streams, validate, mount, matching, host, path, server
):
    app = Flask("a_site", static_folder=None, **matching)
    app.config["LLMSTREAM_URL_PREFIX"] = None
    if "subdomain_matching" in matching:
        app.config["SERVER_NAME"] = "site.example"
    streams.init_app(app)
    app.register_blueprint(streams.blueprint("chat"), **mount)
    document = described(app, f"{path}/openapi.json", base_url=host)
    validate(document)
    assert document["servers"] == [{"url": server}]


def test_below_another_application_the_server_has_its_path(app):
    outer = DispatcherMiddleware(Flask("another"), {"/shop": app})
    assert described(outer, "/shop/v1/openapi.json")["servers"] == [{"url": "/shop/v1"}]


def test_behind_a_proxy_the_server_is_what_the_client_sees(app):
    proxied = ProxyFix(app, x_prefix=1)
    document = described(proxied, headers={"X-Forwarded-Prefix": "/public"})
    assert document["servers"] == [{"url": "/public/v1"}]


@pytest.mark.skipif(not hasattr(Blueprint, "register_blueprint"), reason="no nesting")
def test_a_mount_in_another_blueprint_is_described(streams):
    app = Flask("a_site")
    app.config["LLMSTREAM_URL_PREFIX"] = None
    streams.init_app(app)
    outer = Blueprint("outer", "outer", url_prefix="/outer")
    outer.register_blueprint(streams.blueprint("chat"), url_prefix="/chat")
    app.register_blueprint(outer)
    assert described(app, "/outer/chat/openapi.json")["servers"] == [{"url": "/outer/chat"}]


def test_each_mount_tells_its_own_models_and_limits(make_app, streams):
    app = make_app(streams, LLMSTREAM_MAX_BODY_BYTES=5000)
    talk = {"talk": CallableProvider(lambda request: ["Hello"])}
    app.register_blueprint(
        streams.blueprint("own", providers=talk, max_body_bytes=777, max_tokens=9),
        url_prefix="/own",
    )
    for path, models, limit in (
        ("/v1", ["counter"], "5000 bytes"),
        ("/own", ["talk", "counter"], "777 bytes"),
    ):
        document = described(app, f"{path}/openapi.json")
        assert document["components"]["schemas"]["ModelName"]["enum"] == models
        assert limit in document["paths"]["/chat/completions"]["post"]["description"]
    assert "at most 9 tokens" in document["paths"]["/chat/completions"]["post"]["description"]


def test_unknown_fields_are_described_as_refused_where_they_are(make_app, validate, schema_of):
    document = described(make_app(LLMSTREAM_UNKNOWN_FIELDS="refuse"))
    validate(document)
    body = document["paths"]["/completions"]["post"]["requestBody"]
    schema = {**document, **body["content"]["application/json"]["schema"]}
    assert schema_of(schema).is_valid({"prompt": "Hello", "seed": 1})
    assert not schema_of(schema).is_valid({"prompt": "Hello", "sede": 1})


@pytest.mark.parametrize("format, media_type", [("accept", "application/json"), (str, "*/*")])
def test_the_format_of_the_application_is_described(make_app, streams, format, media_type):
    app = make_app(streams)
    app.register_blueprint(streams.blueprint("own", format=format), url_prefix="/own")
    get = described(app, "/own/openapi.json")["paths"]["/chat/stream"]["get"]
    assert media_type in get["responses"]["200"]["content"]


def test_where_answers_are_kept_that_is_described(make_app, validate):
    document = described(make_app(LLMSTREAM_RECONNECT="resume"))
    validate(document)
    for name, operation in operations(document):
        has_key = "Idempotency-Key" in [each["name"] for each in operation.get("parameters", ())]
        is_asked = "chat" in operation["tags"]
        assert has_key == ("422" in operation["responses"]) == (is_asked and "POST" in name), name
        if is_asked:
            assert "X-Stream-ID" in operation["responses"]["200"]["headers"]


def test_the_application_adds_to_the_description(make_app, validate):
    patch = {
        "info": {"title": "Acme", "description": None},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }
    document = described(make_app(LLMSTREAM_OPENAPI=patch))
    validate(document)
    assert document["info"] == {"title": "Acme", "version": "1"}
    assert document["security"] == [{"token": []}]
    assert "Error" in document["components"]["schemas"]


def test_a_blueprint_has_a_description_of_its_own_or_none(make_app, streams):
    app = make_app(streams)
    titled = streams.blueprint("titled", openapi={"info": {"title": "Ours"}})
    app.register_blueprint(titled, url_prefix="/titled")
    app.register_blueprint(streams.blueprint("silent", openapi=False), url_prefix="/silent")
    assert described(app, "/titled/openapi.json")["info"]["title"] == "Ours"
    answer = app.test_client().get("/silent/openapi.json")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "unknown_path")


def test_the_description_of_an_application_s_framework_leaves_the_chat_endpoints_out(app):
    """APIFlask reads this attribute of each blueprint that has ``before_request`` functions."""
    assert app.before_request_funcs["llmstream"]
    assert app.blueprints["llmstream"].enable_openapi is False


def test_an_application_may_have_that_address_for_itself(streams):
    app = Flask("a_site")
    app.add_url_rule("/v1/openapi.json", "own", lambda: "its own")
    app.config.update(LLMSTREAM_OPENAPI=False, LLMSTREAM_URL_PREFIX="/v1")
    streams.init_app(app)
    assert app.test_client().get("/v1/openapi.json").data == b"its own"


def test_a_clash_at_that_address_tells_how_to_take_ours_away(streams):
    app = Flask("a_site")
    app.add_url_rule("/v1/openapi.json", "own", lambda: "its own")
    app.config["LLMSTREAM_URL_PREFIX"] = "/v1"
    with pytest.raises(ConfigurationError, match="LLMSTREAM_OPENAPI = False takes ours away"):
        streams.init_app(app)


@pytest.mark.parametrize("value", [object(), float("nan")], ids=["no JSON", "no number"])
def test_what_json_can_t_hold_is_refused_at_the_start(make_app, streams, value):
    patch = {"info": {"x-own": value}}
    with pytest.raises(ConfigurationError, match="^LLMSTREAM_OPENAPI: can't be sent as JSON"):
        make_app(LLMSTREAM_OPENAPI=patch)
    with pytest.raises(ConfigurationError, match="^openapi: can't be sent as JSON"):
        streams.blueprint("own", openapi=patch)


def test_the_guard_stands_before_the_description_and_the_page(make_app):
    needs("Swagger UI", importlib.util.find_spec("flask_swagger_ui"))
    app = make_app(LLMStream(providers={}, guard=lambda: abort(403)), LLMSTREAM_DOCS=True)
    for path in ("openapi.json", "docs", "docs/docs.js", "docs/swagger-ui.css"):
        assert app.test_client().get(f"/v1/{path}").status_code == 403


# The page.


def test_there_is_no_page_by_default(client):
    assert client.get("/v1/docs").status_code == 404


def test_the_page_loads_only_files_that_are_there(make_app):
    needs("Swagger UI", importlib.util.find_spec("flask_swagger_ui"))
    client = make_app(LLMSTREAM_DOCS=True).test_client()
    with client.get("/v1/docs") as page:
        text = page.data.decode()
    assert page.content_type == "text/html; charset=utf-8"
    assert "//" not in text and "<script>" not in text
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "docs.js"):
        assert f'"docs/{name}"' in text
        with client.get(f"/v1/docs/{name}") as file:
            assert (file.status_code, bool(file.data)) == (200, True)


@pytest.mark.parametrize("name", ["index.html", "docs.html", "..%2f__init__.py", "swagger-ui.js"])
def test_no_other_file_is_served(make_app, name):
    needs("Swagger UI", importlib.util.find_spec("flask_swagger_ui"))
    client = make_app(LLMSTREAM_DOCS=True).test_client()
    assert client.get(f"/v1/docs/{name}").status_code == 404


def test_the_page_is_described_where_it_is(make_app, validate):
    needs("Swagger UI", importlib.util.find_spec("flask_swagger_ui"))
    document = described(make_app(LLMSTREAM_DOCS=True))
    validate(document)
    assert "/docs" in document["paths"]


def test_a_page_needs_swagger_ui(make_app, monkeypatch):
    monkeypatch.setattr("flask_llmstream.chat.openapi.page.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"^LLMSTREAM_DOCS: .*flask-llmstream\[docs\]"):
        make_app(LLMSTREAM_DOCS=True, LLMSTREAM_URL_PREFIX="/v1")


def test_a_page_needs_a_description(make_app):
    with pytest.raises(ConfigurationError, match="^LLMSTREAM_DOCS: .*openapi = False"):
        make_app(LLMSTREAM_DOCS=True, LLMSTREAM_OPENAPI=False, LLMSTREAM_URL_PREFIX="/v1")


def test_a_page_that_came_too_late_for_its_mount_is_not_described(streams):
    app = Flask("a_site")
    app.register_blueprint(streams.blueprint("chat"), url_prefix="/chat")
    app.config.update(LLMSTREAM_DOCS=True, LLMSTREAM_URL_PREFIX=None)
    streams.init_app(app)
    assert "/docs" not in described(app, "/chat/openapi.json")["paths"]


# The fields.


def test_every_field_has_a_schema_and_no_other_has_words():
    assert {check for check in CHECKS.values()} <= SCHEMAS.keys()
    assert TOLD.keys() <= CHECKS.keys()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([1, 1.0, 0, -1, 2**53, 2**53 + 1, 0.5, "", "user", "Hello"])
    | st.integers(),
    lambda inside: st.lists(inside, max_size=2)
    | st.dictionaries(
        st.sampled_from(["role", "content", "include_usage", "x"]), inside, max_size=3
    ),
    max_leaves=6,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", ""]) | json_values},
        optional={"content": json_values},
    ),
    max_size=2,
)


@given(st.sampled_from(sorted(CHECKS)), json_values | messages)
def test_a_field_s_schema_lets_pass_what_its_check_lets_pass(schema_of, name, value):
    from flask_llmstream.protocols.description import nullable

    try:
        checked_fields({name: value})
    except RequestError:
        passes = False
    else:
        passes = True
    assert schema_of(nullable(SCHEMAS[CHECKS[name]])).is_valid(value) == passes


@pytest.mark.parametrize(
    "target, patch, result",
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": "foo"}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_does_what_rfc_7396_shows_in_its_appendix(target, patch, result):
    before = json.dumps(target)
    assert patched(target, patch) == result
    assert json.dumps(target) == before
