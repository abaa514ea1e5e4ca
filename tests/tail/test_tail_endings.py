"""The exit status of each ending, what is said of it, and what is sent."""

from __future__ import annotations

import re

import pytest

from flask_llmstream import Backoff
from flask_llmstream.tail import verdict
from flask_llmstream.tail.command import tail as command
from flask_llmstream.tail.printing import Output
from flask_llmstream.tail.showing import show
from flask_llmstream.tail.terminal import NoLine
from flask_llmstream.tail.verdict import (
    COMPLETE,
    CUT_SHORT,
    FAILED,
    INTERRUPTED,
    REFUSED,
    STATUSES,
    TIMED_OUT,
    TRUNCATED,
    UNREACHABLE,
    USAGE,
    Verdict,
)
from tests.support.certificates import certificate_for
from tests.support.programs import ROOT
from tests.support.upstream import (
    HEAD,
    Upstream,
    answer,
    chat_delta,
    events,
    nobody_listens,
    silence,
    silence_after,
)
from tests.tail.calls import KEPT_HEAD, STREAM_ID, call, end_with, frames, message, says


def test_the_text_is_printed_and_a_summary_apart_from_it(tail):
    with Upstream(says("one ", "two")) as upstream:
        done = tail(upstream.url)
    assert (done.status, done.out) == (COMPLETE, b"one two")
    assert re.fullmatch(r"complete in .* \| first .* \| 2 tokens( \| .*)*\n", done.err)


def test_piped_text_is_exact(tail):
    text = r"\u001b[2J\u0007\u00e9\u2028 \ud83d\ude00"
    with Upstream(says(text, r"\ud83d", r"\ude00")) as upstream:
        done = tail(upstream.url)
    assert done.out.decode() == "\x1b[2J\x07é\u2028 \U0001f600\U0001f600"


def test_half_a_character_becomes_a_mark_in_a_pipe(tail):
    with Upstream(says(r"a\ud83d", r"b\ude00")) as upstream:
        assert tail(upstream.url).out.decode() == "a\ufffdb\ufffd"


@pytest.mark.parametrize(
    "reason, status",
    [
        ("complete", COMPLETE), ("refusal", COMPLETE), ("tool_calls", COMPLETE),
        ("length", CUT_SHORT), ("content_filter", CUT_SHORT), ("cancelled", CUT_SHORT),
    ],
)  # fmt: skip
def test_an_end_of_the_message_format(tail, reason, status):
    with Upstream(says("one", reason=reason)) as upstream:
        done = tail(upstream.url)
    assert done.status == status
    assert done.err.startswith(f"{reason} in ")


@pytest.mark.parametrize("word, status", [("stop", COMPLETE), ("length", CUT_SHORT)])
def test_an_end_of_openai_s_format(tail, word, status):
    chunks = (chat_delta("one"), chat_delta(None, word), "[DONE]")
    with Upstream(events(*chunks)) as upstream:
        done = tail(upstream.url)
    assert (done.status, done.out) == (status, b"one")


def test_a_gap_is_an_answer_cut_short(tail):
    gap = 'event: gap\ndata: {"lost":3}\n\n'
    with Upstream(frames(message("one"), gap, end_with())) as upstream:
        done = tail(upstream.url)
    assert (done.status, done.err[:7]) == (CUT_SHORT, "gap in ")


def test_a_stream_of_no_known_form_ends_when_its_server_says_so(capfdbinary):
    scripts = iter([frames("data: one\n\nretry: 0\n\n"), answer(204)])
    with Upstream(lambda exchange: next(scripts)(exchange)) as upstream:
        shown = show(upstream.url, {"backoff": AT_ONCE["backoff"]}, False, True)
    assert capfdbinary.readouterr().out == b"one"
    assert shown.verdict == Verdict(COMPLETE, "ended")
    assert shown.arrivals.reconnects == 1


def test_what_it_cost_is_told(tail):
    usage = '{"prompt_tokens":3,"completion_tokens":2}'
    with Upstream(frames(message("one"), end_with(usage=usage))) as upstream:
        assert tail(upstream.url).err.endswith(" | usage: 3 in, 2 out\n")


@pytest.mark.parametrize(
    "usage", ['{"prompt_tokens":"3"}', '{"prompt_tokens":true}', "[3]", "null", "{}"]
)
def test_a_cost_that_is_none_is_not_told(tail, usage):
    with Upstream(frames(message("one"), end_with(usage=usage))) as upstream:
        done = tail(upstream.url)
    assert "usage" not in done.err and done.status == COMPLETE


