"""Pages of a folder, and chat endpoints: ``python -m tests.live_apps.packaged PORT FOLDER``.

It tells which models were asked, and how many run.
"""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

from flask import Flask, jsonify  # noqa: E402
from gevent import sleep  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402

from flask_llmstream import CallableProvider, LLMStream  # noqa: E402

asked = []
running = []


def tells(request):
    asked.append("tells")
    yield from ("Once", " upon", " a time")


def waits(request):
    asked.append("waits")
    running.append(True)
    try:
        yield "Once"
        while True:
            sleep(60)
    finally:
        running.pop()


if __name__ == "__main__":
    _, port, folder = sys.argv
    app = Flask(__name__, static_folder=folder, static_url_path="/pages")
    LLMStream(app, providers={name.__name__: CallableProvider(name) for name in (tells, waits)})
    app.add_url_rule("/told", view_func=lambda: jsonify(asked=asked, running=len(running)))
    WSGIServer(("127.0.0.1", int(port)), app, log=None).serve_forever()
