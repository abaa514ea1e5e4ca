"""Each check, given facts: its finding, the level, and the line that fixes it."""

from __future__ import annotations

import dataclasses

import pytest

from flask_llmstream.app.config import Settings
from flask_llmstream.doctor import checks
from flask_llmstream.doctor.checks import IN_THE_PROCESS, OF_THE_CONFIGURATION, examine
from flask_llmstream.doctor.facts import NAMELESS, Facts, Serving
from flask_llmstream.doctor.functions import Cached
from flask_llmstream.doctor.gunicorn import Gunicorn
from flask_llmstream.doctor.unpatched import PATCHED_BY_PATCH_ALL, LeakedOriginal
from flask_llmstream.stream.options import StreamOptions

ALL = frozenset(PATCHED_BY_PATCH_ALL)
PATCHED = Facts(patched=ALL)
SSL = LeakedOriginal("urllib3.util.ssl_", "ssl.SSLContext")
SLEEP = LeakedOriginal("shop", "time.sleep")
FILE = "gunicorn.conf.py"
GEVENT = Gunicorn(version="27.0.1", worker_class="gevent", kind="gevent", file=FILE, drains=True)
GTHREAD = Gunicorn(
    version="27.0.1", worker_class="gthread", kind="gthread", threads=1000, file=FILE, drains=True
)
SYNC = Gunicorn(version="27.0.1", workers=4, file=FILE)
SERVING = Serving("gunicorn/27.0.1", greenlet=True, several=True, watched=True)
PATCH = "from gevent import monkey; monkey.patch_all()"


def under(gunicorn, facts=Facts(), **changes):
    return dataclasses.replace(facts, gunicorn=dataclasses.replace(gunicorn, **changes))


def options(**changes):
    return Facts(options=StreamOptions(**changes), patched=ALL)


def only(found):
    """The only finding."""
    (finding,) = found
    return finding


def level_and_line(found):
    finding = only(found)
    return finding.level, finding.mend and finding.mend.line


# The worker.


@pytest.mark.parametrize(
    "facts, because",
    [
        (PATCHED, "this process is monkey-patched"),
        (under(GEVENT), "gunicorn's gevent worker patches before it loads the application"),
        (under(GEVENT, PATCHED), "gunicorn's gevent worker"),
        (under(GTHREAD, patches=True), "gunicorn's gthread worker is made after the patching"),
        (under(GTHREAD, PATCHED, preload_app=True), "worker is made after the patching"),
        (Facts(serving=SERVING), "gunicorn/27.0.1 runs each request on a greenlet"),
    ],
)
def test_greenlets_are_well_and_it_says_why_they_are_in_use(facts, because):
    finding = only(checks.worker(facts))
    assert (finding.level, finding.seen.partition(":")[0]) == ("ok", "streams run on greenlets")
    assert because in finding.seen


@pytest.mark.parametrize(
    "facts, because, line",
    [
        (Facts(app_file="shop.py"), "nothing is monkey-patched in this process", PATCH),
        (under(GTHREAD), "worker has 1000 threads in a process", "worker_class = 'gevent'"),
        (
            Facts(serving=dataclasses.replace(SERVING, greenlet=False)),
            "gunicorn/27.0.1 runs each request on a thread",
            "gunicorn --worker-class gevent",
        ),
        (
            Facts(serving=Serving("Werkzeug/3.1.9", greenlet=False, several=True, watched=True)),
            "Werkzeug/3.1.9 runs each request on a thread",
            PATCH,
        ),
    ],
)
def test_threads_are_a_warning_unless_they_were_asked_for(facts, because, line):
    finding = only(checks.worker(facts))
    assert (finding.level, finding.mend.line) == ("warning", line)
    assert because in finding.seen
    asked = dataclasses.replace(facts, options=StreamOptions(worker="thread"))
    assert only(checks.worker(asked)).level == "ok"


def test_threads_can_be_asked_for_on_greenlets():
    finding = only(checks.worker(options(worker="thread")))
    assert finding.level == "ok" and "as LLMSTREAM_WORKER asks" in finding.seen


def test_greenlets_that_are_asked_for_where_there_are_none_are_an_error():
    facts = Facts(options=StreamOptions(worker="greenlet"))
    finding = only(checks.worker(facts))
    assert finding.level == "error"
    assert finding.why == "Every stream is answered with a status of 500."


