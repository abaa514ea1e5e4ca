"""The demo, as ``make demo`` starts it: the sample application on gevent's own server."""

import argparse
import signal
import sys


def main() -> None:
    """Serve the sample application, to this machine alone, until Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # so Ctrl-C prints nothing, also while it loads
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--port", type=int, default=8090, help="default: 8090; 0: a free one")
    port = arguments.parse_args().port

    from sample_app import app  # isort: skip  # it patches, so it comes first
    from gevent.pywsgi import WSGIServer

    server = WSGIServer(("127.0.0.1", port), app, log=None)
    try:
        server.start()
    except (OSError, OverflowError) as error:
        sys.exit(f"Port {port} can't be had: {error}\nFor another one: make demo PORT=8091")
    print(f"The demo is at http://127.0.0.1:{server.server_port} until Ctrl-C.", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
