"""Before the first byte the application answers a stream's error, as it answers a view's."""

from __future__ import annotations

import gc
import logging
import weakref
from datetime import datetime
from functools import partial

import gevent
import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    g,
    got_request_exception,
    jsonify,
    redirect,
    request,
    session,
    url_for,
)
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    RequestedRangeNotSatisfiable,
    ServiceUnavailable,
)
from werkzeug.test import create_environ

from flask_llmstream import LLMStreamError, StreamError
from tests.support.answers import Answer
from tests.support.runtimes import LOOPS, only, wait_for_worker_threads


class OutOfCredit(Exception):
    """An application's own exception."""


class Closed(StreamError):
    """An application's subclass of ``StreamError``."""

    code = "closed"
    status = 503


class CreditIsShort(OutOfCredit, StreamError):
    """An application's subclass of both."""

    status = 402


class Problem(HTTPException):
    """An application's own HTTP exception, with a page of its own."""

    code = 409
    description = "In use."

    def get_body(self, *_):
        return '{"title":"In use."}'

    def get_headers(self, *_):
        return [("Content-Type", "application/problem+json")]


def failing(error):
    raise error
    yield


def own(error):
    """An application's own answer."""
    said = getattr(error, "code", None)
    return jsonify(house="style", kind=type(error).__name__, code=said, text=str(error)), 418


@pytest.fixture
def site(place, app, streams):
    """``/view`` raises the test's error in a view, ``/stream`` in a generator with ``hold``."""

    def serve(make_error, **options):
        def raising():
            raise make_error()

        held = dict({"hold": 5}, **options)
        streamed = lambda: streams.response(failing(make_error()), **held)  # noqa: E731
        app.add_url_rule("/view", "view", raising)
        app.add_url_rule("/stream", "stream", streamed)

    return serve


@pytest.fixture
def signalled(app):
    seen = []

    def receive(sender, exception, **_):
        seen.append(exception)

    with got_request_exception.connected_to(receive, app):
        yield seen


def answer(app, path, **request):
    with Answer(app, path, **request) as got:
        got.body = got.rest()
    return got


# The handler that is called.

CASES = {
    "its class": (OutOfCredit, lambda: OutOfCredit("none left")),
    "its base class": (LookupError, lambda: KeyError("credit")),
    "Exception": (Exception, lambda: OutOfCredit("none left")),
    "its status, of abort()": (404, lambda: aborted(404)),
    "HTTPException, of abort()": (HTTPException, lambda: aborted(404)),
    "500": (500, lambda: OutOfCredit("none left")),
    "InternalServerError": (InternalServerError, lambda: OutOfCredit("none left")),
    "HTTPException, of a bug": (HTTPException, lambda: OutOfCredit("none left")),
    "StreamError": (StreamError, lambda: Closed("for today")),
    "its class of StreamErrors": (Closed, lambda: Closed("for today")),
    "its class, which is one of ours as well": (OutOfCredit, lambda: CreditIsShort("none left")),
    "the root of our errors": (LLMStreamError, lambda: Closed("for today")),
    "the status of a StreamError": (503, lambda: Closed("for today")),
    "the class of its status": (ServiceUnavailable, lambda: Closed("for today")),
    "HTTPException, of a StreamError": (HTTPException, lambda: Closed("for today")),
    "Exception, of a StreamError": (Exception, lambda: Closed("for today")),
    "HTTPException, of a status without a class": (
        HTTPException,
        lambda: StreamError("Pay first.", status=402),
    ),
}


def aborted(status):
    try:
        abort(status, "No such thing.")
    except HTTPException as error:
        return error


