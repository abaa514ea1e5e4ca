"""An answer that failed, was cut or said nothing never looks whole; a whole one never fails."""

from __future__ import annotations

import json

import pytest

from flask_llmstream.errors import ProviderError
from flask_llmstream.providers import OpenAICompatible
from flask_llmstream.providers.upstream.part import MAX_PART_BYTES
from flask_llmstream.records import Usage
from tests.providers.asking import CHAT, ask, failure
from tests.providers.openai_parts import part, whole
from tests.support.upstream import HEAD, Upstream, answer, events

TEXT = part({"content": "Half"})
STOP = part({}, "stop")
WORDS = "context-window-exceeded"
ERROR = {"message": WORDS, "code": 400}


def stream(*pieces):
    """A script that sends these pieces of an event stream: bytes as they are, values as events."""

    def script(exchange):
        exchange.send(HEAD)
        for piece in pieces:
            if isinstance(piece, bytes):
                exchange.send_chunk(piece)
            else:
                exchange.send_event(piece)
        exchange.send("0\r\n\r\n")

    return script


def error_of(script, **options):
    with Upstream(script) as upstream:
        return failure(OpenAICompatible(upstream.url, retries=0, **options), CHAT)


def said(script):
    with Upstream(script) as upstream:
        return ask(OpenAICompatible(upstream.url), CHAT)


HIDDEN = {
    "in a field": b'error: {"message": "%s"}\n\n' % WORDS.encode(),
    "in a field without an end": b"error: %s" % WORDS.encode(),
    "in a line without a field": b'{"error": {"message": "%s"}}\n' % WORDS.encode(),
    "in a list without a field": b'[{"error": {"message": "%s"}}]\n' % WORDS.encode(),
    "in an event error": b'event: error\ndata: {"message": "%s"}\n\n' % WORDS.encode(),
    "in an event error, as text": b"event: error\ndata: %s\n\n" % WORDS.encode(),
    "in another event": b"event: upstream_failed\ndata: %s\n\n" % WORDS.encode(),
    "on the choice": part(choice={"error": ERROR}),
    "on the delta": part({"error": ERROR}),
    "on the message": whole({"error": ERROR}),
    "in x_groq": part(x_groq={"error": WORDS}),
    "beside the text": part({"content": "more"}, error=ERROR),
    "in a list": [{"error": ERROR}],
    "as the part": {"object": "error", "message": WORDS},
    "with a type": {"type": "error", "message": WORDS},
    "with an error's names": {"choices": None, "error_type": "BadRequest", "error_message": WORDS},
    "as errors": {"success": False, "errors": [ERROR]},
    "as a detail": {"detail": WORDS},
    "as a message": {"code": 1305, "message": WORDS},
    "as MiniMax does": {"base_resp": {"status_code": 1004, "status_msg": WORDS}},
}


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN.keys())
@pytest.mark.parametrize("before", [[], [TEXT]], ids=["first", "later"])
@pytest.mark.parametrize("after", [[], [STOP, "[DONE]"]], ids=["last", "before an end"])
def test_an_error_is_found_wherever_it_hides(hidden, before, after):
    error = error_of(stream(*before, hidden, *after))
    assert WORDS in f"{error} {error.__cause__}"


def test_an_event_error_needs_no_data():
    error = error_of(stream(TEXT, b"event: error\n\n", STOP, "[DONE]"))
    assert error.code == "provider_error"


@pytest.mark.parametrize("nothing", [None, "", {}, [], False, 0, {"code": 0, "message": ""}])
def test_an_error_that_says_nothing_is_none(nothing):
    assert said(stream(part({"content": "a"}, error=nothing), STOP))[0] == "a"


WORDS_OF_FAILURE = ["error", "Failed", "abort", "cancelled", "timeout", "network_error",
                    "insufficient_system_resource", "MALFORMED_FUNCTION_CALL",
                    "function_call_filter: MALFORMED_FUNCTION_CALL"]  # fmt: skip


@pytest.mark.parametrize("word", WORDS_OF_FAILURE)
def test_a_reason_may_tell_a_failure(word):
    with Upstream(stream(TEXT, part({"content": "!"}, word), "[DONE]")) as upstream:
        deltas = iter(OpenAICompatible(upstream.url).stream(CHAT))
        assert [next(deltas), next(deltas)] == ["Half", "!"]
        with pytest.raises(ProviderError) as error:
            next(deltas)
    assert word in str(error.value.__cause__)


@pytest.mark.parametrize("word", ["stop", "length", "content_filter", "tool_calls", "eos_token"])
def test_other_reasons_are_none(word):
    assert said(stream(TEXT, part({}, word))) == ["Half", Usage(finish_reason=word)]


@pytest.mark.parametrize("reason", ["", None, "null"])
def test_an_empty_reason_is_no_end(reason):
    assert error_of(stream(part({"content": "a"}, reason))).code == "truncated"


