"""Serves the live application on ``gevent.pywsgi``: ``python -m tests.live_apps.pywsgi PORT``.

The files of a certificate and of its key may follow.
"""

import os
import sys

from tests.live_apps.patched import app

if __name__ == "__main__":
    from gevent.pywsgi import WSGIServer

    _, port, *files = sys.argv
    tls = dict(zip(("certfile", "keyfile"), files))
    # A thousand readers come at once; the default backlog is 256.
    address = os.environ.get("HOST", "127.0.0.1"), int(port)
    WSGIServer(address, app, backlog=2048, log=None, **tls).serve_forever()
