"""``CeleryWorker``: a real worker of Celery in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import Iterator, List

from tests.conftest import needs
from tests.support.eventually import eventually
from tests.support.programs import ROOT
from tests.support.runtimes import HANG_GUARD


class CeleryWorker:
    """A running worker.

    :ivar pid: of its main process; in a prefork pool it runs no task itself.
    :ivar log: the lines of its log so far.
    """

    def __init__(self, process: "subprocess.Popen[str]", log: List[str]) -> None:
        self.pid = process.pid
        self.log = log
        self._process = process

    def has_logged(self, words: str) -> bool:
        """Whether a line has these words."""
        return any(words in line for line in list(self.log))

    def lose(self) -> None:
        """End it and its children at once, as the loss of its machine does."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Let it end as a deployment does."""
        self._process.terminate()
        try:
            self._process.wait(HANG_GUARD)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def celery_worker(app: str, *arguments: str, **environment: str) -> Iterator[CeleryWorker]:
    """A worker that runs the tasks of an application until the block ends."""
    needs("Celery", _has_celery())
    common = ["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", app, "worker", *common, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        start_new_session=True,
    )
    log: List[str] = []
    drain = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
    drain.start()
    worker = CeleryWorker(process, log)
    try:
        started = lambda: worker.has_logged("ready.") or process.poll() is not None  # noqa: E731
        eventually(started, 3 * HANG_GUARD)
        assert process.poll() is None, "the worker did not start:\n" + "".join(log)
        yield worker
    finally:
        worker.stop()
        drain.join(HANG_GUARD)
        process.stderr.close()


def _has_celery() -> bool:
    try:
        import celery
    except ImportError:
        return False
    return bool(celery)
