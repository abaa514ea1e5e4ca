"""An application for the doctor to measure: ``python -m tests.live_apps.examined PORT``.

It runs on ``gevent.pywsgi``, and counts more quickly than the counter of the package.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

from flask import Flask  # noqa: E402

from flask_llmstream import Counter, LLMStream  # noqa: E402

app = Flask(__name__)
app.config["LLMSTREAM_DOCTOR_TOKEN"] = os.environ.get("LLMSTREAM_DOCTOR_TOKEN")
app.config["LLMSTREAM_HEARTBEAT"] = float(os.environ.get("HEARTBEAT", 15))
streams = LLMStream(app, providers={"counter": Counter(messages=5, interval=0.2)})

if __name__ == "__main__":
    from gevent.pywsgi import WSGIServer

    WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None).serve_forever()