@pytest.mark.parametrize("facts", [Facts(), PATCHED])
def test_a_sync_worker_is_an_error_patched_or_not(facts):
    finding = only(checks.worker(under(SYNC, facts)))
    assert finding.level == "error"
    assert "4 processes, one stream at a time in each" in finding.seen
    assert (finding.mend.line, finding.mend.where) == ("worker_class = 'gevent'", FILE)


def test_a_server_that_serves_one_request_at_a_time_is_an_error():
    facts = Facts(serving=dataclasses.replace(SERVING, several=False, greenlet=True))
    assert only(checks.worker(facts)).level == "error"


def test_an_app_that_patches_inside_a_thread_worker_is_an_error():
    finding = only(checks.worker(under(GTHREAD, PATCHED)))
    assert finding.level == "error" and "seconds late, or never" in finding.why


def test_a_worker_nobody_knows_is_to_be_measured():
    finding = only(checks.worker(under(GTHREAD, worker_class="my.Worker", kind="other")))
    assert finding.level == "warning" and "my.Worker" in finding.seen
    assert "--url" in finding.mend.line


# Patching.


def test_what_was_imported_before_the_patching_is_an_error():
    facts = dataclasses.replace(PATCHED, leaked=(SLEEP, SSL), app_file="shop.py")
    finding = only(checks.late_patching(facts))
    assert (finding.level, finding.mend.line) == ("error", PATCH)
    assert finding.mend.where == "the first line of shop.py, before all other imports"
    assert "urllib3.util.ssl_ (ssl.SSLContext)" in finding.seen
    assert "RecursionError" in finding.why


def test_without_ssl_it_only_stands_still():
    facts = dataclasses.replace(PATCHED, leaked=(SLEEP,))
    assert "RecursionError" not in only(checks.late_patching(facts)).why


def test_many_are_told_by_their_number():
    many = tuple(LeakedOriginal(f"module_{number}", "time.sleep") for number in range(9))
    facts = dataclasses.replace(PATCHED, leaked=many)
    assert "and 5 more" in only(checks.late_patching(facts)).seen


def test_the_modules_of_one_library_are_told_as_one():
    leaked = (LeakedOriginal("urllib3.util", "ssl.SSLContext"), SSL, SLEEP)
    seen = only(checks.late_patching(dataclasses.replace(PATCHED, leaked=leaked))).seen
    assert seen.endswith(": urllib3 (ssl.SSLContext), shop (time.sleep)")


def test_gunicorn_s_gevent_worker_patches_before_such_an_app_is_imported():
    facts = under(GEVENT, dataclasses.replace(PATCHED, leaked=(SSL,)))
    assert only(checks.late_patching(facts)).level == "warning"


def test_what_gunicorn_s_configuration_imports_too_early_is_an_error():
    finding = only(checks.late_patching(under(GEVENT, leaked=(SSL,))))
    assert (finding.level, finding.mend.where) == ("error", "the first line of gunicorn.conf.py")


def test_an_unpatched_process_is_nothing_to_be_late_for():
    assert list(checks.late_patching(Facts(leaked=(SSL,)))) == []


def test_patching_in_time_is_said_to_be():
    assert only(checks.late_patching(PATCHED)).level == "ok"


@pytest.mark.parametrize("left_out", [{"threading"}, {"ssl", "subprocess"}])
def test_a_partial_patching_is_a_warning_that_names_what_is_left_out(left_out):
    finding = only(checks.partial_patching(Facts(patched=ALL - left_out)))
    assert finding.level == "warning"
    assert all(name in finding.seen for name in left_out)


@pytest.mark.parametrize("facts", [Facts(), PATCHED])
def test_all_or_nothing_is_not_partial(facts):
    assert list(checks.partial_patching(facts)) == []


# gunicorn.


def test_a_configuration_that_gunicorn_refuses_is_an_error_and_nothing_else_is_said_of_it():
    facts = under(SYNC, PATCHED, refusal="KeyError: 'PORT'")
    found = examine(facts, OF_THE_CONFIGURATION)
    assert [finding.check for finding in found if finding.level != "ok"] == ["gunicorn"]
    assert "KeyError: 'PORT'" in found[0].seen


def test_a_worker_that_can_t_be_loaded_is_an_error():
    trouble = "ModuleNotFoundError: No module named 'packaging'"
    finding = only(checks.starts(under(GEVENT, kind="", trouble=trouble)))
    assert (finding.level, finding.mend.line) == ("error", 'pip install "gunicorn[gevent]"')
    assert trouble in finding.seen


