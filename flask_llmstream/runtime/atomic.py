"""``claim`` and ``try_pop``: of all that come at a time, one has it.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations

from typing import MutableSequence, Optional, TypeVar

Kept = TypeVar("Kept")


def claim(owner: object, mark: str) -> bool:
    """Be the first that asks; ``False`` for all others.

    One atomic step, with nothing to hold: also in the middle of another claim, where a signal's
    handler or garbage collection asks.

    :param mark: an attribute in the owner's ``__slots__``, which is there until it is claimed.
    """
    try:
        delattr(owner, mark)
    except AttributeError:
        return False
    return True


def try_pop(slot: MutableSequence[Kept]) -> Optional[Kept]:
    """What was in a slot, if anything was: of two sides that ask at a time one gets it."""
    try:
        return slot.pop() if slot else None
    except IndexError:  # the other side was quicker
        return None
