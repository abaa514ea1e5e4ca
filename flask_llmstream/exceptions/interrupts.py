"""Interrupts: an exception that a signal raises belongs to the process, wherever it is raised.

Ctrl-C and a handler's ``sys.exit()`` are raised in any code that the main thread runs, on a
producer's greenlet, say. They must end the server, and not one stream.
"""

from __future__ import annotations

import signal
from functools import partial
from opcode import opmap
from types import CodeType, TracebackType
from typing import Any, Iterator, Optional, Set

from gevent import getcurrent
from gevent._hub_local import get_hub_if_exists
from gevent.hub import MAIN_THREAD_IDENT
from gevent.monkey import get_original

from .handling import context_of, traceback_of

_RAISE = opmap["RAISE_VARARGS"]
_get_ident = get_original("_thread", "get_ident")


def forward_interrupt(error: BaseException) -> bool:
    """Forward an interrupt to the main greenlet, where it is raised soon, as gevent itself does.

    :returns: whether the error is an interrupt, and was forwarded. The caller may go on.
    :raises BaseException: the error itself, where the caller runs on no greenlet of a hub.
    """
    if not is_interrupt(error):
        return False
    hub, current = get_hub_if_exists(), getcurrent()
    if hub is None or hub not in (current, current.parent):
        raise error
    hub.loop.run_callback(hub.handle_system_error, type(error), error, traceback_of(error))
    return True


def is_interrupt(error: Any) -> bool:
    """Whether a signal has raised an exception, or the exception in whose handling it was raised.

    A source's own ``sys.exit()`` or ``raise KeyboardInterrupt`` is no interrupt.
    """
    if _get_ident() != MAIN_THREAD_IDENT:  # Python runs handlers on that thread alone
        return False
    while issubclass(type(error), (KeyboardInterrupt, SystemExit)):
        steps = list(_steps(traceback_of(error)))
        if issubclass(type(error), KeyboardInterrupt) and steps and not _raises(steps[-1]):
            return True  # raised by Python's own handler, which has no frame
        handlers = _handlers()
        if any(step.tb_frame.f_code in handlers for step in steps):
            return True
        error = context_of(error)
    return False


def _steps(traceback: Optional[TracebackType]) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _raises(step: TracebackType) -> bool:
    """Whether a frame is at a ``raise`` statement."""
    return step.tb_frame.f_code.co_code[step.tb_lasti : step.tb_lasti + 1] == bytes([_RAISE])


def _handlers() -> Set[CodeType]:
    """The code of all handlers of signals that are set."""
    found = (_code(signal.getsignal(number)) for number in signal.valid_signals())
    return {code for code in found if code is not None}


def _code(handler: Any) -> Optional[CodeType]:
    while isinstance(handler, partial):
        handler = handler.func
    if not hasattr(handler, "__code__") and callable(handler):
        handler = type(handler).__call__
    code = getattr(handler, "__code__", None)  # a method has the code of its function
    return code if isinstance(code, CodeType) else None
