"""All asynchronous sources of a process share one event loop, and no source can end it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from textwrap import dedent

import pytest

from flask_llmstream.runtime.event_loop.loop import event_loop
from tests.support.answers import Answer
from tests.support.async_sources import asynchronous
from tests.support.runtimes import GREENLETS, THREADS
from tests.support.servers import HANG_GUARD, ROOT

PATCHED = "from gevent import monkey; monkey.patch_all()"
NOT_OURS = ("-W", "ignore:pkg_resources", "-W", "ignore:Deprecated call to `pkg_resources")
"""An old gevent's import, beside a setuptools that would not have it."""

SCRIPT = """
    import asyncio, logging, os, sys, threading
    from flask import Flask
    from flask_llmstream import LLMStream
    from gevent.monkey import is_module_patched
    from flask_llmstream.runtime.event_loop import loop as module
    from flask_llmstream.runtime.event_loop.loop import Loop, PatchedLoop, event_loop

    app = Flask(__name__)
    streams = LLMStream(app)

    @app.route("/")
    @streams.view(format="text", heartbeat=0)
    async def view():
        for word in ("one", "two"):
            await asyncio.sleep(0.001)
            yield word

    def get(path, **options):
        event_loop().slow_callback_duration = 1000  # development mode would tell of each
        return app.test_client().get(path, **options)

    def streams_well():
        return b"data: one\\n\\ndata: two\\n\\n" in get("/").data
"""


@pytest.fixture(params=[GREENLETS, THREADS], ids=lambda place: place.name)
def place(request):
    """Where the reader runs."""
    return request.param


@pytest.fixture(params=["", PATCHED], ids=["unpatched", "patched"])
def done(request):
    """The output of a script, which runs in a process of its own. In development mode warnings are
    shown, and asyncio checks its threads. Nothing may go to stderr."""

    def done(script, *options, before=request.param):
        source = "\n".join([before, dedent(SCRIPT), dedent(script)])
        process = subprocess.run(
            [sys.executable, "-X", "dev", *NOT_OURS, *options, "-c", source],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=HANG_GUARD,
            universal_newlines=True,
        )
        assert process.stderr == ""
        assert process.returncode == 0
        return process.stdout.split()

    return done


# One for all.


def test_all_get_the_same_loop():
    found, together = [], threading.Barrier(8)

    def ask():
        together.wait()
        found.append(event_loop())

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert set(found) == {event_loop()}


def test_of_many_who_are_first_all_get_the_same_loop(done):
    """All have asked before the loop runs. Greenlets can't: the start blocks them."""
    script = """
        def ask():
            asked.append(True)
            found.append(event_loop())

        def made():
            while len(asked) < 8 and not is_module_patched("threading"):
                pass
            return Loop()

        asked, found = [], []
        module.Loop = made
        askers = [threading.Thread(target=ask) for _ in range(8)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        print(len(found), len(set(found)))
    """
    assert done(script) == ["8", "1"]


def test_it_starts_with_the_first_asynchronous_stream_that_is_read(done):
    script = """
        def threads():
            return len(os.listdir("/proc/self/task"))

        before = threads()
        app.test_client().head("/")
        print(threads() - before)
        print(streams_well(), event_loop().is_running())
    """
    assert done(script) == ["0", "True", "True"]


def test_whoever_comes_while_it_starts_waits_for_it_where_the_first_goes_to_the_hub(done):
    script = """
        import gevent
        from gevent.resolver.blocking import Resolver

        class Slow(Resolver):
            def __init__(self, hub=None):
                gevent.sleep(0.001)

        gevent.config.resolver = Slow
        askers = [gevent.spawn(event_loop) for _ in range(8)]
        gevent.joinall(askers)
        print(len({asker.value for asker in askers}))
    """
    assert done(script) == ["1"]


def test_one_that_could_not_start_is_tried_again(done):
    script = """
        def no_loop():
            raise OSError("too many open files")

        logging.getLogger("flask_llmstream").addHandler(logging.NullHandler())
        module.Loop = module.PatchedLoop = no_loop
        print(app.test_client().get("/").status_code)
        print(app.extensions["llmstream"].slots.taken)
        module.Loop, module.PatchedLoop = Loop, PatchedLoop
        print(streams_well())
    """
    assert done(script) == ["500", "0", "True"]


