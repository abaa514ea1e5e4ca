"""Flask-Login with a streaming view, and its ``current_user`` inside the generator."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from flask import g

from tests.conftest import needs
from tests.support.answers import Answer, cookies_of

needs("Flask-Login", find_spec("flask_login"))
needs("Flask-SQLAlchemy", find_spec("flask_sqlalchemy"))

from flask_login import current_user, login_required, login_user, logout_user  # noqa: E402
from sqlalchemy import inspect  # noqa: E402

from tests.support.accounts import Accounts  # noqa: E402

OPTIONS = {"format": "text", "heartbeat": 0, "reconnect": "restart"}


@pytest.fixture
def accounts(app, tmp_path):
    accounts = Accounts(app, tmp_path / "users.sqlite")
    yield accounts
    accounts.close()


def name_of_current_user():
    yield current_user.name if current_user.is_authenticated else "nobody"


def answer(app, path="/", **request):
    with Answer(app, path, **request) as answer:
        return answer.rest().decode().replace("data: ", "").split("\n\n")[:-1]


def test_the_current_user_is_who_asked(place, app, streams, accounts):
    app.add_url_rule("/", "view", streams.view(**OPTIONS)(name_of_current_user))
    assert answer(app, headers=accounts.logged_in("grace")) == ["grace"]
    assert answer(app) == ["nobody"]


def test_the_current_user_is_who_asked_where_the_view_has_looked_before(
    place, app, streams, accounts
):
    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        g.seen = current_user.name
        return source()

    def source():
        yield g.seen
        yield current_user.name

    assert answer(app, headers=accounts.logged_in("ada")) == ["ada", "ada"]


def test_the_generators_current_user_is_a_row_of_its_own_session(place, app, streams, accounts):
    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        g.views_own = current_user._get_current_object()
        return source()

    def source():
        row = current_user._get_current_object()
        yield f"the view's is detached: {inspect(g.views_own).detached}"
        yield f"the generator's is its own: {inspect(row).session is accounts.db.session()}"
        yield f"lazy attributes load: {current_user.friend is None}"

    said = answer(app, headers=accounts.logged_in("ada"))
    assert [line.split(": ")[1] for line in said] == ["True", "True", "True"]


def test_the_current_user_is_asked_for_once_by_the_view_and_once_by_the_generator(
    place, app, streams, accounts
):
    @app.route("/")
    @login_required
    @streams.view(**OPTIONS)
    def view():
        yield current_user.name
        yield current_user.name

    headers, before = accounts.logged_in("ada"), accounts.loads
    assert answer(app, headers=headers) == ["ada", "ada"]
    assert accounts.loads - before == 2


def test_who_logs_in_by_the_streaming_view_is_the_generators_user(place, app, streams, accounts):
    @app.route("/")
    def view():
        login_user(accounts.named("grace"))
        return streams.response(name_of_current_user(), **OPTIONS)

    with Answer(app, "/") as response:
        assert response.rest() == b"data: grace\n\n"
    assert answer(app, headers=cookies_of(response)) == ["grace"]


def test_who_logs_out_by_the_streaming_view_is_nobody_in_the_generator(
    place, app, streams, accounts
):
    @app.route("/")
    def view():
        logout_user()
        return streams.response(name_of_current_user(), **OPTIONS)

    assert answer(app, headers=accounts.logged_in("ada")) == ["nobody"]


def test_a_user_who_comes_with_each_request_is_found_again(place, app, streams, accounts):
    @accounts.login_manager.request_loader
    def load(request):
        return accounts.named(request.headers["X-User"])

    app.add_url_rule("/", "view", streams.view(**OPTIONS)(name_of_current_user))
    assert answer(app, headers={"X-User": "grace"}) == ["grace"]


@pytest.mark.parametrize("outside", [True, False], ids=["outside", "inside"])
def test_login_required_guards_a_streaming_view(place, app, streams, accounts, outside):
    started = []

    def view():
        started.append(True)
        yield current_user.name

    required, streamed = login_required, streams.view(**OPTIONS)
    app.add_url_rule("/", "view", required(streamed(view)) if outside else streamed(required(view)))
    with Answer(app, "/") as response:
        response.rest()
    assert (response.status, started) == (401, [])
    assert answer(app, headers=accounts.logged_in("ada")) == ["ada"]


def test_a_guard_of_a_mounted_blueprint_asks_for_the_user(place, app, streams, accounts):
    members = streams.blueprint("members")

    @members.before_request
    def guard():
        if not current_user.is_authenticated:
            return accounts.login_manager.unauthorized()

    app.register_blueprint(members, url_prefix="/members")
    question = {"method": "POST", "json": {}, "path": "/members/chat/completions?format=text"}
    with Answer(app, **question) as response:
        response.rest()
    assert response.status == 401
    with Answer(app, headers=accounts.logged_in("ada"), **question) as response:
        assert [event.data for event in response.all_events()] == ["0", "1", "2"]


@pytest.fixture
def greeting(place, app, streams, accounts):
    """The view of the documentation, and the model that it waits for."""
    asked, answers = place.for_reader(), place.for_producer()

    def model(prompt):
        asked.set()
        answers.wait()
        yield prompt

    shown = (Path(__file__).parents[2] / "docs" / "context.md").read_text(encoding="utf-8")
    names = {"app": app, "streams": streams, "db": accounts.db, "model": model}
    names.update(current_user=current_user, login_required=login_required)
    names["Greeting"] = lambda name: accounts.User(name=f"{name}, greeted")
    exec(re.search(r"```python\n(.*?)```", shown, re.DOTALL).group(1), names)
    return asked, answers


def test_what_the_documentation_shows_keeps_no_connection_while_it_waits(app, accounts, greeting):
    asked, answers = greeting
    with app.app_context():
        accounts.named("ada").friend = accounts.named("grace")
        accounts.db.session.commit()
    with Answer(app, "/greeting", headers=accounts.logged_in("ada")) as response:
        response.block()
        asked.wait()
        assert accounts.connections_in_use() == 0
        answers.set()
        assert b"Greet grace." in response.rest()
    with app.app_context():
        assert accounts.named("grace, greeted")
