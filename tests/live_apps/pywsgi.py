"""Serves the live application on ``gevent.pywsgi``: ``python -m tests.live_apps.pywsgi PORT``."""

import sys

from tests.live_apps.patched import app

if __name__ == "__main__":
    from gevent.pywsgi import WSGIServer

    # a thousand readers at once are more than the default waiting line of 256 holds
    WSGIServer(("127.0.0.1", int(sys.argv[1])), app, backlog=2048, log=None).serve_forever()
