"""``while_handling``: who is told of an exception is told inside an ``except`` that has caught it.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

traceback_of: Any = vars(BaseException)["__traceback__"].__get__
"""An exception's traceback, whatever its class makes of reading an attribute."""


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
            _set_traceback(error, before)  # none of it is ours
        return call()
    finally:
        _set_traceback(error, before)  # which held this frame: a cycle that only gc would free


_set_traceback: Any = BaseException.with_traceback