# What a source can't do to it.


def stops_the_loop():
    asyncio.get_event_loop().stop()


def exits():
    raise SystemExit


@pytest.mark.parametrize("does", [stops_the_loop, exits], ids=lambda does: does.__name__)
def test_what_ends_a_loop_elsewhere_does_not_end_this_one(place, app, streams, does, caplog):
    async def source():
        asyncio.get_event_loop().call_soon(does)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        yield "one"

    app.add_url_rule("/", "view", lambda: streams.response(source()))
    app.add_url_rule("/next", "next", lambda: streams.response(asynchronous(["two"])))
    for path, item in (("/", b'"one"'), ("/next", b'"two"')):
        with Answer(app, path) as answer:
            assert item in answer.rest()


# A process with it.


def test_a_forked_child_has_a_loop_of_its_own(done):
    script = """
        print(streams_well(), flush=True)
        child = os.fork()
        if not child:
            print(streams_well(), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(streams_well())
    """
    options = [] if sys.version_info < (3, 12) else ["-W", "ignore::DeprecationWarning"]
    assert done(script, *options) == ["True"] * 3


def test_a_process_may_end_with_a_stream_open(done):
    script = """
        @app.route("/open")
        @streams.view(format="text", heartbeat=0)
        async def open_for_good():
            yield "one"
            await asyncio.sleep(3600)

        body = iter(get("/open", buffered=False).response)
        while b"one" not in next(body):
            pass
        print("ends")
    """
    assert done(script) == ["ends"]


ANOTHER_POLICY = """
class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        raise AssertionError("of another make, on libuv say")

asyncio.set_event_loop_policy(Policy())
"""


@pytest.mark.parametrize("policy", ["", ANOTHER_POLICY], ids=["asyncio's", "another"])
def test_name_look_up_executors_and_sockets_work_on_it_whatever_policy_is_set(done, policy):
    script = """
        async def echo(reader, writer):
            writer.write(await reader.readline())
            writer.close()

        @app.route("/all")
        @streams.view(format="text", heartbeat=0)
        async def uses_all():
            loop = asyncio.get_running_loop()
            yield "found" if await loop.getaddrinfo("localhost", 80) else "nothing"
            yield await loop.run_in_executor(None, lambda: "executed")
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            address = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"echoed\\n")
            yield (await reader.readline()).decode().strip()
            writer.close()
            server.close()
            await server.wait_closed()

        answer = get("/all").data.decode()
        print(*[word for word in ("found", "executed", "echoed") if word in answer])
    """
    options = [] if sys.version_info < (3, 14) else ["-W", "ignore::DeprecationWarning"]
    assert done(policy + dedent(script), *options) == ["found", "executed", "echoed"]


def test_an_executor_wakes_it_each_time(done):
    script = """
        @app.route("/executed")
        @streams.view(format="text", heartbeat=0)
        async def executed():
            for number in range(3):
                yield await asyncio.get_running_loop().run_in_executor(None, str, number)

        print(b"data: 0\\n\\ndata: 1\\n\\ndata: 2\\n\\n" in get("/executed").data)
    """
    assert done(script) == ["True"]


def test_look_ups_that_hang_hold_up_no_other_source(done):
    script = """
        import socket
        from tests.support.resolver import Resolver

        resolver = socket.getaddrinfo = Resolver()
        resolver.known["model.test"] = ["127.0.0.1"]

        @app.route("/many")
        @streams.view(format="text", heartbeat=0)
        async def many():
            loop = asyncio.get_running_loop()
            hung = [asyncio.ensure_future(loop.getaddrinfo("hung.test", 80)) for _ in range(40)]
            yield "found" if await loop.getaddrinfo("model.test", 80) else "nothing"
            yield await loop.run_in_executor(None, lambda: "executed")
            for look_up in hung:
                look_up.cancel()

        with resolver.hanging("hung.test"):
            answer = get("/many").data.decode()
            print(*[word for word in ("found", "executed") if word in answer])
            print(resolver.asked.count("hung.test") <= 2)
    """
    assert done(script) == ["found", "executed", "True"]