def test_a_failure_in_the_stream_is_told_in_the_server_s_words(tail):
    error = r'{"code":"provider_error","message":"The model is\u001b[2J\ngone.","id":"abc"}'
    with Upstream(frames(message("one"), end_with(error=error))) as upstream:
        done = tail(upstream.url)
    assert (done.status, done.out) == (FAILED, b"one")
    assert done.err.startswith("failed (provider_error) in ")
    assert "The model is\\x1b[2J gone. In the server's log it is abc." in done.err


@pytest.mark.parametrize(
    "status, cure",
    [
        (401, "-H 'Authorization: Bearer ...'"), (403, "-H 'Cookie: ...'"),
        (404, "Is that the endpoint's path?"), (405, "send a POST"), (415, "Content-Type"),
        (500, ""), (301, ""),
    ],
)  # fmt: skip
def test_a_refusal_is_told_with_its_cure(tail, status, cure):
    with Upstream(answer(status, '{"error":{"message":"No."}}')) as upstream:
        done = tail(upstream.url, "--no-reconnect")
    assert done.status == REFUSED
    assert done.err.startswith(f"refused ({status}) in ") and "No." in done.err and cure in done.err


def test_a_server_that_is_full_says_when_to_come_back(tail):
    with Upstream(answer(429, "Too many.", retry_after="7")) as upstream:
        done = tail(upstream.url, "--prompt", "x")
    assert done.status == REFUSED
    assert "Too many. Try again in 7 s.\n" in done.err


def test_a_page_is_no_stream(tail):
    with Upstream(answer(200, "<html>", content_type="text/html")) as upstream:
        done = tail(upstream.url)
    assert done.status == REFUSED
    assert "without an event stream" in done.err and "curl" in done.err


@pytest.mark.parametrize("cut", ["reset", "end"])
def test_an_answer_that_breaks_off_is_truncated(tail, cut):
    def script(exchange):
        exchange.send(HEAD)
        exchange.send_chunk(message("one"))
        exchange.hangs_up_within(0)
        getattr(exchange, cut)()

    with Upstream(script) as upstream:
        done = tail(upstream.url, "--prompt", "x")
    assert (done.status, done.err[:13]) == (TRUNCATED, "truncated in ")


def test_an_event_without_an_end_is_refused(tail):
    with Upstream(frames(b"data: " + bytes(17 * 1024 * 1024))) as upstream:
        done = tail(upstream.url)
    assert done.status == TRUNCATED and "larger than the limit" in done.err


def test_nobody_listens(tail):
    with nobody_listens() as url:
        done = tail(url)
    assert done.status == UNREACHABLE
    assert done.err.startswith("no connection in ") and "Does the server run" in done.err


def test_a_certificate_of_one_s_own_is_told_with_its_cure(tail, tmp_path):
    certificate = certificate_for("127.0.0.1", tmp_path)
    with Upstream(says("one"), tls=certificate.context) as upstream:
        done = tail(upstream.url)
    assert done.status == UNREACHABLE
    assert "For a certificate of your own: REQUESTS_CA_BUNDLE=issuer.pem." in done.err


def test_a_server_of_another_language(tail):
    def script(exchange):
        exchange.send("220 mail.example.org ready\r\n\r\n")
        exchange.end()

    with Upstream(script) as upstream:
        assert tail(upstream.url).status == UNREACHABLE


@pytest.mark.parametrize("script", [silence, silence_after("one")])
def test_silence_is_told_with_its_cure(tail, script):
    with Upstream(script) as upstream:
        done = tail(upstream.url, "--alive-timeout", "0.2", "--no-reconnect")
    assert done.status == TIMED_OUT
    assert "nothing for 0.2 s. --alive-timeout allows a longer silence." in done.err


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["x.org"], "does not begin with https:// or http:// and a host"),
        (["http://a..b"], "a..b"),
        (["http://x", "--header", "Cookie"], "has no colon"),
        (["http://x", "-d", "a", "--json", "{}"], "give one of"),
        (["http://x", "--json", "@/no/such/file"], "can't be read"),
        (["http://x", "--last-event-id", "a\nb"], "last_event_id"),
        (["http://x", "--alive-timeout", "-1"], "alive"),
        (["http://x", "--connect-timeout", "0"], "connect"),
        (["http://x", "--connect-timeout", "1e20"], "connect-timeout"),
        (["http://x", "--alive-timeout", "1e20"], "alive-timeout"),
        (["http://x", "--alive-timeout", "nan"], "alive_timeout"),
        (["http://x", "--verbose"], "verbose"),
        ([], "url"),
    ],
)
def test_a_call_that_can_t_work_is_refused(tail, arguments, complaint):
    done = tail(*arguments)
    assert done.status == USAGE
    assert complaint.lower() in done.err.lower()
    assert done.out == b""