@pytest.mark.parametrize("scope", ["app", "blueprint"])
@pytest.mark.parametrize("key, make_error", CASES.values(), ids=list(CASES))
def test_the_handler_for_a_views_error_answers_a_streams(
    place, app, streams, key, make_error, scope
):
    blueprint = Blueprint("part", __name__)
    blueprint.add_url_rule("/view", "view", lambda: next(failing(make_error())))
    held = lambda: streams.response(failing(make_error()), hold=5)  # noqa: E731
    blueprint.add_url_rule("/stream", "stream", held)
    if scope == "app":
        app.register_error_handler(key, own)
    else:
        blueprint.register_error_handler(key, own)
    app.register_blueprint(blueprint)
    of_view, of_stream = answer(app, "/view"), answer(app, "/stream")
    assert b"house" in of_view.body
    assert (of_stream.status, of_stream.body) == (of_view.status, of_view.body)
    assert of_stream.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "error, status",
    [(Closed("for today"), 503), (OutOfCredit("secret"), 500), (NotImplementedError(), 500)],
    ids=repr,
)
def test_where_it_has_none_the_answer_is_ours(app, site, error, status):
    site(lambda: error)
    got = answer(app, "/stream")
    assert (got.status, got.headers["Content-Type"]) == (status, "application/json")
    assert b"secret" not in got.body


def test_an_error_behind_the_first_byte_is_no_matter_of_theirs(app, site):
    app.register_error_handler(OutOfCredit, own)
    site(lambda: OutOfCredit("none left"), hold=0)
    got = answer(app, "/stream")
    assert got.status == 200
    assert b"event: error" in got.body


def test_what_is_no_exception_of_pythons_is_an_internal_error(app, site):
    app.register_error_handler(500, own)
    site(gevent.Timeout)
    assert (answer(app, "/stream").status, b"house") == (418, b"house")


def test_a_timer_that_ran_out_within_the_hold_is_an_error_like_others(place, app, serve, waiting):
    app.register_error_handler(504, own)
    serve(partial(iter, silent(place, waiting)), hold=5, first_event_timeout=0.01)
    got = answer(app, "/")
    assert got.status == 418
    assert b"style" in got.body


def silent(place, waiting):
    def source():
        waiting.go_on.wait()
        yield

    return source()


def test_an_emitter_that_is_failed_within_the_hold_is_no_different(place, app, streams):
    app.register_error_handler(OutOfCredit, own)
    app.add_url_rule("/", "view", lambda: streams.create(fail, hold=5))
    assert answer(app, "/").status == 418


def fail(emitter):
    emitter.fail(OutOfCredit())


@only(*LOOPS)
def test_an_asynchronous_source_is_no_different(place, app, serve):
    async def source():
        raise OutOfCredit()
        yield

    app.register_error_handler(OutOfCredit, own)
    serve(source, hold=5)
    assert answer(app, "/").status == 418


def test_who_finds_no_slot_is_told_by_the_application(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS=1)
    app.register_error_handler(503, own)
    app.add_url_rule("/", "view", lambda: streams.response(waiting))
    with Answer(app, "/") as first:
        first.block()
        got = answer(app, "/")
    assert got.status == 418
    assert b"ServiceUnavailable" in got.body


def test_who_has_too_many_streams_is_told_by_the_application(place, make_app, streams, waiting):
    app = make_app(LLMSTREAM_MAX_STREAMS_PER_CLIENT=1)
    app.register_error_handler(429, own)
    app.add_url_rule("/", "view", lambda: streams.response(waiting))
    of_one = {"REMOTE_ADDR": "192.0.2.1"}
    with Answer(app, "/", of_one) as first:
        first.block()
        assert answer(app, "/", environ=of_one).status == 418


@pytest.mark.parametrize("seen, status", [("3", 410), ("ended", 204)])
def test_a_reader_who_comes_back_is_told_by_the_application(place, app, serve, seen, status):
    asked = []

    @app.errorhandler(HTTPException)
    def stay_away(error):
        asked.append(error.code)
        return "Stay away.", error.code, {"X-House": "style"}

    serve(lambda: ["never"])
    got = app.test_client().get("/", headers={"Last-Event-ID": f"{'0' * 32}:{seen}"})
    assert asked == [status]
    assert (got.status_code, got.headers["X-House"]) == (status, "style")


def test_a_wrong_chat_request_is_told_by_the_application(app):
    app.register_error_handler(400, own)
    got = answer(app, "/v1/chat/completions", method="POST", json={"prompt": 3})
    assert got.status == 418
    assert b"BadRequest" in got.body