def test_a_configuration_without_a_gunicorn_is_a_warning():
    assert only(checks.starts(Facts(gunicorn=Gunicorn(installed=False)))).level == "warning"


def test_where_nothing_speaks_of_gunicorn_it_says_how_to_have_it_checked():
    finding = only(checks.starts(Facts()))
    assert finding.level == "ok" and "--gunicorn" in finding.seen


def test_a_gunicorn_that_suits_streams_has_nothing_but_ok():
    assert {finding.level for finding in examine(under(GEVENT), OF_THE_CONFIGURATION)} == {"ok"}


def test_a_sync_worker_s_timeout_cuts_streams_off():
    assert level_and_line(checks.timeout(under(SYNC))) == ("error", "worker_class = 'gevent'")


@pytest.mark.parametrize(
    "facts",
    [
        under(SYNC, timeout=0),
        under(SYNC, options(total_timeout=20)),
        under(GTHREAD, timeout=3),
        under(GEVENT, timeout=3),
    ],
)
def test_streams_within_a_timeout_and_other_workers_are_not_cut_off(facts):
    assert list(checks.timeout(facts)) == []


@pytest.mark.parametrize(
    "gunicorn, admitted, line",
    [
        (dataclasses.replace(GTHREAD, threads=4), 1000, 'app.config["LLMSTREAM_MAX_STREAMS"] = 3'),
        (dataclasses.replace(GTHREAD, threads=1), 1000, 'app.config["LLMSTREAM_MAX_STREAMS"] = 1'),
        (GEVENT, 0, 'app.config["LLMSTREAM_MAX_STREAMS"] = 999'),
    ],
)
def test_more_streams_than_a_process_can_hold_are_a_warning(gunicorn, admitted, line):
    facts = under(gunicorn, Facts(settings=Settings(max_streams=admitted)))
    assert level_and_line(checks.connections(facts)) == ("warning", line)


@pytest.mark.parametrize("facts", [under(GEVENT), under(GTHREAD), under(SYNC), Facts()])
def test_as_many_as_it_can_hold_are_fine(facts):
    assert list(checks.connections(facts)) == []


KEEPING = options(reconnect="resume")
IN_REDIS = dataclasses.replace(KEEPING, settings=Settings(replay_url="redis://localhost"))


def test_streams_that_each_of_several_processes_keeps_for_itself_are_an_error():
    line = 'app.config["LLMSTREAM_REPLAY_URL"] = \'redis://localhost\''
    assert level_and_line(checks.kept(under(GEVENT, KEEPING, workers=4))) == ("error", line)


@pytest.mark.parametrize("facts", [KEEPING, under(GEVENT, KEEPING), under(SYNC, IN_REDIS)])
def test_streams_that_each_reader_finds_are_fine(facts):
    assert level_and_line(checks.kept(facts)) == ("ok", None)


def test_nothing_is_said_where_no_stream_is_kept():
    assert list(checks.kept(under(SYNC))) == []


def test_gunicorn_s_http2_is_an_error():
    found = checks.http2(under(GEVENT, http2=True))
    assert level_and_line(found) == ("error", "http_protocols = 'h1'")
    assert list(checks.http2(under(GEVENT))) == []


@pytest.mark.parametrize("leaked, level", [((SSL,), "error"), ((), "warning")])
def test_preloading_an_app_that_does_not_patch_is_worse_with_what_it_keeps(leaked, level):
    facts = under(GEVENT, Facts(leaked=leaked), preload_app=True)
    finding = only(checks.preload(facts))
    assert (finding.level, finding.mend.line) == (level, PATCH)
    assert finding.mend.where == "the first line of gunicorn.conf.py"


@pytest.mark.parametrize(
    "facts",
    [
        under(GEVENT, PATCHED, preload_app=True),
        under(GEVENT, preload_app=True, patches=True),
        under(GTHREAD, preload_app=True),
        under(GEVENT),
    ],
)
def test_preloading_behind_the_patching_is_fine(facts):
    assert list(checks.preload(facts)) == []


@pytest.mark.parametrize("gunicorn", [GEVENT, GTHREAD])
def test_streams_that_nobody_ends_are_a_warning(gunicorn):
    line = "from flask_llmstream.gunicorn import post_worker_init"
    assert level_and_line(checks.draining(under(gunicorn, drains=False))) == ("warning", line)
    assert list(checks.draining(under(gunicorn))) == []


