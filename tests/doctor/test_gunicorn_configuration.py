"""gunicorn's configuration, read by gunicorn itself: file, environment and command line."""

from __future__ import annotations

import os
import sys

import pytest

from flask_llmstream.doctor.gunicorn import read_gunicorn


@pytest.fixture(autouse=True)
def an_empty_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GUNICORN_CMD_ARGS", raising=False)


@pytest.fixture
def conf(tmp_path):
    """Write the configuration file that gunicorn finds by itself."""

    def write(*lines, name="gunicorn.conf.py"):
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")

    return write


def test_where_nothing_tells_of_it_there_is_nothing():
    assert read_gunicorn(None, None) is None


def test_its_file_is_found_where_gunicorn_finds_it(conf):
    conf('worker_class = "gthread"', "threads = 8", "workers = 3", "timeout = 5")
    gunicorn = read_gunicorn(None, None)
    assert (gunicorn.kind, gunicorn.threads, gunicorn.workers) == ("gthread", 8, 3)
    assert (gunicorn.timeout, gunicorn.file) == (5, "gunicorn.conf.py")


def test_another_file_can_be_named(conf):
    conf("workers = 7", name="production.py")
    assert read_gunicorn(None, "production.py").workers == 7


def test_its_defaults_are_gunicorn_s():
    gunicorn = read_gunicorn("app:app", None)
    assert (gunicorn.kind, gunicorn.workers, gunicorn.timeout) == ("sync", 1, 30)
    assert (gunicorn.file, gunicorn.preload_app, gunicorn.drains) == ("", False, False)
    assert gunicorn.version


@pytest.mark.parametrize(
    "command",
    [
        "-k gevent -w 2 app:app",
        "gunicorn -k gevent -w 2 app:app",
        "exec /srv/venv/bin/gunicorn --worker-class=gevent --workers 2 'app:create()'",
        "PORT=80 gunicorn -kgevent -w2 app:app",
        "python -m gunicorn -k gevent -w 2 app:app",
    ],
)
def test_a_command_line_is_taken_as_it_stands_in_a_unit_file(command):
    gunicorn = read_gunicorn(command, None)
    assert (gunicorn.kind, gunicorn.workers) == ("gevent", 2)


def test_the_environment_s_arguments_count(monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--threads 4")
    gunicorn = read_gunicorn(None, None)
    assert (gunicorn.kind, gunicorn.threads) == ("gthread", 4)


def test_the_command_line_has_the_last_word_and_its_mend_is_there(conf):
    conf('worker_class = "sync"', "timeout = 5")
    gunicorn = read_gunicorn("-k gthread app:app", None)
    assert gunicorn.kind == "gthread"
    mend = gunicorn.fix("worker_class", "gevent")
    assert (mend.line, mend.where) == ("--worker-class gevent", "gunicorn's command line")
    mend = gunicorn.fix("timeout", 30)
    assert (mend.line, mend.where) == ("timeout = 30", "gunicorn.conf.py")


def test_without_a_file_the_mend_is_on_the_command_line():
    assert read_gunicorn("app:app", None).fix("timeout", 0).line == "--timeout 0"


def test_a_worker_class_of_one_s_own_is_of_its_parent_s_kind(conf):
    conf(
        "from gunicorn.workers.gthread import ThreadWorker",
        "class Mine(ThreadWorker): pass",
        "worker_class = Mine",
    )
    gunicorn = read_gunicorn(None, None)
    assert (gunicorn.kind, gunicorn.worker_class) == ("gthread", "Mine")


def test_another_worker_class_is_of_no_kind_that_is_known(conf):
    conf("from gunicorn.workers.base import Worker", "worker_class = type('Mine', (Worker,), {})")
    assert read_gunicorn(None, None).kind == "other"


def test_a_worker_class_that_is_not_there_is_told_with_its_error():
    gunicorn = read_gunicorn("-k no_such_shop.Worker app:app", None)
    assert gunicorn.kind == "" and "No module named 'no_such_shop'" in gunicorn.trouble


def test_that_a_file_patches_is_seen(conf):
    conf("from gevent import monkey; monkey.patch_all()")
    assert read_gunicorn(None, None).patches
    conf("")
    assert not read_gunicorn(None, None).patches


def test_what_a_file_imports_before_its_gevent_worker_patches_is_seen(conf):
    conf("import requests", 'worker_class = "gevent"')
    assert "urllib3.util.ssl_ (ssl.SSLContext)" in map(str, read_gunicorn(None, None).leaked)
    conf('worker_class = "gevent"')
    assert read_gunicorn(None, None).leaked == ()


def test_that_workers_drain_is_seen(conf):
    conf("from flask_llmstream.gunicorn import post_worker_init")
    assert read_gunicorn(None, None).drains


@pytest.mark.parametrize(
    "lines, refusal",
    [
        (["timeout = 'soon'"], "'soon'"),
        (["raise KeyError('PORT')"], "KeyError: 'PORT'"),
        (["def"], "SyntaxError: invalid syntax"),
    ],
)
def test_a_file_that_gunicorn_refuses_is_told_with_its_reason(conf, lines, refusal):
    conf(*lines)
    assert refusal in read_gunicorn(None, None).refusal


@pytest.mark.parametrize(
    "command, file, refusal",
    [
        ("--wokers 3 app:app", None, "unrecognized arguments: --wokers"),
        ("app:app 'oops", None, "No closing quotation"),
        (None, "nowhere.py", "'nowhere.py' doesn't exist"),
    ],
)
def test_a_command_line_that_can_t_work_is_told_with_its_reason(command, file, refusal):
    assert refusal in read_gunicorn(command, file).refusal


def test_a_file_that_comes_to_no_end_is_not_waited_for(conf, monkeypatch):
    monkeypatch.setattr("flask_llmstream.doctor.gunicorn.PATIENCE", 0.2)
    conf("import threading", "threading.Event().wait()")
    assert "was not read within" in read_gunicorn(None, None).refusal


def test_where_gunicorn_is_not_installed_that_is_said(conf, monkeypatch):
    monkeypatch.setitem(sys.modules, "gunicorn", None)
    conf("workers = 3")
    assert not read_gunicorn(None, None).installed


def test_what_a_file_does_beside_is_its_own_affair(conf):
    """It prints, starts a thread that never ends, and leaves without cleaning up."""
    conf(
        "import threading, sys",
        "print('hello')",
        "threading.Thread(target=threading.Event().wait).start()",
        "workers = 3",
    )
    assert read_gunicorn(None, None).workers == 3


def test_nothing_of_it_happens_in_this_process(conf):
    conf("import os", "os.environ['LEAKED_BY_GUNICORN'] = 'yes'")
    assert not read_gunicorn(None, None).refusal
    assert "LEAKED_BY_GUNICORN" not in os.environ