def test_a_guard_s_stream_error_is_told_by_the_application(app, serve):
    app.before_request(lambda: next(failing(Closed("for today"))))
    app.register_error_handler(503, own)
    serve(lambda: ["never"])
    assert answer(app, "/").status == 418


# The contexts of the handler.


def test_an_http_exception_stands_for_a_stream_error_and_knows_it(app, site):
    seen = []

    @app.errorhandler(HTTPException)
    def see(error):
        seen.append(error)
        return own(error)

    error = StreamError("Later.", code="busy", status=503, retry_after=7)
    site(lambda: error)
    answer(app, "/view")
    answer(app, "/stream")
    for one in seen:
        assert type(one) is ServiceUnavailable
        assert (one.code, one.description, one.retry_after) == (503, "Later.", 7)
        assert one.__cause__ is error
        assert one.get_response().headers["Retry-After"] == "7"
    assert (len(seen), error.code) == (2, "busy")


def test_an_internal_error_knows_what_it_was(app, site):
    seen = []

    @app.errorhandler(500)
    def see(error):
        seen.append(error)
        return own(error)

    error = OutOfCredit("none left")
    site(lambda: error)
    answer(app, "/stream")
    assert [one.original_exception for one in seen] == [error]


def test_it_sees_the_request_the_session_and_g_of_the_view(place, app, streams):
    @app.route("/chats/<int:number>")
    def view(number):
        g.user = "ann"
        session["cart"] = "full"
        return streams.response(failing(OutOfCredit()), hold=5)

    @app.errorhandler(OutOfCredit)
    def see(error):
        return f"{g.user} {session['cart']} {request.args['q']} {url_for('view', number=3)}", 402

    assert answer(app, "/chats/7?q=x").body == b"ann full x /chats/3"


def test_its_contexts_are_torn_down_and_told_of_no_error(place, app, site):
    told = []
    handled = []
    app.teardown_request(lambda error: told.append((bool(handled), error)))

    @app.errorhandler(OutOfCredit)
    def handle(error):
        handled.append(error)
        return "none left", 402

    site(OutOfCredit)
    answer(app, "/stream")
    assert (True, None) in told


def test_a_context_that_a_test_client_keeps_is_kept(app, site):
    app.register_error_handler(OutOfCredit, lambda error: (request.path, 402))
    site(OutOfCredit)
    with app.test_client() as client:
        assert client.get("/stream?of=mine").data == b"/stream"
        assert request.args["of"] == "mine"


def test_a_teardown_that_fails_behind_it_is_logged(place, app, site, caplog):
    handled = []

    @app.teardown_request
    def fail(error):
        if handled:
            raise RuntimeError("in a teardown")

    @app.errorhandler(OutOfCredit)
    def handle(error):
        handled.append(error)
        return "none left", 402

    site(OutOfCredit)
    assert answer(app, "/stream").body == b"none left"
    assert "in a teardown" in caplog.text


@pytest.mark.parametrize("kind", [Closed, HTTPException], ids=["as it is", "translated"])
def test_nothing_of_the_error_is_left_for_the_garbage_collector(
    place, app, streams, finished, kind
):
    app.register_error_handler(kind, lambda error: ("none left", 402))
    errors = []

    class Remembered(Closed):
        def __init__(self):
            super().__init__("for today")
            errors.append(weakref.ref(self))

    def source():
        raise Remembered()
        yield

    app.add_url_rule("/", "view", lambda: streams.response(source(), hold=5, on_finish=seen))
    seen = lambda summary: finished(None)  # noqa: E731
    gc.collect()
    gc.disable()
    try:
        body = app(create_environ("/"), lambda *started: None)
        list(body)
        body.close()
        del body
        finished.summary()
        worker_has_ended(place)
        assert errors[0]() is None
    finally:
        gc.enable()


def worker_has_ended(place):
    """A worker releases its stream a moment after it has reported the end."""
    if place.interrupts:
        gevent.sleep(0)
    else:
        wait_for_worker_threads()


# The answer.


