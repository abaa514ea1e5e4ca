"""Calls a server's app as a WSGI server does, but without a socket.

For each line, ``<path> <streams>``, so many streams are opened and read to their end. Printed is
the CPU of one of them, in µs.
"""

import importlib
import sys

app = importlib.import_module(sys.argv[1]).app  # the module patches, before anything is imported

import time  # noqa: E402

from werkzeug.test import create_environ  # noqa: E402


def started(status, headers, exc_info=None):
    assert status == "200 OK", status


def read(environ):
    body = app(environ, started)
    try:
        return b"".join(body)
    finally:
        body.close()


def cpu(path, streams):
    environ = create_environ(path)
    begin = time.process_time()
    for _ in range(streams):
        read(dict(environ))
    return (time.process_time() - begin) / streams * 1e6


for line in sys.stdin:
    path, streams = line.split()
    print(cpu(path, int(streams)), flush=True)
