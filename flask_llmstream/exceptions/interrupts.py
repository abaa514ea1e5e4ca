"""Interrupts: what a signal raises is the process's, in whatever code it comes up.

Floor 2: gevent. Ctrl-C and a handler's ``sys.exit()`` are raised between two steps of whatever runs
on the main thread, a producer's greenlet, say. They are to end the server, and not one stream.
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
    """Whether it interrupts the process, and has been handed to it: whoever caught it may finish
    what it was about.

    It comes up in the main greenlet soon, as gevent has it for its own greenlets.

    :raises BaseException: the error itself, where there is no main greenlet but this one.
    """
    if not is_interrupt(error):
        return False
    hub, current = get_hub_if_exists(), getcurrent()
    if hub is None or hub not in (current, current.parent):
        raise error
    hub.loop.run_callback(hub.handle_system_error, type(error), error, traceback_of(error))
    return True


def is_interrupt(error: Any) -> bool:
    """Did a signal raise it, or what it was made of, and not the code that it comes out of?

    A source's own ``sys.exit()`` or ``raise KeyboardInterrupt`` is none.
    """
    if _get_ident() != MAIN_THREAD_IDENT:  # Python has handlers run on that thread alone
        return False
    while issubclass(type(error), (KeyboardInterrupt, SystemExit)):
        steps = list(_steps(traceback_of(error)))
        if issubclass(type(error), KeyboardInterrupt) and steps and not _raises(steps[-1]):
            return True  # Python's own handler, which has no frame
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
    """Is it at a ``raise`` statement?"""
    return step.tb_frame.f_code.co_code[step.tb_lasti : step.tb_lasti + 1] == bytes([_RAISE])


def _handlers() -> Set[CodeType]:
    """The code of all handlers of signals there are."""
    found = (_code(signal.getsignal(number)) for number in signal.valid_signals())
    return {code for code in found if code is not None}


def _code(handler: Any) -> Optional[CodeType]:
    while isinstance(handler, partial):
        handler = handler.func
    if not hasattr(handler, "__code__") and callable(handler):
        handler = type(handler).__call__
    code = getattr(handler, "__code__", None)  # a method has its function's
    return code if isinstance(code, CodeType) else None