# Coming back.


class Kept:
    """A server that keeps its answer, and breaks the first connection."""

    def __init__(self, *, resumes=True):
        self._resumes = resumes

    def __call__(self, exchange):
        if exchange.method == "POST":
            exchange.send(KEPT_HEAD)
            exchange.send_chunk(message("one ", 1) + message("two ", 2))
            exchange.reset()
        elif self._resumes:
            frames(message("three", 3), end_with(), head=KEPT_HEAD)(exchange)
        else:
            answer(410, '{"error":{"code":"expired","message":"Too late."}}')(exchange)


AT_ONCE = {"data": b"{}", "backoff": Backoff(first=0, longest=0)}


def test_a_broken_connection_is_resumed(capfdbinary):
    with Upstream(Kept()) as upstream:
        shown = show(upstream.url, AT_ONCE, False, True)
    assert capfdbinary.readouterr().out == b"one two three"
    assert (shown.verdict.status, shown.arrivals.reconnects) == (COMPLETE, 1)
    assert upstream.requests[1].headers["Last-Event-ID"] == f"{STREAM_ID}:2"


class Watched(NoLine):
    """A line that is seen by somebody: Ctrl-C comes when it says this."""

    is_live = True

    def __init__(self, pattern):
        self._pattern = pattern

    def draw(self, text):
        if re.search(self._pattern, text):
            raise KeyboardInterrupt


def seen(monkeypatch, pattern, script, *arguments):
    """The exit status of a call that ends when its line says this."""
    monkeypatch.setattr("flask_llmstream.tail.showing.line_for", lambda _: Watched(pattern))
    with Upstream(script) as upstream:
        return call(upstream.url, *arguments)


def breaks_and_is_silent(exchange):
    """Keeps its answer, breaks the first connection, and says nothing on the next."""
    script = Kept() if exchange.method == "POST" else silence
    script(exchange)


def test_the_line_says_that_it_reconnects_and_why(monkeypatch):
    told = r"reconnecting .* \| 2 tokens \| .* \| 1 reconnect \| The connection"
    assert seen(monkeypatch, told, breaks_and_is_silent, "-p", "x") == INTERRUPTED


def test_the_line_says_that_it_waits_for_the_response(monkeypatch):
    assert seen(monkeypatch, r"waiting for the response \d+\.\d s", silence) == INTERRUPTED


def test_the_line_says_that_it_waits_for_the_first_token(monkeypatch):
    script = silence_after()
    assert seen(monkeypatch, r"waiting for the first token \d", script) == INTERRUPTED


def test_an_answer_that_can_t_be_resumed_is_truncated(capfdbinary):
    with Upstream(Kept(resumes=False)) as upstream:
        shown = show(upstream.url, AT_ONCE, False, True)
    status, _, sentence, _ = shown.verdict
    assert status == TRUNCATED
    assert "could not be resumed" in sentence and "Too late." in sentence


def test_without_reconnecting_it_says_how_to_go_on(tail):
    with Upstream(Kept()) as upstream:
        done = tail(upstream.url + "/chat", "-p", "x", "--no-reconnect", "-H", "X-User: ada")
    assert (done.status, done.out) == (TRUNCATED, b"one two ")
    back = f"tail {upstream.url}/streams/{STREAM_ID} --last-event-id {STREAM_ID}:2"
    assert f"Its rest, with the same --header:\n  python -m flask_llmstream {back}\n" in done.err


def test_a_password_is_not_printed(tail):
    with Upstream(Kept()) as upstream:
        url = upstream.url.replace("//", "//me:secret@")
        done = tail(url, "-p", "x", "--no-reconnect")
    assert done.status == TRUNCATED and "secret" not in done.err
    assert "Its rest, with the same login in the URL:\n" in done.err
    assert f" {upstream.url.replace('/v1', '')}/streams/" in done.err


