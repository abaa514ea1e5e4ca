"""The sample app in processes of its own, because its import monkey-patches."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.support.upstream import HANG_GUARD

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

PARENT = """
from sample_app import model
local = model.LocalModel()
server = local.start()
if "while it loads" not in "{when}":
    list(local.stream(model.CompletionRequest(model.NAME, prompt="a", options={{"max_tokens": 1}})))
print("started", flush=True)
server.wait(1000)
import time; time.sleep(1000)
"""


def test_part_by_part_on_greenlets():
    pytest_patched = [sys.executable, "-m", "gevent.monkey", "--module", "pytest"]
    options = ["-q", "-p", "no:cacheprovider", str(HERE / "sample_app_on_greenlets.py")]
    run = subprocess.run(
        pytest_patched + options,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    assert run.returncode == 0, run.stdout


@pytest.fixture
def demo():
    """A function that starts the demo with these arguments. It is ended after the test."""
    started = []

    def demo(*arguments):
        environment = {**os.environ, "LLM_BASE_URL": "http://127.0.0.1:9"}  # no model is loaded
        started.append(
            subprocess.Popen(
                [sys.executable, "demo.py", *arguments],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                universal_newlines=True,
            )
        )
        return started[-1]

    yield demo
    for process in started:
        process.kill()
        process.communicate()


def test_the_demo_tells_its_address_and_nothing_else_until_ctrl_c(demo):
    process = demo("--port", "0")
    assert re.match("The demo is at http://127.0.0.1:[0-9]+ ", process.stdout.readline())
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=HANG_GUARD) == ("", "")
    assert process.returncode == -signal.SIGINT


def test_a_port_that_is_taken_is_told_with_what_to_do(demo):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        _, told = demo("--port", port).communicate(timeout=HANG_GUARD)
    assert f"Port {port} can't be had" in told and "make demo PORT=" in told


def test_make_takes_the_port():
    needs("make", shutil.which("make"))
    command = ["make", "--dry-run", "--always-make", "demo", "PORT=8123"]
    assert b"demo.py --port 8123 " in subprocess.check_output(command, cwd=ROOT)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="xllamacpp needs Python 3.10 or newer")
@pytest.mark.parametrize("when", ["while it loads", "while it serves"])
@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_the_models_process_ends_with_its_parent(how, when):
    needs("xllamacpp", find_spec("xllamacpp") is not None)
    environment = {**os.environ, "LLM_BASE_URL": ""}
    command = [sys.executable, "-c", PARENT.format(when=when)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe
    ) as parent:
        assert parent.stdout.readline() == b"started\n"
        getattr(parent, how)()
        parent.communicate(timeout=HANG_GUARD)  # stderr ends with the last process that has it
