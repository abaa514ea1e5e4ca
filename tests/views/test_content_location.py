"""``Content-Location``: a response says where its stream is kept."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

import pytest
from flask import Blueprint, Flask, url_for
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.routing import BaseConverter

from flask_llmstream import Counter, LLMStream
from flask_llmstream.protocols import PROTOCOLS
from tests.protocols.spoken import WAYS
from tests.support.answers import Answer

LOCATION, STREAM_ID = "Content-Location", "X-Stream-ID"
SITE = "http://site.example"
QUESTION = {"method": "POST", "json": {"prompt": "Hello"}}
WHOLE = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def streams():
    return LLMStream(providers={"counter": Counter(1, 0)})


@pytest.fixture
def make_site(make_app):
    """A function that makes an app whose streams are kept, by default without chat endpoints."""

    def make(prefix=None):
        return make_app(LLMSTREAM_RECONNECT="resume", LLMSTREAM_URL_PREFIX=prefix)

    return make


@pytest.fixture
def site(make_site):
    """An app with the chat endpoints at ``/v1``."""
    return make_site("/v1")


@pytest.fixture
def own_view(streams):
    """A function that adds a view of the site's own."""

    def add(app, rule, endpoint="own", **options):
        def view(**_):
            return streams.response(["one"], heartbeat=0)

        app.add_url_rule(rule, endpoint, view, methods=["GET", "POST"], **options)

    return add


def headers_of(app, path, **request):
    """The headers of an answer that is read to its end."""
    with Answer(app, path, **{"method": "POST", **request}) as answer:
        answer.rest()
    assert answer.status == 200
    return answer.headers


def told(app, path, host=SITE, **request):
    """The path that an answer says its stream has, below that of the app. It is read there."""
    headers = headers_of(app, path, base_url=host, **request)
    location, stream_id = headers[LOCATION], headers[STREAM_ID]
    assert location.endswith(stream_id) and not location.startswith(("/", "http"))
    address = urlsplit(urljoin(f"{host}{path}", location))
    again = headers_of(app, address.path, base_url=host, method="GET")
    assert again[STREAM_ID] == stream_id
    return address.path.replace(stream_id, "<id>")


# The chat endpoints.


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.name)
def test_an_answer_of_each_protocol_is_at_the_endpoints_that_it_was_asked_for(site, protocol):
    body = WAYS[protocol.name].ask("Hello")
    way = {"json": body} if protocol.method == "POST" else {"query_string": body}
    path = f"/v1{protocol.rule}"
    assert told(site, path, method=protocol.method, **way) == "/v1/chat/streams/<id>"


PREFIXES = ["/", "/a/b", "/né ü", "/v1:beta", "/50%"]


@pytest.mark.parametrize("prefix", [*PREFIXES, "/<tenant>", "/<path:org>/v1"])
def test_the_endpoints_may_be_anywhere(make_site, prefix):
    site = make_site(prefix)
    base = prefix.replace("<tenant>", "acme").replace("<path:org>", "acme/eu").rstrip("/")
    asked = told(site, f"{base}/chat/completions", json={"prompt": "Hello"})
    assert asked == f"{base}/chat/streams/<id>"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_their_address_is_one_for_a_header(make_site, own_view, prefix):
    site = make_site(prefix)
    own_view(site, "/progress")
    base = quote(prefix.rstrip("/")).replace(":", "%3A")
    assert told(site, "/progress") == f"{base}/chat/streams/<id>"


def test_each_mount_has_its_own(make_site, streams):
    site = make_site("/v1")
    site.register_blueprint(streams.blueprint("two"), url_prefix="/two")
    site.register_blueprint(streams.blueprint("three"), url_prefix="/two/three")
    for mount in ("/v1", "/two", "/two/three"):
        assert told(site, f"{mount}/chat/completions", **QUESTION) == f"{mount}/chat/streams/<id>"