@pytest.mark.parametrize(
    "given",
    [
        ("none left", 402),
        ("none left", 402, {"X-House": "style"}),
        ("none left", {"X-House": "style"}),
        ({"none": "left"}, 402),
        b"none left",
    ],
    ids=repr,
)
def test_it_may_answer_as_a_view_does(app, site, given):
    app.register_error_handler(OutOfCredit, lambda error: given)
    site(OutOfCredit)
    of_view, of_stream = answer(app, "/view"), answer(app, "/stream")
    assert (of_stream.status, of_stream.body) == (of_view.status, of_view.body)
    assert of_stream.headers.get("X-House") == of_view.headers.get("X-House")


def test_it_may_send_the_reader_elsewhere(app, site):
    app.register_error_handler(OutOfCredit, lambda error: redirect("http://localhost/pay"))
    site(OutOfCredit)
    got = answer(app, "/stream")
    assert got.status == 302
    assert got.headers["Location"].endswith("/pay")


def test_abort_may_bring_its_own_response(app, site):
    def make_error():
        try:
            abort(redirect("http://localhost/login"))
        except HTTPException as error:
            return error

    site(make_error)
    got = answer(app, "/stream")
    assert got.status == 302
    assert got.headers["Location"].endswith("/login")


def test_what_abort_brings_is_no_failure_to_be_told_of(app, site, signalled, caplog, finished):
    site(lambda: HTTPException(response=Response("elsewhere", 302)), on_finish=finished)
    assert answer(app, "/stream").status == 302
    finished.summary()
    assert signalled == []
    assert [one for one in caplog.records if one.levelno == logging.ERROR] == []


def test_an_http_exception_with_a_page_of_its_own_is_answered_with_that(app, site):
    site(Problem)
    of_view, of_stream = answer(app, "/view"), answer(app, "/stream")
    assert (of_stream.status, of_stream.body) == (409, of_view.body)
    assert of_stream.headers["Content-Type"] == "application/problem+json"


def test_what_it_answers_is_iterated_and_closed_by_the_server(app, site):
    seen = []

    def blocks():
        try:
            seen.append("first")
            yield b"none "
            seen.append("second")
            yield b"left"
        finally:
            seen.append("closed")

    app.register_error_handler(OutOfCredit, lambda error: Response(blocks(), 402))
    site(OutOfCredit)
    with Answer(app, "/stream") as got:
        assert got.block() == b"none "
        assert seen == ["first"]
    assert seen == ["first", "closed"]


def test_it_may_answer_with_a_stream(place, app, streams, site):
    app.register_error_handler(OutOfCredit, lambda error: streams.response(["Pay ", "first."]))
    site(OutOfCredit)
    with Answer(app, "/stream") as got:
        said = [event.data for event in got.all_events()]
    assert got.status == 200
    assert "Pay " in said[0]


def test_a_stream_in_an_errors_place_that_fails_in_turn_is_answered_by_us(app, streams, site):
    asked = []

    @app.errorhandler(Exception)
    def again(error):
        asked.append(error)
        return streams.response(failing(OutOfCredit()), hold=5)

    site(OutOfCredit)
    assert answer(app, "/stream").status == 500
    assert len(asked) == 1


def test_when_to_come_back_is_kept_where_a_handler_forgets_it(app, site):
    app.register_error_handler(HTTPException, lambda error: ({"sorry": "yes"}, error.code))
    site(lambda: StreamError("Later.", status=503, retry_after=7))
    for path in ("/view", "/stream"):
        got = answer(app, path)
        assert (got.status, got.headers.getlist("Retry-After")) == (503, ["7"])


def test_an_answer_of_another_status_says_nothing_of_coming_back(app, site):
    app.register_error_handler(HTTPException, lambda error: ("Read this.", 200))
    site(lambda: StreamError("Later.", status=503, retry_after=7))
    for path in ("/view", "/stream"):
        assert "Retry-After" not in answer(app, path).headers


# Cookies and headers of the answer.


def names(got):
    return [name.lower() for name, _ in got.headers]


