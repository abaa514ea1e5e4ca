"""Atomic steps, without a lock: of several callers at a time, exactly one succeeds.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import MutableSequence, Optional, TypeVar

Kept = TypeVar("Kept")


def claim(owner: object, mark: str) -> bool:
    """Whether this caller is the first that claims the mark.

    No lock is held. So a signal's handler or a finalizer may call it in the middle of another
    claim.

    :param mark: the name of an attribute in the owner's ``__slots__``. It exists until the claim.
    """
    if not hasattr(owner, mark):  # mostly so at the second look, and an exception costs more
        return False
    try:
        delattr(owner, mark)
    except AttributeError:
        return False
    return True


def try_pop(slot: MutableSequence[Kept]) -> Optional[Kept]:
    """Take the last item out of a list; ``None`` where it is empty. Of two callers at a time, one
    gets the item."""
    try:
        return slot.pop() if slot else None
    except IndexError:  # another caller was quicker
        return None
