"""The progress line on a screen, as a terminal's emulator shows it."""

from __future__ import annotations

import io
import os
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_llmstream.tail.terminal import LastRow, Line, NoLine, line_for
from tests.conftest import needs

needs("pyte", find_spec("pyte"))
import pyte  # noqa: E402


class Terminal:
    """A stream that is a terminal, with its screen."""

    encoding, errors = "utf-8", "strict"

    def __init__(self, monkeypatch, columns=24, rows=6):
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self._monkeypatch = monkeypatch
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        size = os.terminal_size((columns, rows))
        self._monkeypatch.setattr("os.get_terminal_size", lambda descriptor: size)

    def isatty(self):
        return True

    def fileno(self):
        return 2

    def flush(self):
        pass

    def write(self, text):
        self._stream.feed(text.replace("\n", "\r\n"))

    def rows(self):
        return [row.rstrip() for row in self.screen.display]

    def cursor(self):
        return self.screen.cursor.y, self.screen.cursor.x


@pytest.fixture
def terminal(monkeypatch):
    return Terminal(monkeypatch)


@pytest.fixture
def make_terminal(monkeypatch):
    return lambda *size: Terminal(monkeypatch, *size)


def test_the_last_row_has_the_line_and_the_text_goes_on_where_it_was(terminal):
    line = LastRow(terminal)
    terminal.write("$ tail\n")
    line.draw("waiting 1.0 s")
    terminal.write("Hello")
    line.draw("2 tokens")
    terminal.write(" you")
    assert terminal.rows() == ["$ tail", "Hello you", "", "", "", "2 tokens"]


def test_text_scrolls_above_the_line(terminal):
    line = LastRow(terminal)
    line.draw("2 tokens")
    terminal.write("\n".join("abcdefgh"))
    line.draw("8 tokens")
    assert terminal.rows() == ["d", "e", "f", "g", "h", "8 tokens"]


def pieces_of(alphabet):
    return st.lists(st.text(st.sampled_from(alphabet), max_size=12))


# This emulator does not wrap half a wide character, as terminals do: none comes to a last column.
@given(st.one_of(pieces_of("ab\u0301 \n"), pieces_of("中文\n")))
def test_the_text_looks_as_on_a_screen_that_is_one_row_shorter(pieces):
    with pytest.MonkeyPatch.context() as monkeypatch:
        terminal, shorter = Terminal(monkeypatch, 8, 6), Terminal(monkeypatch, 8, 5)
        shorter.resize(8, 6)
        shorter.screen.resize(5, 8)
        line = LastRow(terminal)
        for piece in pieces:
            line.draw(f"{len(piece)}")
            terminal.write(piece)
            line.follow(piece)
            shorter.write(piece)
    assert terminal.rows()[:5] == shorter.rows()


def test_a_start_in_the_last_row_makes_room(terminal):
    terminal.write("\n".join(["1", "2", "3", "4", "$ tail", ""]))
    line = LastRow(terminal)
    line.draw("waiting")
    terminal.write("Hello")
    assert terminal.rows() == ["2", "3", "4", "$ tail", "Hello", "waiting"]


def test_behind_the_end_the_whole_screen_scrolls(terminal):
    line = LastRow(terminal)
    line.draw("waiting")
    terminal.write("Hello\n")
    line.erase()
    assert terminal.rows() == ["Hello", "", "", "", "", ""]
    terminal.write("\n".join("abcdef"))
    assert terminal.rows() == list("abcdef")


def test_an_end_takes_nothing_else_away(terminal):
    terminal.write("\n".join("123456"))
    LastRow(terminal).erase()
    assert terminal.rows() == list("123456")


def test_a_window_that_grows_has_the_line_in_its_new_last_row(terminal):
    line = LastRow(terminal)
    terminal.write("Hello")
    line.draw("1 token")
    terminal.resize(24, 8)
    line.draw("1 token")
    terminal.write(" you")
    assert terminal.rows() == ["Hello you", "", "", "", "", "", "", "1 token"]


