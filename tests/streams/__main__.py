"""``python -m tests.streams serve``: each case over HTTP, cut into segments. ``GET /`` says how.

Standard library only: a copy of this folder is enough (``python -m streams serve``).
"""

from __future__ import annotations

import argparse
from http.server import ThreadingHTTPServer

from .serving import Handler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    port = parser.parse_args().port
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
