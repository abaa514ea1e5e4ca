"""``header_of``: a header as somebody writes it in a command line. No I/O."""

from __future__ import annotations

import re
from typing import Tuple

from ..exceptions.printable import printable

_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)


def header_of(line: str) -> Tuple[str, str]:
    """The name and the value in ``Name: value``.

    :raises ValueError: there is no colon, the name is none, or a character is not printable ASCII,
        which a header can't carry.
    """
    name, colon, value = line.partition(":")
    name = name.strip()
    if not colon or not name:
        raise ValueError(f"{printable(line)!r} has no colon; write 'Name: value'")
    if not line.isascii() or not line.isprintable():
        raise ValueError(f"{printable(name)} has a character that a header can't carry")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a header")
    return name, value.strip()
