"""Foreign text makes no line of its own in a log, and moves no cursor of a terminal."""

from __future__ import annotations

import io
import json
import logging
import sys
import traceback
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream import (
    CallableProvider,
    EventStreamMiddleware,
    LLMStream,
    OpenAICompatible,
    StreamError,
)
from flask_llmstream.exceptions.printable import printable, printable_traceback
from flask_llmstream.log import Log
from tests.support.answers import Answer
from tests.support.runtimes import wait_for_worker_threads
from tests.support.upstream import Upstream
from tests.support.upstream import answer as refused

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
COMMANDS = "\0\b\t\x1b\x7f\x9b\u200b\u202e\u2066\ufeff\U000e0041\ud83d"
nasty = st.sampled_from(LINE_ENDS + COMMANDS)
texts = st.text(st.characters() | nasty)

FORGED = "\nERROR root a forged line\x1b[2K\r\u2028\x85\x9b31m\u202e\ud83d"


def logged(text):
    """Whether a log has the forged text, and no line or control character too many."""
    assert "a forged line" in text
    assert all(map(str.isprintable, text.rstrip("\n").split("\n")))
    return not any(line.startswith("ERROR root") for line in text.split("\n"))


# A text.


@given(texts)
def test_whatever_it_was_it_can_be_printed_in_one_line(text):
    assert printable(text).isprintable()


@pytest.mark.parametrize("text", ["", "你好 🚀 äöü", "C:\\new\\table", "a 'quoted' \"word\""])
def test_what_can_be_printed_is_left_alone(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    "text, shown",
    [("a\nb", "a\\nb"), ("\x1b[2K", "\\x1b[2K"), ("\u2028", "\\u2028"), ("\ud83d", "\\ud83d")],
)
def test_what_can_t_is_written_as_python_writes_it(text, shown):
    assert printable(text) == shown


def test_no_control_character_and_no_line_end_prints():
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    them = [chr(code) for code in range(sys.maxunicode + 1)]
    them = [one for one in them if unicodedata.category(one) in kinds]
    assert set(LINE_ENDS + COMMANDS) <= set(them)
    assert all(printable(one) == repr(one)[1:-1] for one in them)


# A traceback.


@pytest.mark.parametrize("text", ["gone", "你好 🚀", ""])
def test_a_traceback_that_can_be_printed_is_left_to_whoever_prints_it(text):
    assert printable_traceback(LookupError(text)) is None


class Named(Exception):
    """Python shows its module before its name."""


def raised(error):
    try:
        raise error
    except BaseException as caught:
        return caught


STRUCTURE = (
    "Traceback (most recent call last):",
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)


@given(st.lists(texts, min_size=1, max_size=3), st.booleans(), texts)
def test_of_a_chain_each_exception_begins_one_line_and_no_text_another(said, causes, note):
    error = None
    for text in said:
        inner, error = error, raised(Named(text))
        error.__notes__ = [note]
        error.__context__ = inner
        if causes:
            error.__cause__ = inner
    shown = printable_traceback(error) or "".join(
        traceback.format_exception(type(error), error, error.__traceback__)
    )
    lines = shown.rstrip("\n").split("\n")
    assert all(map(str.isprintable, lines))
    begun = [line for line in lines if line and line[0] != " " and line not in STRUCTURE]
    assert len(begun) == len(said)
    assert all(line.startswith(f"{__name__}.Named") for line in begun)


def test_its_lines_stay_lines_indented():
    shown = printable_traceback(raised(LookupError("no row\n[SQL: select]")))
    assert shown.endswith("LookupError: no row\n    [SQL: select]")
    assert "    raise error" in shown


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups of exceptions")
def test_those_in_a_group_are_shown_with_it():
    group = ExceptionGroup("several", [LookupError(FORGED)])  # noqa: F821
    assert logged(printable_traceback(raised(group)))


# A line of the log.


@pytest.fixture(scope="module")
def written():
    """The text that a function writes to a log."""

    def written(say):
        out, logger = io.StringIO(), logging.Logger("of a test")
        handler = logging.StreamHandler(out)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logger.addHandler(handler)
        say(Log(lambda: logger))
        return out.getvalue()

    return written


