"""The command in a process of its own: signals, pipes, and the ways to call it."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from time import monotonic

import pytest

from flask_llmstream.__main__ import main
from flask_llmstream.tail.verdict import COMPLETE, INTERRUPTED, TERMINATED, UNREAD
from tests.support.eventually import eventually
from tests.support.programs import ROOT
from tests.support.upstream import HANG_GUARD, HEAD, Upstream
from tests.tail.calls import KEPT_HEAD, STREAM_ID, message, says


def run(*command, **options):
    """Start a process of this Python, in a terminal that has the size of none."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    variables.update(options.pop("variables", {}), COLUMNS="", LINES="")
    return subprocess.Popen([sys.executable, "-m", *command], env=variables, **options)


def endless(exchange):
    """Sends until nobody reads."""
    exchange.send(HEAD)
    with suppress(OSError):
        while True:
            exchange.send_chunk(message("more and more and more and more"))


def kept(exchange):
    """Sends two words of an answer that is kept, and then nothing."""
    exchange.send(KEPT_HEAD)
    exchange.send_chunk(message("one ", 1) + message("two ", 2))
    exchange.wait_for_hang_up()


class Terminal:
    """A terminal, and a process in it."""

    def __init__(self, process, descriptor):
        self.process = process
        self.shown = b""
        self._descriptor = descriptor

    def read_until(self, pattern):
        """What is shown until this is."""
        deadline = monotonic() + HANG_GUARD
        while not re.search(pattern, self.shown):
            assert monotonic() < deadline, self.shown
            assert select.select([self._descriptor], [], [], HANG_GUARD)[0], self.shown
            self.shown += os.read(self._descriptor, 65536)
        shown, self.shown = self.shown, b""
        return shown

    def read(self):
        """What is shown until the end of the process."""
        with suppress(OSError):  # Linux says so that nobody has the terminal open
            while select.select([self._descriptor], [], [], HANG_GUARD)[0]:
                self.shown += os.read(self._descriptor, 65536)
        self.process.wait(HANG_GUARD)
        return self.shown


@contextmanager
def on_terminal(*arguments):
    """Run the command in a terminal of its own."""
    ours, theirs = pty.openpty()
    # In a group of its own, as a shell starts it: Ctrl-Z stops no group that nobody can wake.
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    process = run("flask_llmstream", "tail", *arguments, **streams, preexec_fn=os.setpgrp)
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)


WHOLE, UPPER = b"\x1b[r", b"\x1b[1;23r"
"""The terminal's scrolling region: all of it, and all but the last row."""


def test_ctrl_c_ends_it_at_once_and_says_how_to_go_on():
    with Upstream(kept) as upstream, on_terminal(upstream.url, "-p", "x") as terminal:
        terminal.read_until(b"2 tokens")
        terminal.process.send_signal(signal.SIGINT)
        shown = terminal.read()
        assert upstream.hung_up.wait(HANG_GUARD)
    assert terminal.process.returncode == INTERRUPTED
    assert re.search(rb"\ninterrupted in .* \| 2 tokens", shown)
    back = f"{upstream.url.replace('/v1', '')}/streams/{STREAM_ID} --last-event-id {STREAM_ID}:2"
    told = f"Its rest:\r\n  python -m flask_llmstream tail {back}\r\n"
    assert shown.endswith(told.encode()) and shown.count(WHOLE) == 1


HANGING = """
import os, socket, time
def hang(*arguments, **options):
    os.write(1, b"looked up\\n")  # print() has a lock, which the end of the process must not meet
    time.sleep(600)
socket.getaddrinfo = hang
from flask_llmstream.__main__ import main
main(["tail", "http://slow.test/"])
"""


def test_ctrl_c_while_a_name_is_looked_up_ends_it_too():
    arguments = [sys.executable, "-c", HANGING]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"looked up\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG_GUARD) == INTERRUPTED


def test_ctrl_z_gives_the_terminal_back_and_takes_it_again_later():
    with Upstream(kept) as upstream, on_terminal(upstream.url) as terminal:
        terminal.read_until(b"2 tokens")
        terminal.process.send_signal(signal.SIGTSTP)
        eventually(lambda: os.waitpid(terminal.process.pid, os.WUNTRACED | os.WNOHANG)[0])
        assert UPPER not in terminal.read_until(re.escape(WHOLE))
        terminal.process.send_signal(signal.SIGCONT)
        terminal.read_until(re.escape(UPPER))
        terminal.process.send_signal(signal.SIGTERM)
        assert WHOLE in terminal.read()
    assert terminal.process.returncode == TERMINATED


DRAWING = """
import os, signal
from flask_llmstream.tail.terminal import line_for
line = line_for(True)
def erase(*arguments):
    os.write(1, b"!")
    line.erase()
    os._exit(0)
signal.signal(signal.SIGALRM, erase)
signal.setitimer(signal.ITIMER_REAL, 0.2)
while True:
    line.draw("2 tokens")
"""


def test_a_signal_may_come_in_the_middle_of_a_line():
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", DRAWING]
    variables = {**os.environ, "TERM": "xterm", "PYTHONUNBUFFERED": ""}
    streams = {"stdout": subprocess.PIPE, "stderr": theirs}
    with subprocess.Popen(command, cwd=ROOT, env=variables, **streams) as process:
        os.close(theirs)
        assert process.stdout.read(1) == b"!"  # until then the terminal is full
        assert WHOLE in Terminal(process, ours).read()
    os.close(ours)
    assert process.returncode == 0


def test_a_reader_that_has_enough_ends_it_without_a_word():
    with Upstream(endless) as upstream:
        arguments = ["flask_llmstream", "tail", upstream.url]
        process = run(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(4)
        process.stdout.close()
        with process.stderr:
            assert process.stderr.read() == b""
        assert process.wait(HANG_GUARD) == UNREAD


def test_a_process_without_stdout_and_stderr_is_well():
    closed = "import os, sys; os.close(1); os.close(2); os.execv(sys.executable, sys.argv[1:])"
    with Upstream(says("one")) as upstream:
        line = [sys.executable, "-m", "flask_llmstream", "tail", upstream.url]
        done = subprocess.run([sys.executable, "-c", closed, *line], cwd=ROOT, check=False)
    assert done.returncode == COMPLETE


def test_it_is_a_command_of_flask_too(tmp_path):
    lines = "from flask import Flask\nfrom flask_llmstream import LLMStream\napp = Flask('app')\n"
    (tmp_path / "shop.py").write_text(f"{lines}LLMStream(app)\n", encoding="utf-8")
    variables = {"FLASK_APP": "shop:app", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    with Upstream(says("one")) as upstream:
        arguments = ["flask", "llmstream", "tail", upstream.url]
        process = run(*arguments, stdout=subprocess.PIPE, variables=variables)
        assert process.communicate() == (b"one", None)
    assert process.returncode == COMPLETE


def test_without_a_command_there_is_help(capsys):
    with pytest.raises(SystemExit) as ended:
        main([], prog_name="python -m flask_llmstream")
    assert ended.value.code == 0
    assert "Usage: python -m flask_llmstream [OPTIONS]" in capsys.readouterr().out
