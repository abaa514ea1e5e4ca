"""``GET /counts``: counts of the objects that the live application holds, made in its process."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os

import greenlet
import werkzeug.debug.tbtools  # noqa: F401  (Werkzeug's server loads it at an error)
from flask import Blueprint, current_app, jsonify
from gevent._hub_local import get_hub_if_exists
from gevent.hub import Hub

from flask_llmstream.stream.stream import Stream

with contextlib.suppress(ImportError):
    import _colorize  # noqa: F401  (Python loads it at its first traceback, from 3.13 on)

counts = Blueprint("counts", __name__)


@counts.route("/counts")
def count():
    """The counts after a garbage collection. They include this request."""
    gc.collect()
    objects = gc.get_objects()
    return jsonify(
        greenlets=sum(map(runs_or_waits, objects)),
        threads=len(os.listdir("/proc/self/task")),
        descriptors=len(os.listdir("/proc/self/fd")),
        watchers=watchers(),
        slots=sum(slots.taken for slots in current_app.extensions["llmstream"].all_slots),
        streams=sum(isinstance(one, Stream) for one in objects),
        objects=len(objects),
        heap_kib=heap_kib(),
        rss_kib=rss_kib(),
    )


def watchers():
    """The watchers of this thread's hub. ``get_hub()`` would make a hub."""
    hub = get_hub_if_exists()
    return 0 if hub is None else hub.loop.activecnt


def runs_or_waits(one):
    """Is it a greenlet that has begun and not ended, and none of gevent's hubs?"""
    is_greenlet = isinstance(one, greenlet.greenlet) and not isinstance(one, Hub)
    return is_greenlet and bool(one) and one.parent is not None


def rss_kib():
    """The resident set of the process. Memory that was freed may be part of it."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


class MallocInfo(ctypes.Structure):
    """``struct mallinfo2`` of malloc.h."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks".split()
    ] + [("keepcost", ctypes.c_size_t)]


def heap_kib():
    """The part of the whole process's heap that is in use, without memory that was freed."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = MallocInfo
    info = mallinfo2()
    return (info.uordblks + info.hblkhd) // 1024
