"""The signals that a terminal sends, and what they must leave behind: a terminal as it was."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import Any, Iterator, NoReturn

from .terminal import NoLine


class Terminated(SystemExit):
    """SIGTERM has come."""


@contextmanager
def terminal_signals(line: NoLine) -> Iterator[None]:
    """Within the block SIGTERM raises :class:`Terminated`, as Ctrl-C raises ``KeyboardInterrupt``,
    and Ctrl-Z takes the line off the screen before the process stops.

    Elsewhere than on the main thread nothing is changed: Python allows it there alone.
    """
    if threading.current_thread() is not threading.main_thread() or os.name == "nt":
        yield
        return

    def stop(number: int, _: Any) -> None:
        line.erase()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # it returns when the process is continued
        signal.signal(number, stop)

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, _terminate),
        signal.SIGTSTP: signal.signal(signal.SIGTSTP, stop),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, _: Any) -> NoReturn:
    raise Terminated(128 + number)
