"""Finds modules that still hold a blocking original from before the monkey-patching.

gevent replaces objects in the standard library's modules. A module that was imported before the
patching, and did ``from ssl import SSLContext``, keeps the original. gevent warns while it
patches. Afterwards the original can still be found in the module that holds it.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from importlib import import_module
from types import ModuleType
from typing import Any, Dict, FrozenSet, Iterator, NamedTuple, Optional, Tuple

from gevent.monkey import get_original, is_module_patched, is_object_patched

PATCHED_BY_PATCH_ALL = ("select", "socket", "ssl", "subprocess", "threading", "time")
"""The modules that are looked at. ``patch_all()`` patches all of them."""

_BLOCKING = {
    "queue": ("SimpleQueue",),
    "select": ("epoll", "poll", "select"),
    "selectors": ("DefaultSelector", "EpollSelector"),
    "socket": ("create_connection", "getaddrinfo", "gethostbyname", "socket"),
    "ssl": ("SSLContext",),
    "subprocess": ("Popen", "check_call", "check_output", "run"),
    "time": ("sleep",),
}
"""The originals that stop the whole process while they wait. gevent's own let other greenlets run.
Locks are left out: Flask's own libraries hold some, and never wait for them."""
_HOLD_ORIGINALS_ON_PURPOSE = ("flask_llmstream", "gevent", "gunicorn")
_STDLIB = sysconfig.get_paths()["stdlib"]
_PACKAGES = re.compile(r"[/\\](site|dist)-packages[/\\]")


class LeakedOriginal(NamedTuple):
    """An original that a module still holds.

    :ivar holder: the name of that module.
    :ivar original: the original's name in the standard library, such as ``ssl.SSLContext``.
    """

    holder: str
    original: str

    def __str__(self) -> str:
        return f"{self.holder} ({self.original})"


def patched_modules() -> FrozenSet[str]:
    """The modules of :data:`PATCHED_BY_PATCH_ALL` that are patched in this process."""
    return frozenset(name for name in PATCHED_BY_PATCH_ALL if is_module_patched(name))


def leaked_originals() -> Tuple[LeakedOriginal, ...]:
    """The originals that modules outside the standard library hold, sorted, each once.

    In a process that is not patched: the originals that they would hold if it were patched now.
    """
    originals = _originals()
    found = set()
    for module in _foreign_modules():
        for value in list(vars(module).values()):
            original = _original_name(value, originals)
            if original is not None:
                found.add(LeakedOriginal(module.__name__, original))
    return tuple(sorted(found))


def _originals() -> Dict[int, str]:
    """The name of each original by its identity. Comparing would call code of foreign objects."""
    return {
        id(get_original(module, name)): f"{module}.{name}"
        for module, names in _BLOCKING.items()
        for name in names
        if is_object_patched(module, name) or hasattr(import_module(module), name)
    }


def _original_name(value: Any, originals: Dict[int, str]) -> Optional[str]:
    """The name of an original, or of the original that a class inherits from."""
    if not issubclass(type(value), type):
        return originals.get(id(value))
    for base in value.__mro__:
        if str(base.__module__).startswith("gevent."):  # these inherit from the originals
            return None
        if id(base) in originals:
            return originals[id(base)]
    return None


def _foreign_modules() -> Iterator[ModuleType]:
    for name, module in sorted(sys.modules.items()):
        # requests.packages has other libraries' modules under its own names
        if isinstance(module, ModuleType) and module.__name__ == name and _is_foreign(module):
            yield module


def _is_foreign(module: ModuleType) -> bool:
    if module.__name__.partition(".")[0] in _HOLD_ORIGINALS_ON_PURPOSE:
        return False
    path = getattr(module, "__file__", None) or _STDLIB
    return not path.startswith(_STDLIB) or bool(_PACKAGES.search(path))
