"""Serves the live application on ``gevent.pywsgi``: ``python -m tests.live_apps.pywsgi PORT``.

Behind the port may stand the files of a certificate and of its key.
"""

import os
import sys

from tests.live_apps.patched import app

if __name__ == "__main__":
    from gevent.pywsgi import WSGIServer

    _, port, *files = sys.argv
    tls = dict(zip(("certfile", "keyfile"), files))
    # a thousand readers at once are more than the default waiting line of 256 holds
    address = os.environ.get("HOST", "127.0.0.1"), int(port)
    WSGIServer(address, app, backlog=2048, log=None, **tls).serve_forever()
