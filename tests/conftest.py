"""Fixtures of all tests: an app, the place where a test runs, and the check for leaks."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import signal
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import hypothesis
import pytest
from flask import Flask

from flask_llmstream import Counter, EventStreamMiddleware, LLMStream
from flask_llmstream.runtime.runtime import runtime_for
from flask_llmstream.stream.limits import all_limiters
from tests.support.answers import linted
from tests.support.connections import Connection, TLSConnection
from tests.support.leaks import LeakCheck
from tests.support.manual_timers import ManualSchedule
from tests.support.plain_wsgi import Foreign, Pausing
from tests.support.runtimes import PLACES
from tests.support.sources import Waiting

# No test depends on time: a busy machine may need more than hypothesis's 200 ms.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# A shell lets its background processes ignore Ctrl-C, and they let their children.
signal.signal(signal.SIGINT, signal.default_int_handler)


def needs(name, present):
    """Skip a test that needs a missing program. Where ``CI`` is set, fail it."""
    if present:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{name} is missing, and CI has to have it")
    pytest.skip(f"{name} is missing", allow_module_level=True)


@pytest.fixture(scope="session", autouse=True)
def versions(record_testsuite_property):
    """The versions of Python and of the packages, for the suite's report."""
    record_testsuite_property("Python", platform.python_version())
    for distribution in ("Flask", "Werkzeug", "gevent", "Flask-Login", "Flask-SQLAlchemy"):
        with contextlib.suppress(PackageNotFoundError):
            record_testsuite_property(distribution, version(distribution))


@pytest.fixture(autouse=True)
def nothing_left():
    """No test leaves a greenlet, thread, task, descriptor, slot, timer or watcher behind."""
    check = LeakCheck()
    yield
    assert check.leaks() == []
    for slots in all_limiters():
        slots.begin_anew()  # a test may have drained those that all tests share


@pytest.fixture(scope="session", params=["Chromium", "Firefox", "WebKit"])
def browser(request):
    """A window of each browser, one for all tests."""
    from tests.support.browsers import BROWSERS  # which needs this module

    with BROWSERS[request.param]() as browser:
        yield browser


@pytest.fixture(params=PLACES, ids=lambda place: place.name)
def place(request):
    """The place where the test runs, as a stream's reader, and where its producers run."""
    return request.param


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    place = pyfuncitem.funcargs.get("place")
    if place is not None:
        test = pyfuncitem.obj
        pyfuncitem.obj = lambda **arguments: place.run(partial(test, **arguments))
    yield


@pytest.fixture
def streams():
    """An extension object whose counter does not wait between two numbers."""
    return LLMStream(providers={"counter": Counter(messages=3, interval=0)})


@pytest.fixture
def make_app(request, streams):
    """Make an app with the extension and this config. Its producers run as ``place`` says."""
    worker = request.getfixturevalue("place").worker if "place" in request.fixturenames else "auto"

    def make(extension=streams, **config):
        app = Flask("a_site")
        app.config.update({"SECRET_KEY": "of no use", "LLMSTREAM_WORKER": worker, **config})
        extension.init_app(app)
        return app

    return make


@pytest.fixture
def app(make_app):
    return make_app()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def serve(app, streams):
    """Serve the source that a function makes at ``/``, as an event stream."""

    def serve(make_source, **options):
        app.add_url_rule("/", "view", lambda: streams.response(make_source(), **options))

    return serve


@pytest.fixture
def waiting(place, serve):
    """A source that waits after its first item, to be served by ``serve(lambda: waiting)``."""
    source = Waiting(place)
    yield source
    source.go_on.set()


@pytest.fixture
def finished(place):
    """An ``on_finish`` whose summary the test can wait for."""

    class Finished:
        def __init__(self):
            self._came = place.for_reader()

        def __call__(self, summary):
            self._summary = summary
            self._came.set()

        def summary(self):
            self._came.wait()
            return self._summary

    return Finished()


@pytest.fixture
def no_farewell(monkeypatch):
    """A drain waits for no reader: one on its own thread takes the end only afterwards."""
    monkeypatch.setattr("flask_llmstream.stream.drain.FAREWELL_SECONDS", 0)


@pytest.fixture
def failing_log(monkeypatch):
    """The handler of every logger raises. ``failed`` counts how often."""

    class Failing(logging.Handler):
        failed = 0

        def emit(self, record):
            self.failed += 1
            raise LookupError("the log server is gone")

    handler = Failing()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    monkeypatch.setattr(logging, "raiseExceptions", False)  # else it is printed on stderr
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


# Other applications, wrapped in the middleware.


@pytest.fixture
def foreign(place):
    """Make an app without this package, whose answers have these blocks and headers."""
    return partial(Foreign, place)


@pytest.fixture
def pausing(place):
    """Make blocks that wait at each ``None``. After the test they wait no more."""
    made = []

    def pausing(*blocks):
        made.append(Pausing(place, *blocks))
        return made[-1]

    yield pausing
    for blocks in made:
        blocks.go_on.set()


@pytest.fixture
def wrap(place):
    """Wrap an app in the middleware, with a validator between. ``Answer`` adds two outside."""

    def wrap(app, **options):
        return EventStreamMiddleware(linted(app), worker=place.worker, **options)

    return wrap


@pytest.fixture
def connection():
    with Connection() as connection:
        yield connection


@pytest.fixture(params=[Connection, TLSConnection], ids=["plain", "TLS"])
def any_connection(request):
    with request.param() as connection:
        yield connection


@pytest.fixture
def schedule(monkeypatch):
    """Timers that the test fires, in place of the hub's or the timer thread's."""
    schedule = ManualSchedule()
    for module in ("wsgi.body", "views.responses"):
        name = f"flask_llmstream.{module}.runtime_for"
        monkeypatch.setattr(name, lambda worker: runtime_for(worker)._replace(schedule=schedule))
    return schedule