def test_one_blueprint_may_be_mounted_twice(make_site, streams):
    site, chat = make_site(), streams.blueprint("chat")
    again = {"name": "again"} if hasattr(Blueprint, "register_blueprint") else {}
    site.register_blueprint(chat, url_prefix="/a")
    site.register_blueprint(chat, url_prefix="/a/b", **again)
    for mount in ("/a", "/a/b"):
        assert told(site, f"{mount}/chat/completions", **QUESTION) == f"{mount}/chat/streams/<id>"


@pytest.mark.skipif(not hasattr(Blueprint, "register_blueprint"), reason="Flask 1 nests none")
def test_blueprints_may_be_nested(make_site, streams, own_view):
    site, chat, inner = make_site("/v1"), streams.blueprint("chat"), Blueprint("inner", __name__)
    own_view(inner, "/progress")
    chat.register_blueprint(inner, url_prefix="/inner")
    outer = Blueprint("outer", __name__)
    outer.register_blueprint(chat, url_prefix="/<tenant>/llm")
    site.register_blueprint(outer, url_prefix="/outer")
    for path in ("/chat/completions", "/inner/progress"):
        asked = told(site, f"/outer/acme/llm{path}", **QUESTION)
        assert asked == "/outer/acme/llm/chat/streams/<id>"


def test_a_view_that_a_site_adds_to_a_chat_blueprint_has_that_ones(make_site, streams, own_view):
    site, chat = make_site("/v1"), streams.blueprint("chat")
    own_view(chat, "/own/<int:number>")
    site.register_blueprint(chat, url_prefix="/<tenant>/llm")
    assert told(site, "/acme/llm/own/7") == "/acme/llm/chat/streams/<id>"


# A site's own views.


@pytest.mark.parametrize(
    "rule, path",
    [
        ("/", "/"),
        ("/progress", "/progress"),
        ("/progress/", "/progress/"),
        ("/a/b/progress", "/a/b/progress"),
        ("/v1/progress", "/v1/progress"),
        ("/v1/chat/streams/new", "/v1/chat/streams/new"),
        ("/jobs/<name>/log", "/jobs/n%C3%A9/log"),
        ("/jobs/<path:name>", "/jobs/7"),
    ],
)
def test_a_view_of_a_sites_own_names_the_chat_endpoints(site, own_view, rule, path):
    own_view(site, rule)
    assert told(site, path) == "/v1/chat/streams/<id>"


@pytest.mark.parametrize("rule", ["/progress", "/progress/"])
@pytest.mark.parametrize("path", ["/progress", "/progress/"])
def test_a_slash_at_the_end_may_be_there_or_not(make_site, own_view, rule, path):
    site = make_site("/v1")
    own_view(site, rule, strict_slashes=False)
    own_view(site, "/progress" if rule.endswith("/") else "/progress/", "other")
    assert told(site, path) == "/v1/chat/streams/<id>"


def test_behind_a_variable_with_slashes_nothing_is_said(site, own_view):
    """A client may have written them as ``%2F``, and no server tells the application."""
    own_view(site, "/files/<path:name>/ask")
    assert LOCATION not in headers_of(site, "/files/a/b/ask")


def test_a_converter_may_have_a_slash_in_its_arguments(site, own_view):
    class Matching(BaseConverter):
        def __init__(self, urls, regex):
            super().__init__(urls)
            self.regex = regex

    site.url_map.converters["regex"] = Matching
    own_view(site, '/jobs/<regex("[^/]+"):name>/log')
    assert told(site, "/jobs/7/log") == "/v1/chat/streams/<id>"


def test_an_endpoint_below_the_same_variable_is_named(make_site, own_view):
    site = make_site("/<tenant>/v1")
    own_view(site, "/<tenant>/progress")
    own_view(site, "/progress", "without")
    assert told(site, "/acme/progress") == "/acme/v1/chat/streams/<id>"
    assert LOCATION not in headers_of(site, "/progress")


