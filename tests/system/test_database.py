"""Flask-SQLAlchemy's session inside a generator, and how long its connection is kept."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.util import find_spec

import pytest

from tests.conftest import needs
from tests.support.answers import Answer
from tests.support.servers import serving

needs("Flask-Login", find_spec("flask_login"))
needs("Flask-SQLAlchemy", find_spec("flask_sqlalchemy"))

from sqlalchemy import event, inspect  # noqa: E402

from tests.support.accounts import Accounts  # noqa: E402

READERS = 50
OPTIONS = {"format": "text", "heartbeat": 0, "reconnect": "restart"}


@pytest.fixture
def accounts(app, tmp_path):
    accounts = Accounts(app, tmp_path / "users.sqlite")
    yield accounts
    accounts.close()


@pytest.fixture
def given_back(place, accounts):
    """Set when the connection goes back to its pool."""
    sign = place.for_reader()
    with accounts.app.app_context():
        event.listen(accounts.db.engine, "checkin", lambda *_: sign.set())
    return sign


def test_the_session_works_inside_a_generator(place, app, streams, accounts):
    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        yield accounts.named("ada").name

    with Answer(app, "/") as answer:
        assert answer.rest() == b"data: ada\n\n"


def test_what_a_generator_commits_is_there_afterwards(place, app, streams, accounts):
    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        accounts.db.session.add(accounts.User(name="joan"))
        accounts.db.session.commit()
        yield "written"

    with Answer(app, "/") as answer:
        answer.rest()
    with app.app_context():
        assert accounts.count() == 3


def test_the_session_is_the_generators_own(place, app, streams, accounts):
    seen = []

    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        seen.append(accounts.db.session())
        return source()

    def source():
        seen.append(accounts.db.session())
        yield "one"

    with Answer(app, "/") as answer:
        answer.rest()
    assert seen[0] is not seen[1]


def test_a_row_of_the_views_is_detached_and_what_it_has_loaded_can_be_read(
    place, app, streams, accounts
):
    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        ada = accounts.named("ada")
        return source(ada)

    def source(ada):
        yield f"{ada.name} {inspect(ada).detached}"
        yield accounts.db.session.merge(ada).friend or "a lazy attribute of the merged row"

    with Answer(app, "/") as answer:
        assert answer.rest() == b"data: ada True\n\ndata: a lazy attribute of the merged row\n\n"


@pytest.fixture
def reading(place, accounts, streams):
    """Streams whose view queries the database, and whose generator queries it again."""
    ask, end = place.for_producer(), place.for_producer()

    def source(before):
        yield f"{before} before"
        ask.wait()
        later = accounts.count()
        accounts.db.session.close()
        yield f"{later} later"
        end.wait()

    accounts.app.add_url_rule(
        "/", "view", lambda: streams.response(source(accounts.count()), **OPTIONS)
    )
    return ask, end


def read(answer, text):
    """Read blocks until this text has come."""
    so_far = b""
    while text not in so_far:
        so_far += answer.block()


def test_open_streams_whose_views_have_asked_pin_no_connection(app, accounts, reading):
    ask, end = reading
    with ExitStack() as stack:
        answers = [stack.enter_context(Answer(app, "/")) for _ in range(READERS)]
        for answer in answers:
            read(answer, b"2 before")
        assert accounts.connections_in_use() == 0
        ask.set()
        for answer in answers:
            read(answer, b"data: 2 later\n\n")
        assert accounts.connections_in_use() == 0
        end.set()
        for answer in answers:
            assert answer.rest() == b""


def test_a_generator_that_has_asked_keeps_its_connection_to_its_end(
    place, app, streams, accounts, given_back
):
    end = place.for_producer()

    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        yield str(accounts.count())
        end.wait()

    with Answer(app, "/") as answer:
        answer.block()
        assert accounts.connections_in_use() == 1
        end.set()
        answer.rest()
        given_back.wait()
    assert accounts.connections_in_use() == 0


def test_a_generator_whose_reader_leaves_gives_its_connection_back(
    place, app, streams, accounts, given_back
):
    go_on = place.for_producer()

    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        yield str(accounts.count())
        go_on.wait()

    with Answer(app, "/") as answer:
        answer.block()
    go_on.set()
    given_back.wait()
    assert accounts.connections_in_use() == 0


def test_a_generator_that_fails_gives_its_connection_back_and_writes_nothing(
    place, app, streams, accounts, given_back
):
    @app.route("/")
    @streams.view(**OPTIONS)
    def view():
        accounts.db.session.add(accounts.User(name="joan"))
        accounts.db.session.flush()
        yield str(accounts.count())
        raise LookupError("gone")

    with Answer(app, "/") as answer:
        assert b"data: 3\n\n" in answer.rest()
        given_back.wait()
    with app.app_context():
        assert accounts.count() == 2


APP = "tests.live_apps.users:app"
GUNICORN = "-m gunicorn -b 127.0.0.1:{port} --log-level warning"


@pytest.mark.parametrize("worker", ["-k gevent", "-k gthread --threads 100"])
def test_on_a_real_server_open_streams_share_one_connection(worker, tmp_path):
    with ExitStack() as stack:
        command = f"{GUNICORN} {worker} {APP}"
        live = stack.enter_context(serving(command, DATABASE=str(tmp_path / "users.sqlite")))
        readers = [stack.enter_context(live.request("GET", "/users")) for _ in range(READERS)]
        assert [reader.block() for reader in readers] == [b"data: 2 before"] * READERS
        assert live.get("/connections") == 0
        live.post("/ask")
        assert [reader.blocks() for reader in readers] == [[b"data: 2 later"]] * READERS
