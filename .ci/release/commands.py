"""The programs that a release runs."""

from __future__ import annotations

import os
import pathlib
import subprocess

from source import NotReady


def run(*command: object, cwd: pathlib.Path | None = None, **variables: str) -> None:
    """Run a program, whose output is shown only where it fails.

    Files get the modes that are usual, whatever the user's umask: distributions have these modes in
    them. Variables such as ``PYTHONPATH`` would lead to packages of another environment.

    :param variables: of its environment, beside the user's.
    :raises NotReady: it fails; with its output.
    """
    usual = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env={**usual, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables},
        umask=0o022,
    )
    if done.returncode:
        raise NotReady(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
