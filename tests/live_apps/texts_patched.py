"""The hard texts in a monkey-patched process; run as a script, on gevent.pywsgi."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

from tests.live_apps.texts import app  # noqa: E402

__all__ = ["app"]

if __name__ == "__main__":
    from gevent.pywsgi import WSGIServer

    WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None).serve_forever()
