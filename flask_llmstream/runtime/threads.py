"""Native threads and their locks, also in a process whose ``threading`` is monkey-patched."""

from __future__ import annotations

import threading
from typing import Any, Callable

import gevent
from gevent.monkey import get_original, is_module_patched

allocate_lock: Any = get_original("_thread", "allocate_lock")
"""Makes a lock of the interpreter. No greenlet may switch while it holds one: the next greenlet of
its thread that wants the lock would block the whole thread, for ever."""

get_ident: Any = get_original("_thread", "get_ident")
"""The identifier of the current native thread."""

sleep: Any = get_original("time", "sleep")
"""Blocks the current native thread for some seconds."""

_start_new_thread: Any = get_original("_thread", "start_new_thread")


def start_native_thread(run: Callable[[], None], name: str) -> None:
    """Call ``run`` on a native daemon thread, which does not keep the process from ending."""
    if is_module_patched("threading"):
        start_bare_thread(run)
        return
    thread = threading.Thread(target=_run_then_destroy_hub, args=(run,), name=name)
    thread.daemon = True
    thread.start()


def start_bare_thread(run: Callable[[], object]) -> None:
    """Call ``run`` on a native thread of which ``threading`` knows nothing. A finalizer may call
    this anywhere: it takes no lock and waits for nothing."""
    _start_new_thread(_run_then_destroy_hub, (run,))


def _run_then_destroy_hub(run: Callable[[], object]) -> None:
    try:
        run()
    finally:
        # If it used gevent on this thread, it has made a hub here, which would leak two
        # descriptors.
        hub = gevent._hub_local.get_hub_if_exists()
        if hub is not None:
            hub.destroy(destroy_loop=True)
