"""Native threads, also in a process whose ``threading`` was monkey-patched into greenlets.

Floor 2: gevent.
"""

from __future__ import annotations

import threading
from typing import Callable

import gevent
from gevent.monkey import get_original, is_module_patched

_start_new_thread = get_original("_thread", "start_new_thread")


def start_native_thread(run: Callable[[], None], name: str) -> None:
    """Have ``run`` called on a native thread, which does not keep the process from ending."""
    if is_module_patched("threading"):
        start_bare_thread(run)
        return
    thread = threading.Thread(target=_run_then_destroy_hub, args=(run,), name=name)
    thread.daemon = True
    thread.start()


def start_bare_thread(run: Callable[[], None]) -> None:
    """The same, of which ``threading`` knows nothing. A finalizer may call it, wherever it runs:
    no lock is taken, and nothing waited for."""
    _start_new_thread(_run_then_destroy_hub, (run,))


def _run_then_destroy_hub(run: Callable[[], None]) -> None:
    try:
        run()
    finally:
        # Where it used gevent on this thread, it made a hub here, which would leak two
        # descriptors.
        hub = gevent._hub_local.get_hub_if_exists()
        if hub is not None:
            hub.destroy(destroy_loop=True)
