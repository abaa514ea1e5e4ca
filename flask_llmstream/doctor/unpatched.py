"""Who kept a blocking function from before the monkey-patching.

gevent replaces what it patches in the standard library's modules. A module that was imported
before, and had taken an object out of them by ``from ssl import SSLContext``, keeps the original.
gevent warns while it patches; afterwards the original can still be found where it was kept.
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
"""The modules to ask for; a process has all of them patched, or something is missing."""

_BLOCKING = {
    "queue": ("SimpleQueue",),
    "select": ("epoll", "poll", "select"),
    "selectors": ("DefaultSelector", "EpollSelector"),
    "socket": ("create_connection", "getaddrinfo", "gethostbyname", "socket"),
    "ssl": ("SSLContext",),
    "subprocess": ("Popen", "check_call", "check_output", "run"),
    "time": ("sleep",),
}
"""What stops the whole process where gevent's own would let the others run. Locks are left out:
Flask's own libraries keep some, and never wait in them."""
_KNOW_WHAT_THEY_DO = ("flask_llmstream", "gevent", "gunicorn")
_STDLIB = sysconfig.get_paths()["stdlib"]
_PACKAGES = re.compile(r"[/\\](site|dist)-packages[/\\]")


class LeakedOriginal(NamedTuple):
    """An original in somebody's hands.

    :ivar holder: the module that keeps it.
    :ivar what: its name in the standard library, ``ssl.SSLContext``.
    """

    holder: str
    what: str

    def __str__(self) -> str:
        return f"{self.holder} ({self.what})"


def patched_modules() -> FrozenSet[str]:
    """Which of the modules that ``patch_all()`` patches are patched in this process."""
    return frozenset(name for name in PATCHED_BY_PATCH_ALL if is_module_patched(name))


def leaked_originals() -> Tuple[LeakedOriginal, ...]:
    """The originals that modules outside the standard library keep, each told once.

    In a process that is not patched these are the objects that would be, were it patched now.
    """
    originals = _originals()
    found = set()
    for module in _foreign_modules():
        for value in list(vars(module).values()):
            what = _what(value, originals)
            if what is not None:
                found.add(LeakedOriginal(module.__name__, what))
    return tuple(sorted(found))


def _originals() -> Dict[int, str]:
    """Their names by their identity, as comparing would ask foreign objects for an opinion."""
    return {
        id(get_original(module, name)): f"{module}.{name}"
        for module, names in _BLOCKING.items()
        for name in names
        if is_object_patched(module, name) or hasattr(import_module(module), name)
    }


def _what(value: Any, originals: Dict[int, str]) -> Optional[str]:
    """The original that this is, or that this class is made of."""
    if not issubclass(type(value), type):
        return originals.get(id(value))
    for base in value.__mro__:
        if str(base.__module__).startswith("gevent."):  # its own are made of the originals
            return None
        if id(base) in originals:
            return originals[id(base)]
    return None


def _foreign_modules() -> Iterator[ModuleType]:
    for name, module in sorted(sys.modules.items()):
        # requests.packages has the modules of others under names of its own
        if isinstance(module, ModuleType) and module.__name__ == name and _is_foreign(module):
            yield module


def _is_foreign(module: ModuleType) -> bool:
    if module.__name__.partition(".")[0] in _KNOW_WHAT_THEY_DO:
        return False
    path = getattr(module, "__file__", None) or _STDLIB
    return not path.startswith(_STDLIB) or bool(_PACKAGES.search(path))