def test_a_window_that_shrinks_has_it_too(terminal):
    line = LastRow(terminal)
    terminal.write("Hello")
    line.draw("1 token")
    terminal.resize(24, 4)
    line.draw("1 token")
    assert terminal.rows()[-1] == "1 token"


@pytest.mark.parametrize("columns, rows", [(24, 4), (24, 9), (12, 6), (40, 6), (30, 8)])
def test_another_size_takes_no_text_away(terminal, columns, rows):
    """Of a terminal that keeps the row of the cursor on its screen, as most do: the text has come
    to another row, and the line to any."""
    line = LastRow(terminal)
    line.draw("1 token")
    terminal.resize(columns, rows)
    terminal.screen.reset()
    terminal.write("\x1b[r" + "\n".join(["text"] * (rows - 1)) + "\x1b7\nold\x1b8")
    line.draw("2 tokens")
    assert terminal.rows() == ["text"] * (rows - 1) + ["2 tokens"]


@pytest.mark.parametrize("columns, rows", [(24, 4), (24, 9), (12, 6)])
def test_an_end_behind_another_size_takes_no_text_away(terminal, columns, rows):
    line = LastRow(terminal)
    line.draw("1 token")
    terminal.resize(columns, rows)
    terminal.screen.reset()
    terminal.write("\n".join(["text"] * rows))
    line.erase()
    assert terminal.rows() == ["text"] * rows


def test_a_window_of_few_rows_is_left_to_the_text(make_terminal):
    terminal = make_terminal(24, 3)
    LastRow(terminal).draw("1 token")
    assert terminal.rows() == ["", "", ""]


def test_the_line_is_cut_before_the_last_column(terminal):
    LastRow(terminal).draw("reconnecting (中文中文中文中文)")
    assert terminal.rows()[-1].replace(" ", "") == "reconnecting(中文中文"
    assert terminal.cursor() == (0, 0)


def test_what_a_server_said_does_not_control_the_terminal(terminal):
    LastRow(terminal).draw("re\x1b[2Jcon\nnecting")
    assert terminal.rows()[-1] == "re\\x1b[2Jcon necting"


def test_a_line_alone_is_drawn_where_the_cursor_is(terminal):
    line = Line(terminal)
    terminal.write("$ tail > file\n")
    line.draw("waiting 10.0 s")
    line.draw("1 token")
    assert terminal.rows()[:3] == ["$ tail > file", "1 token", ""]
    line.erase()
    assert terminal.rows()[1] == ""


@pytest.mark.parametrize("value, is_dim", [(None, True), ("", True), ("1", False)])
def test_no_color_means_no_style(monkeypatch, value, is_dim):
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    written = []

    class Recorder(Terminal):
        def write(self, text):
            written.append(text)

    LastRow(Recorder(monkeypatch)).draw("1 token")
    assert ("\x1b[2m" in "".join(written)) is is_dim


def test_a_terminal_that_goes_away_ends_the_line_and_nothing_else(monkeypatch):
    class Gone(Terminal):
        def write(self, text):
            raise OSError("Input/output error")

    line = LastRow(Gone(monkeypatch))
    line.draw("1 token")
    line.erase()


@pytest.mark.parametrize(
    "term, on_terminal, kind",
    [
        ("xterm", True, LastRow),
        ("xterm", False, Line),
        ("dumb", True, NoLine),
        (None, True, NoLine),
    ],
)
def test_which_line_a_terminal_gets(terminal, monkeypatch, term, on_terminal, kind):
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.delenv("TERM", raising=False)
    if term:
        monkeypatch.setenv("TERM", term)
    assert type(line_for(on_terminal)) is kind


@pytest.mark.parametrize("stream", [None, io.StringIO()])
def test_elsewhere_there_is_no_line(monkeypatch, stream):
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    line = line_for(True)
    line.draw("nothing")
    assert not line.is_live
