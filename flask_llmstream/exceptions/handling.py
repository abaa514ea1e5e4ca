"""Exceptions as they are told: shown safely, and inside an ``except`` that has caught them.

Ground floor: standard library only, no I/O. A user's exception, or source, may have code of its own
for whatever is asked of it, and what that raises is nobody's business here.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional

traceback_of: Any = vars(BaseException)["__traceback__"].__get__
"""An exception's traceback, whatever its class makes of reading an attribute."""

cause_of: Any = vars(BaseException)["__cause__"].__get__
context_of: Any = vars(BaseException)["__context__"].__get__
"""What it was raised from, and what was handled where it was raised; as surely."""

set_traceback: Any = BaseException.with_traceback
"""Gives it another: of the exception and the traceback."""

_name_of: Any = vars(type)["__name__"].__get__


def caught() -> Optional[BaseException]:
    """The exception that is being handled here."""
    return sys.exc_info()[1]


def while_handling(error: Optional[BaseException], call: Callable[[], Any]) -> Any:
    """Call it as an ``except`` clause that has caught ``error`` would; without one, plainly.

    ``sys.exc_info()`` tells of the exception there, as where Flask itself tells of one. Error
    trackers go by it, and so does ``logger.exception()``.
    """
    if error is None:
        return call()
    before = traceback_of(error)
    try:
        raise error
    except BaseException:
        if before is not None:
            set_traceback(error, before)  # none of it is ours
        return call()
    finally:
        set_traceback(error, before)  # which held this frame: a cycle that only gc would free


def text_of(error: BaseException) -> str:
    """What it says; ``""`` where that can't be had."""
    try:
        return f"{error}"
    except BaseException:
        return ""


def described(error: BaseException) -> str:
    """Its class and what it says, in a line."""
    name, text = _name_of(type(error)), text_of(error)
    return f"{name}: {text}" if text else name


def name_of(named: Any) -> Optional[str]:
    """What a function, a generator or a class calls itself; ``None`` where that is no text."""
    try:
        name = named.__qualname__
    except Exception:
        return None
    return str.__str__(name) if issubclass(type(name), str) else None
