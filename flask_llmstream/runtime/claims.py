"""``claim``: of all that come at a time, the first one.

Ground floor: standard library only, no I/O.
"""

from __future__ import annotations


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