def test_a_graceful_timeout_that_leaves_no_time_to_drain_is_a_warning():
    found = checks.draining(under(GEVENT, graceful_timeout=3))
    assert level_and_line(found) == ("warning", "graceful_timeout = 30")
    assert list(checks.draining(under(GEVENT, graceful_timeout=4))) == []


def test_a_worker_that_ends_after_some_requests_cuts_longer_streams_off():
    found = checks.recycling(under(GEVENT, max_requests=1000))
    assert level_and_line(found) == ("warning", "max_requests = 0")


@pytest.mark.parametrize("drains, fate", [(False, "cut off"), (True, "told")])
def test_what_becomes_of_its_streams_is_said(drains, fate):
    (found,) = checks.recycling(under(GEVENT, max_requests=1000, drains=drains))
    assert fate in found.why


@pytest.mark.parametrize(
    "facts",
    [
        under(GEVENT),
        under(GEVENT, options(total_timeout=30), max_requests=1000),
        under(GTHREAD, max_requests=1000),
    ],
)
def test_streams_that_end_in_time_are_not_cut_off(facts):
    assert list(checks.recycling(facts)) == []


# The application.


@pytest.mark.parametrize(
    "name, level",
    [
        ("paste.gzipper.middleware", "error"),
        ("site.GzipMiddleware", "warning"),
        ("site.BrotliMiddleware", "warning"),
        ("flask_compress.flask_compress.Compress.after_request", "ok"),
    ],
)
def test_what_compresses_is_named_and_as_bad_as_it_was_seen_to_be(name, level):
    for facts in (Facts(layers=("site.Other", name)), Facts(hooks=(name,))):
        finding = only(checks.compression(facts))
        assert (finding.level, name in finding.seen) == (level, True)


def test_other_middleware_is_told_and_fine():
    finding = only(checks.compression(Facts(layers=("werkzeug.ProxyFix",), hooks=("site.stamp",))))
    assert finding.level == "ok" and "werkzeug.ProxyFix" in finding.seen


@pytest.mark.parametrize(
    "mounts, told", [(("/v1", "/<lang>/llm"), "at /v1, /<lang>/llm"), ((), "no chat endpoints")]
)
def test_where_chat_endpoints_are_is_told(mounts, told):
    finding = only(checks.routes(Facts(mounts=mounts)))
    assert finding.level == "ok" and told in finding.seen


@pytest.mark.parametrize(
    "endpoint, line",
    [
        ("llmstream.models", 'app.config["LLMSTREAM_URL_PREFIX"] = \'/llm\''),
        ("mine.models", 'app.register_blueprint(…, url_prefix="/llm")'),
    ],
)
def test_each_route_at_the_address_of_one_of_ours_is_an_error(endpoint, line):
    clash = f"two routes answer GET /v1/models: {endpoint!r} and 'own'"
    for finding in checks.routes(Facts(mounts=("/v1",), clashes=(clash, clash))):
        assert (finding.level, finding.seen, finding.mend.line) == ("error", clash, line)


# Functions of the application.


@pytest.mark.parametrize("module", ["werkzeug.middleware.profiler", "werkzeug.contrib.profiler"])
def test_a_profiler_is_an_error_that_names_it(module):
    name = f"{module}.ProfilerMiddleware"
    finding = only(checks.collecting(Facts(layers=("werkzeug.ProxyFix", name))))
    assert finding.level == "error" and name in finding.seen


def test_who_reads_bodies_is_warned_of_by_name_with_what_to_write_first_of_all():
    finding = only(checks.body_readers(Facts(body_readers=("site.tag",))))
    assert (finding.level, finding.mend.where) == ("warning", "site.tag, first of all")
    assert finding.mend.line.startswith("if response.direct_passthrough:\n")


@pytest.mark.parametrize("whole, level", [(True, "error"), (False, "warning")])
def test_a_stream_that_is_to_be_cached_is_named_by_its_endpoint(whole, level):
    finding = only(checks.caching(Facts(cached=(Cached("shop.ticks", whole),))))
    assert finding.level == level
    assert "'shop.ticks'" in finding.seen and finding.mend.line == "@cache.memoize()"


