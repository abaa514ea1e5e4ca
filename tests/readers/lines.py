"""Programs that read lines: ``python -m tests.readers.lines curl|java METHOD URL BODY``."""

from __future__ import annotations

import io
import subprocess
import sys

from tests.readers.python_readers import HERE, by_lines, say

JSON_BODY = ["-H", "Content-Type: application/json", "-d"]


def command(program: str, method: str, url: str, body: str) -> "list[str]":
    if program == "java":
        return ["java", str(HERE / "Lines.java"), method, url, body]
    return ["curl", "-sSN", "-w", "status: %{http_code}\n", "-X", method, *JSON_BODY, body, url]


def main(*arguments: str) -> None:
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        for line in io.TextIOWrapper(program.stdout, "utf-8", newline="\n"):
            for event, data in by_lines([line.rstrip("\n")]):
                say(event, data)
            if line.startswith("status: "):
                print(line, end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
