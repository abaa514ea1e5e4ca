"""A socket that is read in turns: between two reads the hub gets its turn, once it is due.

A read that finds something returns at once. A server that sends without a pause what comes to
nothing (comments, headers without end) would else keep the hub for good.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Type

from ..runtime.turns import take_turn


@lru_cache(maxsize=None)
def fair(socket_class: Any) -> Type[Any]:
    """The class of such sockets, plain or TLS's."""

    class FairSocket(socket_class):  # type: ignore[misc]
        def recv(self, *args: Any, **kwargs: Any) -> Any:
            take_turn()
            return super().recv(*args, **kwargs)

        def recv_into(self, *args: Any, **kwargs: Any) -> Any:
            take_turn()
            return super().recv_into(*args, **kwargs)

    return FairSocket