def test_a_view_without_its_stream_is_an_error_that_names_it_and_its_rule():
    finding = only(checks.misplaced(Facts(misplaced=(("/ticks", "shop.ticks"),))))
    assert finding.level == "error"
    assert "shop.ticks for /ticks" in finding.seen
    assert finding.mend.where == "the line above def ticks"


@pytest.mark.parametrize(
    "seconds, named",
    [
        (50, ["HAProxy"]),
        (59, ["HAProxy", "Heroku"]),
        (60, ["HAProxy", "Heroku", "nginx", "AWS's ALB"]),
        (100, ["HAProxy", "Heroku", "nginx", "AWS's ALB", "Cloudflare"]),
        (0, ["HAProxy", "Heroku", "nginx", "AWS's ALB", "Cloudflare"]),
    ],
)
def test_a_heartbeat_that_is_too_late_for_a_proxy_is_a_warning_that_names_it(seconds, named):
    finding = only(checks.heartbeat(options(heartbeat=seconds)))
    line = 'app.config["LLMSTREAM_HEARTBEAT"] = 15'
    assert (finding.level, finding.mend.line) == ("warning", line)
    everybody = ["HAProxy", "Heroku", "nginx", "AWS's ALB", "Cloudflare"]
    assert [proxy for proxy in everybody if proxy in finding.why] == named


@pytest.mark.parametrize("seconds", [15, 49.9])
def test_a_heartbeat_before_all_of_them_is_fine(seconds):
    assert only(checks.heartbeat(options(heartbeat=seconds))).level == "ok"


def test_a_watched_socket_is_fine():
    for facts in (Facts(), Facts(serving=SERVING)):
        assert only(checks.liveness(facts)).level == "ok"


def test_a_server_without_a_name_may_be_one_where_nothing_is_noticed():
    nameless = dataclasses.replace(SERVING, software=NAMELESS, watched=False)
    finding = only(checks.liveness(Facts(serving=nameless)))
    assert finding.level == "warning" and NAMELESS in finding.seen
    assert "If it is an ASGI server, not at all" in finding.why
    assert "a2wsgi.WSGIMiddleware" in finding.mend.line


@pytest.mark.parametrize(
    "facts, because",
    [
        (Facts(settings=Settings(liveness=False)), "LLMSTREAM_LIVENESS is off"),
        (Facts(departures=False), "this platform does not tell who left"),
        (
            Facts(serving=dataclasses.replace(SERVING, watched=False, protocol="HTTP/2")),
            "gunicorn/27.0.1 (HTTP/2) shows nothing of its client",
        ),
    ],
)
def test_where_nothing_is_watched_it_says_when_a_departure_is_noticed(facts, because):
    finding = only(checks.liveness(facts))
    assert finding.level == "warning" and because in finding.seen
    assert "at the next heartbeats, every 15 seconds" in finding.seen
    without = dataclasses.replace(facts, options=StreamOptions(heartbeat=0))
    assert "at the next token" in only(checks.liveness(without)).seen


@pytest.mark.parametrize(
    "changes, line",
    [
        ({"flask": (1, 1, 4)}, "flask run --eager-loading"),
        ({"flask": (2, 1)}, "flask run --eager-loading"),
        ({"watchdog": (4, 0, 2)}, "flask run --debug --no-reload"),
    ],
)
def test_a_reloader_that_hangs_when_patched_is_an_error(changes, line):
    facts = dataclasses.replace(PATCHED, debug=True, **changes)
    assert level_and_line(checks.reloader(facts)) == ("error", line)
    for harmless in ({"debug": False}, {"patched": frozenset()}):
        assert list(checks.reloader(dataclasses.replace(facts, **harmless))) == []


@pytest.mark.parametrize("changes", [{}, {"watchdog": (5, 0, 3)}, {"flask": (2, 2)}])
def test_the_reloaders_that_work_are_fine(changes):
    assert list(checks.reloader(dataclasses.replace(PATCHED, debug=True, **changes))) == []


def test_a_serving_process_is_asked_for_nothing_but_itself():
    facts = dataclasses.replace(PATCHED, serving=SERVING)
    assert {finding.level for finding in examine(facts, IN_THE_PROCESS)} == {"ok"}


@pytest.mark.parametrize("facts", [PATCHED, under(SYNC), under(GEVENT), options(heartbeat=0)])
def test_whatever_is_wrong_says_why_that_matters(facts):
    for finding in examine(facts, OF_THE_CONFIGURATION):
        assert finding.level == "ok" or (finding.why and finding.mend)
