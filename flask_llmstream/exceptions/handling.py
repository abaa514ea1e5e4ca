"""Exceptions are read safely, and handled as in an ``except`` clause that has caught them.

To read an attribute of a user's exception, or source, may run the user's code. If that code raises,
the error is ignored here. Standard library only, no I/O.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional

traceback_of: Any = vars(BaseException)["__traceback__"].__get__
"""``traceback_of(error)``: an exception's traceback. A class can't override this access."""

cause_of: Any = vars(BaseException)["__cause__"].__get__
context_of: Any = vars(BaseException)["__context__"].__get__
"""An exception's ``__cause__`` and its ``__context__``. A class can't override these either."""

set_traceback: Any = BaseException.with_traceback
"""``set_traceback(error, traceback)``."""

_name_of: Any = vars(type)["__name__"].__get__


def caught() -> Optional[BaseException]:
    """The exception that is being handled, or ``None``."""
    return sys.exc_info()[1]


def while_handling(error: Optional[BaseException], call: Callable[[], Any]) -> Any:
    """Call a function as if inside an ``except`` clause, with ``error`` as the caught exception.

    Inside, ``sys.exc_info()`` is this exception, as in an error handler of Flask. Error trackers
    rely on that, and so does ``logger.exception()``.

    :param error: ``None``: a plain call.
    """
    if error is None:
        return call()
    before = traceback_of(error)
    try:
        raise error
    except BaseException:
        if before is not None:
            set_traceback(error, before)  # without our own frames
        return call()
    finally:
        set_traceback(error, before)  # it held this frame: a cycle that only gc would free


def text_of(error: BaseException) -> str:
    """The text of an exception; ``""`` where its own code raises."""
    try:
        return f"{error}"
    except BaseException:
        return ""


def described(error: BaseException) -> str:
    """The class and the text of an exception, as a traceback ends."""
    name, text = _name_of(type(error)), text_of(error)
    return f"{name}: {text}" if text else name


def with_cause(error: BaseException) -> str:
    """An exception in one line, with its cause, which a client does not see."""
    cause = cause_of(error)
    if cause is None or text_of(cause) in text_of(error):
        return described(error)
    return f"{described(error)} ({described(cause)})"


def name_of(named: Any) -> Optional[str]:
    """The qualified name of a function, a generator or a class; ``None`` where it has none."""
    try:
        name = named.__qualname__
    except Exception:
        return None
    return str.__str__(name) if issubclass(type(name), str) else None
