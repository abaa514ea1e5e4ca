"""Finds the programs that a test starts."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import sysconfig
from typing import List

import pytest

from tests.conftest import needs

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MODULES = pathlib.Path("/usr/lib/apache2/modules")


def installed(program: str) -> List[str]:
    """The command that starts a program of this Python's environment, or else of the machine."""
    if program == "python":
        return [sys.executable]
    places = [os.path.dirname(sys.executable), os.environ["PATH"], "/usr/sbin"]
    found = shutil.which(program, path=os.pathsep.join(places))
    needs(program, found)
    return [*_serving_as_somebody_else(), found] if program == "apache2" else [found]


def python_of_mod_wsgi() -> str:
    """The Python of mod_wsgi, which is Debian's own. The environment of another Python can't be its
    home, but its packages can be used."""
    if sys.base_prefix == "/usr":
        return f"python-home={sys.prefix} python-path={ROOT}"
    return f"python-home=/usr python-path={ROOT}:{sysconfig.get_path('platlib')}"


def _serving_as_somebody_else() -> List[str]:
    """Apache started by root serves as another user, who may not read root's folders."""
    needs("mod_wsgi", (MODULES / "mod_wsgi.so").exists())
    if not (MODULES / f"mod_wsgi.so-{PYTHON}").exists():
        pytest.skip(f"Debian has no mod_wsgi for Python {PYTHON}")
    return [] if os.geteuid() else ["setpriv", "--securebits", "+no_setuid_fixup"]
