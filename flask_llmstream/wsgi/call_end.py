"""What is done when the call of an app ends. The contexts of its request are gone by then, and the
server may soon use its ``environ`` for the next request."""

from __future__ import annotations

from typing import Any, Callable, Iterable, List

from .types import Environ, StartResponse

_STEPS = "flask_llmstream.at_end"
"""The key in ``environ`` of the steps to take."""

Step = Callable[[], object]


def at_call_end(environ: Environ, step: Step) -> bool:
    """Have a step taken when the call of the app ends.

    :returns: ``False`` where there is no call, but a context that was pushed by hand.
    """
    if _STEPS not in environ:
        return False
    environ[_STEPS].append(step)
    return True


def call(app: Any, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Call an app, and take the steps of the call's end."""
    outer = environ.get(_STEPS)  # of an app whose view calls this one
    steps: List[Step] = []
    environ[_STEPS] = steps
    try:
        answer: Iterable[bytes] = app(environ, start_response)
        return answer
    finally:
        environ.pop(_STEPS, None)
        if outer is not None:
            environ[_STEPS] = outer
        while steps:  # a copy of the environ may have the list for longer
            steps.pop(0)()
