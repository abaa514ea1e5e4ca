from gevent import monkey; monkey.patch_all()  # noqa: E702,I001  before anything else

# A chat page whose answers a real language model writes: python demo.py
# Out of the box that is Gemma 3 270M on this machine. LLM_BASE_URL, LLM_API_KEY and LLM_MODEL
# point at any other server with OpenAI's API.

import os
import secrets
import time
from typing import Any, Dict, Iterator

from flask import Flask, Response, session

from flask_llmstream import CallableProvider, LLMStream, OpenAICompatible, Provider

from . import model, weather
from .gallery import gallery

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
    streams = LLMStream(providers=providers(app))
    streams.init_app(app)

    @app.route("/")
    def page() -> Response:
        session["visits"] = True  # a visitor with a session has the list of their own answers
        return app.send_static_file("page.html")

    @app.route("/clock")
    def clock() -> Response:
        return streams.response(ticks())

    app.register_blueprint(gallery(streams), url_prefix="/gallery")

    @app.after_request
    def secured(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app


def ticks() -> Iterator[Dict[str, Any]]:
    """The time, each second for ten seconds."""
    for _ in range(10):
        yield {"time": time.strftime("%H:%M:%S")}
        time.sleep(1)


def providers(app: Flask) -> Dict[str, Provider]:
    """The models by name. The package adds the counter."""
    tool_caller = {weather.NAME: CallableProvider(weather.weather)}
    if os.environ.get("LLM_BASE_URL"):
        return {**other_server(os.environ), **tool_caller}
    if model.is_installed():
        return {**local_model(app), **tool_caller}
    app.logger.warning(
        "There is no model here, only the counter. To get one: %s", model.HOW_TO_GET_IT
    )
    return {}


def other_server(environ: Any) -> Dict[str, Provider]:
    """The server that the environment names."""
    name = environ.get("LLM_MODEL") or "default"
    key = environ.get("LLM_API_KEY")
    return {name: OpenAICompatible(environ["LLM_BASE_URL"], key, model=name)}


def local_model(app: Flask) -> Dict[str, Provider]:
    """The model on this machine. The first request of all loads it."""
    local = model.LocalModel()

    @app.before_request
    def load() -> None:
        local.start()

    return {model.NAME: local}


app = create_app()