@pytest.mark.parametrize("done", [b"data: [DONE]\n\n", b"data:[DONE]", b'data: "[DONE]"\n\n'])
def test_done_is_an_end_in_each_spelling(done):
    assert said(stream(TEXT, done)) == ["Half", Usage()]


def test_nothing_is_read_behind_it():
    assert said(stream(TEXT, "[DONE]", b"data: <html>\n\n")) == ["Half", Usage()]


SILENT = [[], [part({"role": "assistant"})], [{"choices": []}], [part(system_fingerprint="f")],
          [{"choices": [{"index": 1, "delta": {"content": "another"}}]}]]  # fmt: skip


@pytest.mark.parametrize("parts", SILENT)
def test_done_behind_nothing_is_no_answer(parts):
    assert "had said nothing" in str(error_of(stream(*parts, "[DONE]")))


def test_a_reason_is_an_answer_also_without_text():
    assert said(stream(part({}, "length"))) == [Usage(finish_reason="length")]


@pytest.mark.parametrize(
    "notice",
    [
        b": OPENROUTER PROCESSING\n\n",
        b"data:\n\n",
        b"data:  \n\n",
        b"data: null\n\n",
        b"data: {}\n\n",
        b"data: ping\n\n",
        b"data: : keep-alive\n\n",
        b"event: keepalive\n\n",
        b"event: ping\ndata: 2026-01-01\n\n",
        b'event: ping\ndata: {"type": "ping", "cost": "0"}\n\n',
        b"retry: 3000\n\n",
        b'data: {"type": "status", "message": "loading"}\n\n',
    ],
)
def test_what_is_no_part_of_the_answer_is_skipped(notice):
    assert said(stream(notice, TEXT, notice, STOP, notice, "[DONE]")) == ["Half", Usage()]


def test_a_last_event_needs_no_blank_line():
    last = b"data: " + json.dumps(part({"content": "."}, "stop")).encode()
    assert said(stream(TEXT, last)) == ["Half", ".", Usage()]


def test_a_picture_in_one_part_is_kept():
    picture = {"images": [{"image_url": {"url": "data:image/png;base64," + "A" * 3_000_000}}]}
    delta = said(stream(part(picture), STOP))[0]
    assert delta.extra == picture


@pytest.mark.parametrize("label", ["text/event-stream", "application/json"])
def test_a_part_beyond_the_bound_is_told_with_its_size(label):
    opening = b"data: " if label == "text/event-stream" else b'{"choices": "'
    body = opening + b"x" * MAX_PART_BYTES
    error = error_of(answer(200, body, content_type=label))
    assert (error.code, error.status) == ("answer_too_large", 502)
    assert "16 MiB" in str(error)


WHOLE = json.dumps(whole({"role": "assistant", "content": 'He said: "{}"'}))


def cut(body, content_type):
    """A body without its end, and the end of the connection."""

    def script(exchange):
        exchange.send(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n")
        exchange.send(body)
        exchange.end()

    return script


@pytest.mark.parametrize("length", range(1, len(WHOLE), 7))
def test_json_that_was_cut_is_truncated(length):
    error = error_of(cut(WHOLE[:length], "application/json"))
    assert (error.status, error.code) == (502, "truncated")


def silent_after(body):
    def script(exchange):
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)
        exchange.wait_for_hang_up()

    return script


def test_json_that_never_ends_is_a_silence():
    error = error_of(silent_after(WHOLE[:-5]), read_timeout=0.1)
    assert (error.status, error.code) == (504, "provider_timeout")


def test_json_that_is_whole_needs_no_end_of_the_body():
    with Upstream(silent_after(WHOLE)) as upstream:
        provider = OpenAICompatible(upstream.url, read_timeout=0.1)
        assert ask(provider, CHAT)[0] == 'He said: "{}"'


@pytest.mark.parametrize("choices", [None, [], "x", [{"message": {"content": None}}]])
def test_json_that_says_nothing_is_no_answer(choices):
    assert error_of(answer(200, json.dumps({"choices": choices}))).code == "provider_answer"


STREAM = b"".join(
    b"data: " + json.dumps(each).encode() + b"\n\n"
    for each in (part({"role": "assistant"}), TEXT, part({"content": " and half"}))
)
END = STREAM + b"data: " + json.dumps(STOP).encode()


@pytest.mark.parametrize("length", [*range(0, len(END), 11), len(END) - 1])
def test_a_stream_that_was_cut_anywhere_is_truncated(length):
    assert error_of(cut(END[:length], "text/event-stream")).code == "truncated"


def test_a_part_that_is_nested_too_deeply_is_none():
    deep = '{"choices": [{"delta": {"x": ' + "[" * 400 + "]" * 400 + "}}]}"
    assert error_of(events(deep)).code == "provider_answer"
