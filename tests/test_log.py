"""The caller of a log goes on: no error of a handler, a filter or a formatter reaches it."""

from __future__ import annotations

import io
import logging
import os
import sys

import gevent
import pytest

from flask_llmstream.log import Log, log_of
from tests.support.unshowable import UNSHOWABLE


class Failing(logging.Handler):
    """A handler that raises in one place or another.

    :param part: the method that raises.
    """

    def __init__(self, part, error):
        super().__init__()
        self._error = error
        setattr(self, part, self._fail)

    def _fail(self, record):
        raise self._error


class FailingFormatter(logging.Formatter):
    def format(self, record):
        raise LookupError("no form")


class Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def logger():
    return logging.Logger("of a test")  # known to nobody else


@pytest.fixture
def log(logger):
    return Log(lambda: logger)


@pytest.fixture
def kept(logger):
    handler = Kept()
    logger.addHandler(handler)
    return handler


def say_all(log):
    log.info("all is well")
    log.warning("of %s", "something")
    log.error(LookupError("gone"), "it failed")
    try:
        raise LookupError("gone")
    except LookupError:
        log.exception("it failed")


@pytest.mark.parametrize("error", [LookupError("full"), gevent.Timeout(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("part", ["emit", "filter", "handle"])
def test_a_handler_that_raises_is_told_of_on_stderr(logger, log, capsys, part, error):
    logger.addHandler(Failing(part, error))
    say_all(log)
    said = capsys.readouterr().err
    assert said.count("Logging error") == 4
    assert "all is well" in said


def test_so_is_a_filter_of_the_logger(logger, log, capsys):
    class Filter(logging.Filter):
        def filter(self, record):
            raise LookupError("the filter")

    logger.addFilter(Filter())
    say_all(log)
    assert capsys.readouterr().err.count("LookupError: the filter") == 4


def test_and_a_formatter(logger, log, capsys):
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(FailingFormatter())
    logger.addHandler(handler)
    say_all(log)
    assert capsys.readouterr().err.count("Logging error") == 4


def test_and_a_logger_that_can_t_be_had(capsys):
    class App:
        @property
        def logger(self):
            raise LookupError("no logger")

    say_all(log_of(App()))
    assert capsys.readouterr().err.count("LookupError: no logger") == 4


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def full():
    return open("/dev/full", "w", buffering=1) if os.path.exists("/dev/full") else closed()


@pytest.mark.parametrize("make", [closed, full, lambda: None], ids=["closed", "full", "none"])
def test_where_stderr_fails_as_well_nobody_is_told(logger, log, monkeypatch, make):
    logger.addHandler(Failing("emit", LookupError("gone")))
    stderr = make()
    with monkeypatch.context() as changed:
        changed.setattr(sys, "stderr", stderr)
        say_all(log)
    if stderr is not None and not stderr.closed:
        with pytest.raises(OSError):
            stderr.close()


def test_who_has_logging_keep_quiet_is_told_nothing(logger, log, monkeypatch, capsys):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.addHandler(Failing("emit", LookupError("gone")))
    say_all(log)
    assert capsys.readouterr().err == ""


def test_a_record_names_the_line_that_logged_it(log, kept):
    say_all(log)
    log.isolated(lambda: 1 / 0, "it failed")
    names = ["say_all"] * 4 + ["test_a_record_names_the_line_that_logged_it"]
    assert [record.funcName for record in kept.records] == names


def test_what_is_isolated_is_logged_and_harms_nobody(log, kept):
    def fail():
        raise gevent.Timeout

    log.isolated(fail, "the call of %s failed", "somebody")
    (record,) = kept.records
    assert record.getMessage() == "the call of somebody failed"
    assert record.exc_info[0] is gevent.Timeout


@pytest.mark.parametrize("kind", UNSHOWABLE)
def test_an_exception_that_cant_be_shown_is_logged_with_its_class_and_its_traceback(
    logger, log, kept, kind
):
    def raising():
        raise kind

    log.isolated(raising, "it failed")
    (record,) = kept.records
    shown = logging.Formatter().format(record)
    assert kind.__name__ in shown
    assert "in raising" in shown


@pytest.mark.parametrize("kind", UNSHOWABLE)
def test_nor_does_one_behind_another_keep_that_from_being_shown(logger, log, kept, kind):
    def raising():
        try:
            raise kind
        except BaseException:
            raise KeyError("in the handler")

    log.isolated(raising, "it failed")
    (record,) = kept.records
    assert "KeyError" in logging.Formatter().format(record)