def test_a_view_of_another_blueprint_names_the_apps_own_endpoints(make_site, streams, own_view):
    site, shop = make_site("/v1"), Blueprint("shop", __name__)
    own_view(shop, "/progress")
    site.register_blueprint(shop, url_prefix="/shop")
    site.register_blueprint(streams.blueprint("more"), url_prefix="/shop/more")
    assert told(site, "/shop/progress") == "/v1/chat/streams/<id>"


def test_without_chat_endpoints_of_the_app_nothing_is_said(make_site, streams, own_view):
    site = make_site()
    own_view(site, "/progress")
    site.register_blueprint(streams.blueprint("more"), url_prefix="/more")
    headers = headers_of(site, "/progress")
    assert STREAM_ID in headers and LOCATION not in headers


def test_it_is_relative_below_any_mount_of_the_application(site, own_view):
    own_view(site, "/a/progress")
    mounted = DispatcherMiddleware(Flask("outer"), {"/deep/app": site})
    for path, ups in {"/deep/app/a/progress": 1, "/deep/app/v1/chat/completions": 0}.items():
        location = headers_of(mounted, path, json={"prompt": "Hello"})[LOCATION]
        assert location.count("../") == ups
        assert urljoin(path, location).startswith("/deep/app/v1/chat/streams/")


def test_the_mount_itself_is_an_address_too(site, own_view):
    own_view(site, "/", strict_slashes=False)
    empty = {"SCRIPT_NAME": "/deep/n\xc3\xa9", "PATH_INFO": ""}
    location = headers_of(site, "/", environ=empty)[LOCATION]
    assert urljoin("/deep/n%C3%A9", location).startswith("/deep/n%C3%A9/v1/chat/streams/")


# Hosts.


def make_matching(streams, name, **matching):
    app = Flask(name, static_folder=None, **matching)
    app.config.update(LLMSTREAM_RECONNECT="resume", SECRET_KEY="a secret")
    if "subdomain_matching" in matching:
        app.config["SERVER_NAME"] = "site.example"
    streams.init_app(app)
    return app


def test_of_a_subdomain_only_its_own_endpoints_are_named(streams, own_view):
    app = make_matching(streams, "subdomains", subdomain_matching=True)
    own_view(app, "/progress")
    own_view(app, "/progress", "api", subdomain="api")
    app.register_blueprint(streams.blueprint("chat"), url_prefix="/llm", subdomain="<tenant>")
    assert told(app, "/progress") == "/v1/chat/streams/<id>"
    assert LOCATION not in headers_of(app, "/progress", base_url="http://api.site.example")
    acme = "http://acme.site.example"
    assert told(app, "/llm/chat/completions", acme, **QUESTION) == "/llm/chat/streams/<id>"


def test_where_hosts_are_matched_the_endpoints_are_on_each_host(streams, own_view):
    app = make_matching(streams, "hosts", host_matching=True)
    own_view(app, "/progress", host="one.example")
    chat = streams.blueprint("chat")
    app.register_blueprint(chat, url_prefix="/llm", host="two.example")
    assert told(app, "/progress", "http://one.example") == "/v1/chat/streams/<id>"
    any_host = "http://any.example"
    assert told(app, "/v1/chat/completions", any_host, **QUESTION) == "/v1/chat/streams/<id>"
    two = "http://two.example"
    assert told(app, "/llm/chat/completions", two, **QUESTION) == "/llm/chat/streams/<id>"


# Which responses.


@pytest.mark.parametrize("more", [{"LLMSTREAM_RECONNECT": "restart"}, {"LLMSTREAM_FORMAT": "text"}])
@pytest.mark.parametrize("path", ["/progress", "/v1/chat/completions"])
def test_it_is_where_the_streams_id_is(make_app, own_view, more, path):
    site = make_app(LLMSTREAM_URL_PREFIX="/v1", **{"LLMSTREAM_RECONNECT": "resume", **more})
    own_view(site, "/progress")
    headers = headers_of(site, path, json={"prompt": "Hello"})
    assert (LOCATION in headers) == (STREAM_ID in headers) == ("LLMSTREAM_FORMAT" in more)