def test_ctrl_c_while_it_ends_is_no_other_status(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("flask_llmstream.tail.showing.summary", interrupted)
    with Upstream(says("one")) as upstream:
        assert call(upstream.url) == INTERRUPTED


def test_it_begins_behind_an_event(tail):
    with Upstream(Kept()) as upstream:
        url = f"{upstream.url}/streams/{STREAM_ID}"
        done = tail(url, "--last-event-id", f"{STREAM_ID}:2")
    assert (done.status, done.out) == (COMPLETE, b"three")
    assert upstream.requests[0].headers["Last-Event-ID"] == f"{STREAM_ID}:2"


def test_what_was_read_and_not_shown_is_a_part_of_the_rest(monkeypatch):
    class Interrupted(Output):
        """Ctrl-C comes when the second text is to be printed."""

        def text(self, text):
            if text == "two ":
                raise KeyboardInterrupt

    monkeypatch.setattr("flask_llmstream.tail.showing.Output", Interrupted)
    with Upstream(Kept()) as upstream:
        shown = show(upstream.url, {"data": b"{}", "max_tries": 0}, False, True)
    assert (shown.verdict.status, shown.last_event_id) == (INTERRUPTED, f"{STREAM_ID}:1")


# What is sent.


def test_without_a_body_it_is_a_get(tail):
    with Upstream(says("one")) as upstream:
        tail(upstream.url)
    (request,) = upstream.requests
    assert (request.method, request.headers["Accept"]) == ("GET", "text/event-stream")


@pytest.mark.parametrize(
    "arguments, kind, body",
    [
        (["-p", "Hi"], "application/json", b'{"prompt": "Hi"}'),
        (["--json", '{"a":1}'], "application/json", b'{"a":1}'),
        (["-d", "a=1", "-d", "b=2"], "application/x-www-form-urlencoded", b"a=1&b=2"),
        (["-d", "{}", "-H", "Content-Type: application/json"], "application/json", b"{}"),
    ],
)
def test_with_a_body_it_is_a_post(tail, arguments, kind, body):
    with Upstream(says("one")) as upstream:
        tail(upstream.url, *arguments)
    (request,) = upstream.requests
    assert (request.method, request.headers["Content-Type"], request.body) == ("POST", kind, body)


def test_headers_are_sent(tail):
    with Upstream(says("one")) as upstream:
        tail(upstream.url, "-H", "X-User: ada", "-H", "Accept: */*")
    (request,) = upstream.requests
    assert (request.headers["X-User"], request.headers["Accept"]) == ("ada", "*/*")


# What is printed besides.


def test_quiet_tells_nothing_of_what_went_well(tail):
    with Upstream(says("one")) as upstream:
        assert tail(upstream.url, "-q").err == ""


def test_quiet_tells_what_went_wrong(tail):
    with nobody_listens() as url:
        assert tail(url, "-q").err.startswith("The server can't be reached: ")


def test_timing_shows_the_gaps(tail):
    with Upstream(says("one ", "two ", "three")) as upstream:
        done = tail(upstream.url, "-q", "--timing")
    assert re.match(r"2 gaps between tokens: median .*\n( +< .*\n)+\Z", done.err)


def test_events_shows_the_frames(tail):
    parts = [": beat\n\n", b"data: \xff\x1b[2J \n\n", "foo: 1\n", "\n", "data: [DONE]\n\n"]
    with Upstream(frames(*parts)) as upstream:
        done = tail(upstream.url, "--events", "--no-reconnect")
    lines = re.sub(r"(?m)^ +\d+\.\d{3} +\+\d+\.\d{3}  ", "", done.out.decode()).splitlines()
    assert [line.lstrip(" ") for line in lines] == [
        ": beat", "", "data: \\xff\\x1b[2J ", "", "foo: 1", "", "data: [DONE]", "",
    ]  # fmt: skip


def test_events_shows_where_a_connection_broke(tail):
    def script(exchange):
        exchange.send(HEAD)
        exchange.send_chunk(message("one") + 'data: {"en')
        exchange.end()

    with Upstream(script) as upstream:
        done = tail(upstream.url, "-p", "x", "--events")
    assert done.out.decode().endswith('data: {"en  (the connection ended here)\n')
    assert done.status == TRUNCATED


# Its words.


def test_help_has_each_exit_status(tail):
    done = tail("--help")
    assert done.status == 0 and done.out.isascii()
    words = " ".join(done.out.decode().split())
    assert all(f" {status} {meaning}" in words for status, meaning in STATUSES.items())


def test_the_docs_have_each_exit_status():
    page = (ROOT / "docs" / "tail.md").read_text("utf-8")
    assert all(f"| {status} | {meaning}" in page for status, meaning in STATUSES.items())


def test_the_docs_have_each_option():
    page = (ROOT / "docs" / "tail.md").read_text("utf-8")
    names = [name for parameter in command.params for name in parameter.opts if name[0] == "-"]
    assert len(names) > 10
    assert [name for name in names if not re.search(rf"^\| .*`{name}\b.*\|", page, re.M)] == []


def test_an_exit_status_has_one_meaning():
    names = [name for name in vars(verdict) if name.isupper() and not name.startswith("_")]
    numbers = [value for name in names for value in [getattr(verdict, name)] if type(value) is int]
    assert sorted(numbers) == sorted(STATUSES)
