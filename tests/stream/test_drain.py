"""A server goes: no new stream, time for those that run, a farewell for the rest."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import gevent
import pytest

from flask_llmstream import ConfigurationError, LLMStream
from tests.support.answers import Answer
from tests.support.runtimes import GREENLETS, THREADS, only, wait_for_worker_threads
from tests.support.servers import HANG_GUARD, serving
from tests.support.sources import Waiting

where_it_is_read = only(GREENLETS, THREADS)


@pytest.fixture
def waiting(place, app, streams, no_farewell):
    """A source at ``/`` that waits behind its first item."""
    source = Waiting(place)
    app.add_url_rule("/", "view", lambda: streams.response(source))
    app.add_url_rule("/feed", "feed", lambda: streams.response(source, reconnect="restart"))
    yield source
    source.go_on.set()


@where_it_is_read
def test_with_no_stream_open_a_drain_is_over_at_once(app, streams):
    assert streams.drain(60) == 0


@where_it_is_read
@pytest.mark.parametrize("seconds", ["5", None, -1, float("nan")], ids=str)
def test_a_time_that_is_none_is_told_before_anything_is_refused(app, streams, seconds):
    for let_go in (streams.drain, streams.drain_on_sigterm):
        with pytest.raises(ConfigurationError, match="^seconds: has to be a number from 0 on"):
            let_go(seconds)
    app.add_url_rule("/", "view", lambda: streams.response(["one"]))
    with Answer(app, "/") as answer:
        answer.rest()
    assert answer.status == 200


def test_behind_a_drain_no_stream_begins(app, streams):
    app.add_url_rule("/", "view", lambda: streams.response(["one"]))
    streams.drain(0)
    with Answer(app, "/") as answer:
        assert answer.json["error"]["code"] == "shutdown"
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


@where_it_is_read
def test_a_stream_that_ends_in_time_ends_as_ever(place, app, streams, waiting):
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        waiting.go_on.set()
        assert streams.drain(60) == 0
        assert b'"reason":"complete"' in answer.rest()


@only(GREENLETS)
def test_a_reader_who_has_yet_to_take_an_end_is_waited_for(place, app, streams):
    finished = place.for_reader()
    app.add_url_rule(
        "/", "view", lambda: streams.response(["one"], on_finish=lambda summary: finished.set())
    )
    with Answer(app, "/") as answer:
        answer.block()
        finished.wait()
        draining = gevent.spawn(streams.drain, 60)
        gevent.idle()
        assert not draining.ready()
        answer.rest()
        assert draining.get(timeout=HANG_GUARD) == 0


@where_it_is_read
def test_the_rest_ends_with_shutdown_and_a_time_to_come_back_at(place, app, streams, waiting):
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        assert streams.drain(0) == 1
        waiting.go_on.set()
        last = answer.rest()
    assert b'"code":"shutdown"' in last
    assert 1000 <= int(re.search(rb"^retry: (\d+)$", last, re.MULTILINE).group(1)) <= 5000
    wait_for_worker_threads()


@where_it_is_read
def test_it_does_not_say_that_it_ended_so_a_returning_reader_hears_of_the_cut(
    place, app, streams, waiting
):
    with Answer(app, "/") as answer:
        opening = answer.block()
        waiting.waits.wait()
        streams.drain(0)
        waiting.go_on.set()
        assert b"\nid: " not in answer.rest()
    last_id = re.search(rb"^id: (.*)$", opening, re.MULTILINE).group(1).decode()
    with Answer(app, "/", headers={"Last-Event-ID": last_id}) as returned:
        returned.rest()
    assert returned.status == 410


@where_it_is_read
def test_a_stream_that_goes_on_for_a_returning_reader_has_no_end(place, app, streams, waiting):
    with Answer(app, "/feed") as answer:
        answer.block()
        waiting.waits.wait()
        streams.drain(0)
        waiting.go_on.set()
        assert re.fullmatch(rb"(event: message\ndata: .*\n\n)?retry: \d+\n", answer.rest())


@where_it_is_read
def test_it_drains_the_apps_of_its_own_object_alone(place, app, streams, waiting, make_app):
    other = LLMStream()
    make_app(extension=other)
    with Answer(app, "/") as answer:
        answer.block()
        waiting.waits.wait()
        assert other.drain(0) == 0
        waiting.go_on.set()
        assert b'"reason":"complete"' in answer.rest()


def test_a_blueprint_with_slots_of_its_own_is_drained_too(app, streams):
    app.register_blueprint(streams.blueprint("own", max_streams=1), url_prefix="/own")
    with Answer(app, "/own/chat/stream") as answer:
        answer.rest()
    wait_for_worker_threads()
    streams.drain(0)
    with Answer(app, "/own/chat/stream") as answer:
        answer.rest()
    assert answer.status == 503


# SIGTERM, on real servers.

GUNICORN = "-m gunicorn -b 127.0.0.1:{port} --log-level warning --graceful-timeout 4"
LINE = " -c tests/live_apps/gunicorn_conf.py"
PATCHED, PLAIN = " tests.live_apps.patched:app", " tests.live_apps.plain:app"

COMMANDS = {
    "gunicorn gevent": GUNICORN + LINE + " -k gevent" + PATCHED,
    "gunicorn gevent, preloaded": GUNICORN + LINE + " -k gevent --preload" + PATCHED,
    "gunicorn gthread": GUNICORN + LINE + " -k gthread --threads 4" + PLAIN,
    "gunicorn gthread, preloaded": GUNICORN + LINE + " -k gthread --threads 4 --preload" + PLAIN,
    "gevent.pywsgi": "-m tests.live_apps.pywsgi {port}",
    "flask run, patched": "-m flask run --port {port}",
    "flask run, threads": "-m flask run --port {port}",
}


@pytest.fixture(params=COMMANDS)
def live(request):
    name = request.param
    module = "plain" if "threads" in name else "patched"
    variables = {"FLASK_APP": f"tests.live_apps.{module}:app"}
    if "gunicorn" not in name:
        variables["DRAIN_SECONDS"] = "1"
    with serving(COMMANDS[name], **variables) as live:
        yield live


def test_sigterm_ends_open_streams_with_shutdown_and_then_the_server(live):
    with live.request("GET", "/gated") as reader, live.request("GET", "/feed") as feed:
        reader.block()
        feed.block()
        os.kill(live.pid, signal.SIGTERM)
        (last,) = reader.blocks()
        (farewell,) = feed.blocks()
    assert b'"code":"shutdown"' in last
    assert re.search(rb"^retry: \d+$", last, re.MULTILINE)
    assert re.fullmatch(rb"retry: \d+\n", farewell)
    assert live.ended()


def test_sigterm_lets_a_stream_end_that_ends_in_time(live):
    with live.request("GET", "/gated") as reader:
        reader.block()
        live.release("end")
        os.kill(live.pid, signal.SIGTERM)
        assert b'"reason":"complete"' in reader.block()
    assert live.ended()


STARTS_A_THREAD = """
import os, signal, threading
from flask_llmstream import ConfigurationError, LLMStream

class Interrupted(threading.Thread):
    is_started = False

    def __hash__(self):  # by start(), while threading holds its lock
        if self.is_started:
            signal.raise_signal(signal.SIGTERM)
        return super().__hash__()

LLMStream().drain_on_sigterm(0)
thread = Interrupted(target=print)
thread.is_started = True
thread.start()
threading.Event().wait()
"""


def test_sigterm_may_come_while_the_server_starts_a_thread():
    ended = subprocess.run([sys.executable, "-c", STARTS_A_THREAD], timeout=HANG_GUARD)
    assert ended.returncode == -signal.SIGTERM


@only(THREADS)
def test_a_handler_can_only_be_set_on_the_main_thread(streams):
    with pytest.raises(ValueError, match="main thread"):
        streams.drain_on_sigterm()
