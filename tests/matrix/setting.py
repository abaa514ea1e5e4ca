"""The setting of a measurement: the machine, and the versions of the programs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Optional

PACKAGES = ["flask", "werkzeug", "gevent", "gunicorn", "waitress", "pyuwsgi"]
PROGRAMS = {"Apache": "apache2 -v", "nginx": "nginx -v"}


def setting() -> str:
    """The setting in one sentence, without the programs that are not installed."""
    parts = [f"Python {platform.python_version()}"]
    parts += [f"{name} {found}" for name in PACKAGES if (found := _installed(name))]
    parts += [f"{name} {found}" for name, how in PROGRAMS.items() if (found := _said(how))]
    machine = f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}"
    return f"{machine}; {', '.join(parts)}."


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def _installed(package: str) -> Optional[str]:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _said(command: str) -> Optional[str]:
    program, option = command.split()
    found = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")
    if found is None:
        return None
    asked = subprocess.run([found, option], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = re.search(rb"\d+\.\d+\.\d+", asked.stdout)
    return said.group().decode() if said else None