@pytest.fixture
def decorated(app):
    """``after_request`` functions, like those of extensions, that see each answer."""

    @app.after_request
    def add(response):
        response.headers["Retry-After"] = "60"
        response.headers["X-Request-ID"] = "7"
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["ETag"] = '"of the answer"'
        response.headers["Content-Disposition"] = "attachment"
        response.set_cookie("seen", "yes")
        added.append(response.status_code)
        return response

    added = []
    return added


FAR = datetime(2100, 1, 1)
LATER = partial(StreamError, "Later.", status=503, retry_after=7)


@pytest.mark.parametrize("handled", [False, True], ids=["ours", "the application's"])
def test_an_answer_in_a_streams_place_has_no_header_of_the_stream(
    app, site, decorated, handled
):
    if handled:
        app.register_error_handler(503, own)
    site(LATER)
    got = answer(app, "/stream")
    assert {"etag", "content-disposition", "content-encoding"}.isdisjoint(names(got))
    assert (got.headers["X-Request-ID"], got.headers["Cache-Control"]) == ("7", "no-store")
    assert len(names(got)) == len(set(names(got)))


def test_when_to_come_back_is_said_once_and_is_the_failures_own(app, site, decorated):
    site(LATER)
    assert answer(app, "/stream").headers.getlist("Retry-After") == ["7"]


def test_a_failure_that_says_nothing_of_coming_back_has_nobody_elses_word(app, site, decorated):
    site(lambda: StreamError("No.", status=403))
    assert "Retry-After" not in answer(app, "/stream").headers


def test_after_request_functions_run_once_for_a_request(app, site, decorated):
    site(LATER)
    answer(app, "/stream")
    assert decorated == [200]


def test_what_a_handler_says_goes_before_what_the_stream_had(app, site, decorated):
    app.register_error_handler(503, lambda error: ("Later.", 503, {"X-Request-Id": "8"}))
    site(LATER)
    got = answer(app, "/stream")
    assert got.headers.getlist("X-Request-ID") == ["8"]


def test_a_handlers_cookies_come_beside_the_streams(app, site, decorated):
    @app.errorhandler(503)
    def handle(error):
        response = app.make_response(("Later.", 503))
        response.set_cookie("theme", "dark")
        return response

    site(LATER)
    cookies = answer(app, "/stream").headers.getlist("Set-Cookie")
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["seen", "theme"]


@pytest.mark.parametrize("seen, status", [("3", 410), ("ended", 204)])
def test_a_reader_who_comes_back_gets_no_header_of_the_stream(app, serve, decorated, seen, status):
    serve(lambda: ["never"])
    got = app.test_client().get("/", headers={"Last-Event-ID": f"{'0' * 32}:{seen}"})
    assert got.status_code == status
    assert {"etag", "content-disposition", "retry-after"}.isdisjoint(names(got))
    assert (got.headers["X-Request-ID"], got.headers["Cache-Control"]) == ("7", "no-store")


@pytest.mark.parametrize(
    "error, name, value",
    [
        (partial(MethodNotAllowed, ["GET"]), "Allow", "GET"),
        (partial(RequestedRangeNotSatisfiable, 7), "Content-Range", "bytes */7"),
        (partial(ServiceUnavailable, retry_after=FAR), "Retry-After", "Fri, 01 Jan 2100"),
        (partial(ServiceUnavailable, retry_after=7), "Retry-After", "7"),
    ],
    ids=["Allow", "Content-Range", "a date", "seconds"],
)
def test_our_answer_says_what_an_http_exception_says_beside_its_page(
    app, site, decorated, error, name, value
):
    site(error)
    got = answer(app, "/stream")
    assert got.headers["Content-Type"] == "application/json"
    assert [said.startswith(value) for said in got.headers.getlist(name)] == [True]


# A handler that fails, or no handler.


def test_a_handler_that_fails_is_an_internal_error_that_is_told(app, site, signalled, caplog):
    broken = RuntimeError("the handler is broken")
    app.register_error_handler(404, lambda error: next(failing(broken)))
    site(lambda: aborted(404))
    got = answer(app, "/stream")
    assert got.status == 500
    assert b'"code":"internal"' in got.body
    assert signalled == [broken]
    assert "the handler is broken" in caplog.text


