"""What the command prints on a terminal, into a pipe and where nothing can be written."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
from contextlib import suppress

import pytest

from flask_llmstream.tail.verdict import COMPLETE, UNREAD, UNWRITABLE
from tests.support.upstream import Upstream
from tests.tail.calls import call, frames, says


class Terminal:
    """A terminal that takes the place of this process's own."""

    def __init__(self, monkeypatch, encoding="utf-8", rows=12, columns=60):
        self._ours, theirs = pty.openpty()
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        self._file = open(theirs, "w", encoding=encoding, errors="backslashreplace")
        monkeypatch.setattr(sys, "stdout", self._file)
        monkeypatch.setattr(sys, "stderr", self._file)
        monkeypatch.setenv("TERM", "xterm")

    def shown(self):
        """All that it was sent. Nothing more may come."""
        self._file.close()
        shown = b""
        with suppress(OSError):  # Linux says so that nobody has the terminal open
            while True:
                shown += os.read(self._ours, 65536)
        os.close(self._ours)
        return shown


@pytest.fixture
def make_terminal(monkeypatch):
    return lambda **options: Terminal(monkeypatch, **options)


def without_line(shown):
    """What was shown, without the line of progress and what moves the cursor."""
    text = re.sub(rb"\x1b7.*?\x1b8", b"", shown, flags=re.DOTALL)
    return re.sub(rb"\x1b\[A|\x1bD", b"", text).replace(b"\r\n", b"\n").decode()


def test_a_terminal_shows_the_text_and_on_a_new_line_the_summary(make_terminal):
    terminal = make_terminal()
    with Upstream(says("one ", "two")) as upstream:
        status = call(upstream.url)
    assert re.match(r"one two\ncomplete in .* \| 2 tokens", without_line(terminal.shown()))
    assert status == COMPLETE


def test_behind_a_line_break_there_is_no_other(make_terminal):
    terminal = make_terminal()
    with Upstream(says("one\\n")) as upstream:
        call(upstream.url)
    assert without_line(terminal.shown()).startswith("one\ncomplete")


def test_the_terminal_is_given_back_whole(make_terminal):
    terminal = make_terminal()
    with Upstream(says("one")) as upstream:
        call(upstream.url)
    shown = terminal.shown()
    assert shown.rfind(b"\x1b[r") > shown.rfind(b"\x1b[1;11r") > 0


def test_quiet_leaves_the_screen_to_the_text(make_terminal):
    terminal = make_terminal()
    with Upstream(says("one")) as upstream:
        call(upstream.url, "-q")
    assert terminal.shown() == b"one\r\n"


def test_an_answer_does_not_control_the_terminal(make_terminal):
    terminal = make_terminal()
    with Upstream(says(r"\u001b]0;title\u0007 \u009b2J \r ok")) as upstream:
        call(upstream.url, "-q")
    assert terminal.shown() == b"\\x1b]0;title\\x07 \\x9b2J \\r ok\r\n"


def test_frames_do_not_control_the_terminal(make_terminal):
    terminal = make_terminal()
    with Upstream(frames(b"data: \x1b[2J\x07\xff\n\n")) as upstream:
        call(upstream.url, "-q", "--events", "-p", "x")
    shown = terminal.shown()
    assert b"data: \\x1b[2J\\x07\\xff" in shown and b"\x1b" not in shown


def test_a_failure_does_not_control_the_terminal(make_terminal):
    terminal = make_terminal()
    error = r'{"ended":true,"error":{"code":"\u001b[2J","message":"\u001b[0m"}}'
    with Upstream(frames(f"data: {error}\n\n")) as upstream:
        call(upstream.url)
    told = without_line(terminal.shown())
    assert told.startswith("failed (\\x1b[2J) in ") and told.endswith("\n\\x1b[0m.\n")


def test_a_terminal_without_unicode_shows_numbers(make_terminal):
    terminal = make_terminal(encoding="ascii")
    with Upstream(says("caf\u00e9 \u4e2d")) as upstream:
        call(upstream.url, "--timing")
    assert without_line(terminal.shown()).startswith("caf\\xe9 \\u4e2d\n")


def test_a_pipe_beside_a_terminal_gets_the_text_alone(make_terminal, monkeypatch):
    terminal = make_terminal()
    pipe = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", pipe)
    with Upstream(says("caf\u00e9")) as upstream:
        call(upstream.url)
    assert pipe.buffer.getvalue() == "caf\u00e9".encode()  # whatever the encoding of the terminal
    shown = terminal.shown()
    assert b"\x1b7" not in shown and b"complete in" in shown


def test_a_pipe_that_leads_back_to_the_terminal_has_the_line_below_it(make_terminal, monkeypatch):
    """As with ``| tee``: the line is not drawn over the text."""
    terminal = make_terminal()
    reading, writing = os.pipe()
    with open(writing, "w") as pipe, Upstream(says("one")) as upstream:
        monkeypatch.setattr(sys, "stdout", pipe)
        call(upstream.url)
    assert os.read(reading, 100) == b"one"
    os.close(reading)
    assert re.match(rb"\x1bD\x1b\[A\x1b7\x1b\[1;11r\x1b8\x1b7\x1b\[12;1H", terminal.shown())


def test_the_histogram_has_the_width_of_the_terminal_of_stderr(make_terminal, monkeypatch):
    terminal = make_terminal(columns=30)
    with open(os.devnull, "w") as file, Upstream(says("one", "two")) as upstream:
        monkeypatch.setattr(sys, "stdout", file)
        call(upstream.url, "--timing", "-q")
    row = terminal.shown().decode().splitlines()[-1]
    assert re.match(" +< ", row) and len(row) <= 30


@pytest.mark.parametrize(
    "text, arguments, told",
    [
        ("one", [], r"one\ncomplete in .*\n"), ("one\\n", [], r"one\ncomplete in .*\n"),
        ("one", ["-q"], "one"), ("one", ["--events", "-q"], r"( +.*\n|\n)+"),
    ],
)  # fmt: skip
def test_a_log_of_both_has_the_last_words_on_a_line(monkeypatch, tmp_path, text, arguments, told):
    path = tmp_path / "log"
    with open(path, "a", encoding="utf-8") as log, Upstream(says(text)) as upstream:
        monkeypatch.setattr(sys, "stdout", log)
        monkeypatch.setattr(sys, "stderr", log)
        call(upstream.url, *arguments)
    assert re.fullmatch(told, path.read_text("utf-8"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is missing")
def test_a_full_disk_is_told(monkeypatch, capfdbinary):
    with open("/dev/full", "w") as full, Upstream(says("one")) as upstream:
        monkeypatch.setattr(sys, "stdout", full)
        assert call(upstream.url, "-q") == UNWRITABLE
    told = capfdbinary.readouterr().err
    assert told == b"The output can't be written: No space left on device.\n"


def test_a_pipe_that_is_closed_ends_it_in_silence(monkeypatch, capfdbinary):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe, Upstream(says("one")) as upstream:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert call(upstream.url) == UNREAD
    assert capfdbinary.readouterr().err == b""


def test_stderr_that_can_t_be_written_is_no_error(monkeypatch, capfdbinary):
    with open(os.devnull) as unwritable, Upstream(says("one")) as upstream:
        monkeypatch.setattr(sys, "stderr", unwritable)
        assert call(upstream.url) == COMPLETE
    assert capfdbinary.readouterr().out == b"one"