def test_an_answer_in_lines_is_not_kept_and_has_none(site, streams):
    site.add_url_rule("/lines", "lines", lambda: streams.response(["a"], format="ndjson"))
    assert LOCATION not in headers_of(site, "/lines", method="GET")


def test_nor_has_one_that_is_asked_for_whole(site):
    headers = headers_of(site, "/v1/chat/completions", json=WHOLE)
    assert LOCATION not in headers


def test_nor_has_a_receipt_whose_body_is_no_stream(site):
    asked = {"input": "Hello", "background": True}
    headers = headers_of(site, "/v1/responses", json=asked)
    assert STREAM_ID in headers and LOCATION not in headers


def test_a_view_that_attaches_to_a_new_stream_names_it(site, streams):
    @site.route("/ask", methods=["POST"])
    def ask():
        stream_id = streams.new_stream_id()
        with streams.producer(stream_id) as emitter:
            emitter.send("one")
        return streams.attach(stream_id)

    assert told(site, "/ask") == "/v1/chat/streams/<id>"


def test_the_address_of_a_stream_names_no_other(site, streams, own_view):
    own_view(site, "/progress")
    site.add_url_rule("/answers/<stream_id>", "answer", streams.attach)
    stream_id = headers_of(site, "/progress")[STREAM_ID]
    for path in (f"/v1/chat/streams/{stream_id}", f"/answers/{stream_id}"):
        headers = headers_of(site, path, method="GET")
        assert STREAM_ID in headers and LOCATION not in headers


def test_a_question_that_is_sent_again_is_told_the_same(site):
    asked = {"json": {"prompt": "Hello"}, "headers": {"Idempotency-Key": "k" * 16}}
    first, second = (headers_of(site, "/v1/chat/completions", **asked) for _ in range(2))
    assert first[LOCATION] == second[LOCATION]


def test_a_failure_before_the_first_event_has_none(site, streams):
    def fails():
        yield from ()
        raise ValueError("It can't.")

    site.add_url_rule("/fails", "fails", lambda: streams.response(fails(), hold=1))
    with Answer(site, "/fails") as answer:
        answer.rest()
    assert answer.status == 500 and LOCATION not in answer.headers


# A view says another.

OTHER = "answers/7"


def by_assignment(response):
    response.headers[LOCATION] = OTHER
    return response


def by_another_header(response):
    response.headers.add(LOCATION, OTHER)
    return response


def by_its_property(response):
    response.content_location = OTHER
    return response


def by_a_tuple(response):
    return response, 200, {LOCATION: OTHER}


@pytest.mark.parametrize("say", [by_assignment, by_another_header, by_its_property, by_a_tuple])
def test_a_view_may_say_another(site, streams, say):
    site.add_url_rule("/own", "own", lambda: say(streams.response(["one"])))
    assert headers_of(site, "/own", method="GET").getlist(LOCATION) == [OTHER]


@pytest.mark.parametrize("say", [by_assignment, by_another_header, by_its_property])
def test_so_may_a_function_behind_the_view(site, own_view, say):
    own_view(site, "/own")
    site.after_request(say)
    assert headers_of(site, "/own").getlist(LOCATION) == [OTHER]


def test_a_function_behind_the_view_may_take_it_away(site, own_view):
    own_view(site, "/own")

    @site.after_request
    def without(response):
        response.headers.pop(LOCATION)
        return response

    assert LOCATION not in headers_of(site, "/own")


def test_a_generator_view_may_say_the_one_of_a_route_that_attaches(site, streams):
    @site.route("/ask")
    @streams.view()
    def ask():
        return iter(["one"]), 200, {LOCATION: url_for("ask")}

    assert headers_of(site, "/ask", method="GET").getlist(LOCATION) == ["/ask"]
