"""Guards, cookies and hooks of an app work for a stream as for any response."""

from __future__ import annotations

import pytest
from flask import Blueprint, abort, after_this_request, g, make_response, request, session, url_for

from tests.support.answers import Answer, cookies_of

OPTIONS = {"format": "text", "heartbeat": 0, "reconnect": "restart"}


@pytest.fixture
def started():
    """The endpoints of the generators that have begun."""
    return []


@pytest.fixture
def site(app, streams, started):
    """A blueprint with a streaming view, not registered yet. The app has a streaming view too."""

    def view():
        started.append(request.endpoint)
        yield request.endpoint

    streamed = streams.view(**OPTIONS)(view)
    app.add_url_rule("/", "view", streamed)
    site = Blueprint("site", __name__, url_prefix="/site")
    site.add_url_rule("/view", "view", streamed)
    return site


def refuse():
    abort(403)


def redirect_to_login():
    return make_response("", 302, {"Location": "https://example.com/login"})


@pytest.mark.parametrize("guard, status", [(refuse, 403), (redirect_to_login, 302)])
def test_a_guard_of_the_app_keeps_a_stream_from_starting(place, app, site, started, guard, status):
    app.before_request(guard)
    with Answer(app, "/") as answer:
        answer.rest()
    assert (answer.status, started) == (status, [])
    assert app.extensions["llmstream"].slots.taken == 0


def test_a_guard_of_a_blueprint_keeps_its_own_streams_from_starting(place, app, site, started):
    site.before_request(refuse)
    app.register_blueprint(site)
    with Answer(app, "/site/view") as refused, Answer(app, "/") as answered:
        refused.rest()
        assert answered.rest() == b"data: view\n\n"
    assert (refused.status, started) == (403, ["view"])


def test_a_guard_runs_once_and_its_findings_reach_the_generator(place, app, streams):
    asked = []

    @app.before_request
    def guard():
        asked.append(request.path)
        g.tenant = request.headers["X-Tenant"]

    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        yield g.tenant

    with Answer(app, "/", headers={"X-Tenant": "ada"}) as answer:
        assert answer.rest() == b"data: ada\n\n"
    assert asked == ["/"]


def test_an_after_request_of_a_blueprint_and_of_the_request_reach_the_client(
    place, app, site
):
    site.after_request(lambda response: tagged(response, "X-Blueprint"))

    @site.before_request
    def guard():
        after_this_request(lambda response: tagged(response, "X-This"))

    app.register_blueprint(site)
    with Answer(app, "/site/view") as answer:
        assert answer.rest() == b"data: site.view\n\n"
    assert (answer.headers["X-Blueprint"], answer.headers["X-This"]) == ("seen", "seen")


def tagged(response, header):
    response.headers[header] = "seen"
    return response


def test_a_cookie_of_the_views_session_comes_with_the_stream(place, app, streams):
    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        session["visits"] = session.get("visits", 0) + 1
        return source()

    def source():
        yield str(session["visits"])

    with Answer(app, "/") as first:
        assert first.rest() == b"data: 1\n\n"
    with Answer(app, "/", headers=cookies_of(first)) as second:
        assert second.rest() == b"data: 2\n\n"


def test_what_a_generator_puts_into_the_session_is_not_kept(place, app, streams):
    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        session["late"] = True
        yield str(session["late"])

    with Answer(app, "/") as answer:
        assert answer.rest() == b"data: True\n\n"
    assert "Set-Cookie" not in answer.headers, "the headers had been sent"


def test_a_generator_finds_the_urls_of_its_request(place, app, streams):
    site = Blueprint("site", __name__, url_prefix="/<language>")

    @site.url_value_preprocessor
    def take_language(endpoint, values):
        g.language = values.pop("language")

    @site.url_defaults
    def add_language(endpoint, values):
        values.setdefault("language", g.language)

    @site.route("/view")
    @streams.view(**OPTIONS)
    def view():
        yield url_for(".view")
        yield url_for(".view", _external=True)

    app.register_blueprint(site)
    with Answer(app, "/fr/view", base_url="https://example.com/app") as answer:
        said = answer.rest()
    assert said == b"data: /app/fr/view\n\ndata: https://example.com/app/fr/view\n\n"


def test_teardown_functions_run_for_the_request_and_once_more_for_its_generator(
    place, app, streams
):
    torn_down, twice = [], place.for_reader()

    @app.teardown_request
    def tear_down(error):
        torn_down.append(request.path)
        if len(torn_down) == 2:
            twice.set()

    app.add_url_rule("/", "view", lambda: streams.response(["one"], **OPTIONS))
    with Answer(app, "/") as answer:
        assert torn_down == ["/"]
        answer.rest()
        twice.wait()
    assert torn_down == ["/", "/"]