@pytest.mark.parametrize(
    "key, make_error",
    [(404, lambda: aborted(404)), (503, lambda: Closed("now")), (Closed, lambda: Closed("now"))],
    ids=["of abort()", "its status", "its class"],
)
def test_a_handler_that_raises_it_once_more_has_failed_as_well(
    app, site, signalled, key, make_error
):
    app.register_error_handler(key, lambda error: next(failing(error)))
    site(make_error)
    kinds = []
    for path in ("/view", "/stream"):
        assert answer(app, path).status == 500
        kinds.append(type(signalled.pop()))
    assert kinds[0] is kinds[1]
    assert signalled == []


def test_a_handler_that_answers_nothing_is_an_internal_error(app, site, signalled):
    app.register_error_handler(OutOfCredit, lambda error: None)
    site(OutOfCredit)
    assert answer(app, "/stream").status == 500
    assert TypeError in map(type, signalled)


def test_an_error_that_nobody_handles_is_signalled_and_logged_once(
    app, site, signalled, caplog, finished
):
    error = OutOfCredit("none left")
    site(lambda: error, on_finish=finished)
    answer(app, "/stream")
    finished.summary()
    assert signalled == [error]
    assert len([one for one in caplog.records if one.levelno == logging.ERROR]) == 1


@pytest.mark.parametrize("mode", ["DEBUG", "TESTING"])
def test_in_debug_mode_and_under_test_it_is_answered_all_the_same(app, site, mode):
    app.config[mode] = True
    site(lambda: OutOfCredit("none left"))
    got = answer(app, "/stream")
    assert got.status == 500
    assert (b"OutOfCredit: none left" in got.body) is (mode == "DEBUG")


def test_it_is_raised_to_the_server_where_that_is_asked_for(app, site):
    app.config["PROPAGATE_EXCEPTIONS"] = True
    site(lambda: OutOfCredit("none left"))
    with pytest.raises(OutOfCredit):
        answer(app, "/stream")


def test_what_speaks_for_itself_is_answered_there_too(app, site):
    app.config["PROPAGATE_EXCEPTIONS"] = True
    site(lambda: Closed("for today"))
    assert answer(app, "/stream").status == 503


# Frameworks that handle only HTTP exceptions.


def knowing_http_alone(app):
    """As Flask-RESTX: any other exception is a bug."""
    ordinary = app.handle_user_exception

    def handle(*arguments):
        error = arguments[-1]
        if request.path not in ("/view", "/stream"):
            return ordinary(*arguments)
        if not isinstance(error, HTTPException):
            return app.make_response(("a bug", 500))
        return app.make_response(({"message": error.description}, error.code))

    app.handle_user_exception = handle


def test_a_framework_that_knows_http_exceptions_alone_gets_one(app, site):
    knowing_http_alone(app)
    site(lambda: StreamError("Later.", status=503, retry_after=7))
    for path in ("/view", "/stream"):
        got = answer(app, path)
        assert (got.status, got.headers.getlist("Retry-After")) == (503, ["7"])
        assert b"Later." in got.body


@pytest.mark.parametrize(
    "name", ["preprocess_request", "dispatch_request", "handle_user_exception"]
)
def test_an_agent_may_replace_a_method_of_flasks_later(app, site, monkeypatch, name):
    calls = []
    ordinary = getattr(Flask, name)
    observed = lambda *arguments: (calls.append(name), ordinary(*arguments))[1]  # noqa: E731
    monkeypatch.setattr(Flask, name, observed)
    site(lambda: Closed("for today"))
    assert (answer(app, "/view").status, calls) == (503, [name])


def test_an_extension_in_the_views_place_changes_nothing(app, site):
    views = app.view_functions
    app.dispatch_request = lambda *_: views[request.endpoint]()
    app.register_error_handler(503, own)
    site(lambda: Closed("for today"))
    assert answer(app, "/view").body == answer(app, "/stream").body


def test_a_bad_request_of_werkzeugs_own_is_as_ever(app):
    @app.route("/view")
    def view():
        raise BadRequest("Say which.")

    assert answer(app, "/view").headers["Content-Type"].startswith("text/html")