@given(texts, texts)
def test_whatever_is_said_in_a_record_is_one_line(written, one, two):
    text = written(lambda log: log.warning("the %s of %s", one, two))
    assert text.endswith("\n") and text[:-1].isprintable()


def test_numbers_are_formatted_as_ever(written):
    text = written(lambda log: log.info("%d items, %.1f s, %s", 3, 1.25, None))
    assert text == "INFO 3 items, 1.2 s, None\n"


@given(texts)
def test_an_exception_says_nothing_at_the_beginning_of_a_line(written, text):
    error = raised(LookupError(text))
    lines = written(lambda log: log.error(error, "it failed")).rstrip("\n").split("\n")
    assert all(map(str.isprintable, lines))
    begun = [line.split(" ")[0] for line in lines if not line.startswith(" ")]
    assert begun == ["ERROR", "Traceback", begun[-1]] and begun[-1].startswith("LookupError")


def test_a_record_keeps_its_exception_for_those_who_know_it_by_that():
    kept = []
    logger = logging.Logger("of a test")
    logger.addFilter(lambda record: kept.append(record) or True)
    error = raised(LookupError(FORGED))
    for _ in range(2):
        Log(lambda: logger).error(error, "it failed")
    assert [record.exc_info[1] for record in kept] == [error, error]
    assert len(logger.filters) == 2


def test_a_logger_of_an_application_s_own_is_told_as_well():
    told = []

    class Own:
        def log(self, level, message, *arguments, exc_info, stacklevel):
            told.append(traceback.format_exception(*exc_info))

    Log(Own).error(raised(LookupError(FORGED)), "it failed")
    assert logged("".join(told[0]))


# What a client sends, and a model's server.


@pytest.fixture
def log_file(caplog):
    """Everything that is logged, as it is written to a file or a terminal."""
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def text():
        wait_for_worker_threads()
        return caplog.text

    return text


def test_a_path_that_was_refused(app, log_file):
    @app.route("/<path:name>")
    def view(name):
        raise StreamError("Closed.", status=503)

    with Answer(app, f"/{FORGED[:-1]}") as answer:
        answer.rest()
    assert answer.status == 503
    assert logged(log_file())


def test_words_that_a_refusal_repeats(app, log_file):
    @app.route("/<path:name>")
    def view(name):
        raise StreamError(f"There is no {name}.", status=404)

    with Answer(app, f"/{FORGED[:-1]}") as answer:
        answer.rest()
    assert logged(log_file())


@pytest.mark.parametrize("kind", [StreamError, LookupError, KeyError])
def test_an_exception_that_a_prompt_brought_about(make_app, log_file, kind):
    def answer(request):
        raise kind(request.prompt)

    app = make_app(LLMStream(providers={"model": CallableProvider(answer)}))
    request = {"prompt": FORGED}
    with Answer(app, "/v1/chat/completions", method="POST", json=request) as answer:
        answer.rest()
    assert answer.status >= 500
    assert logged(log_file())


def test_the_words_of_a_model_s_server(make_app, log_file):
    refusal = json.dumps({"error": {"message": f"bad{FORGED}"}})
    with Upstream(refused(400, refusal)) as upstream:
        app = make_app(LLMStream(providers={"model": OpenAICompatible(upstream.url)}))
        with Answer(app, "/v1/chat/stream?prompt=Hello") as answer:
            answer.rest()
    assert answer.status == 400
    assert logged(log_file())


def test_a_method_that_there_is_not(log_file):
    def failing(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        yield b"data: one\n\n"
        raise LookupError("gone")

    environ = {"REQUEST_METHOD": f"GET{FORGED[:-1]}", "PATH_INFO": "/", "SERVER_NAME": "here"}
    environ.update({"wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(), "SERVER_PORT": "1"})
    environ.update({"wsgi.url_scheme": "http"})
    answer = EventStreamMiddleware(failing)(environ, lambda *start: None)
    b"".join(answer)
    answer.close()
    assert logged(log_file())
