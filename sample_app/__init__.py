from gevent import monkey; monkey.patch_all()  # noqa: E702,I001  before anything else

# A chat page whose answers a real language model writes: python demo.py
# Out of the box that is SmolLM2-135M-Instruct on this machine. LLM_BASE_URL, LLM_API_KEY and
# LLM_MODEL point at any other server with OpenAI's API.

import os
import secrets
import time
from importlib.util import find_spec
from typing import Any, Dict, Iterator, Optional

from flask import Flask, Request, Response, jsonify, redirect, session

from flask_llmstream import LLMStream

from .gallery import gallery
from .models import described, providers

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app() -> Flask:
    """The application. The environment variables above choose its model."""
    app = Flask(__name__)
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 0
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or secrets.token_hex()
    app.config["LLMSTREAM_RECONNECT"] = "resume"
    app.config["LLMSTREAM_OWNER"] = visitor
    app.config["LLMSTREAM_DETACH_SECONDS"] = 60  # for who reloads; then nobody comes back
    app.config["LLMSTREAM_DOCS"] = find_spec("flask_swagger_ui") is not None
    models = providers(app)
    streams = LLMStream(providers=models)
    streams.init_app(app)

    @app.route("/")
    def page() -> Response:
        session.setdefault("visitor", secrets.token_hex())
        return app.send_static_file("page.html")

    @app.route("/models.json")
    def kinds() -> Response:
        return jsonify(described(models))

    @app.route("/clock")
    def clock() -> Response:
        return streams.response(ticks())

    @app.route("/api")
    def api() -> Any:
        """The description of the endpoints: as a page, where Swagger UI is installed."""
        return redirect("v1/docs" if app.config["LLMSTREAM_DOCS"] else "v1/openapi.json")

    app.register_blueprint(gallery(streams), url_prefix="/gallery")

    @app.after_request
    def secured(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app


def visitor(_: Request) -> Optional[str]:
    """The owner of an answer, whom the page has made. By default the first answer would bring the
    session's token, and a page that is reloaded before that never gets it."""
    return session.get("visitor")


def ticks() -> Iterator[Dict[str, Any]]:
    """The time, each second for ten seconds."""
    for _ in range(10):
        yield {"time": time.strftime("%H:%M:%S")}
        time.sleep(1)


app = create_app()
