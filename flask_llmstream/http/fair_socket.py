"""``fair``: sockets that give the hub its turn between two reads, if it is due.

A read returns at once if data is there. A server that never stops sending data without result
(comments, endless headers) would keep the hub from all other greenlets.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Type

from ..runtime.turns import take_turn


@lru_cache(maxsize=None)
def fair(socket_class: Any) -> Type[Any]:
    """A class of such sockets.

    :param socket_class: the class to extend, plain or of TLS.
    """

    class FairSocket(socket_class):  # type: ignore[misc]
        def recv(self, *args: Any, **kwargs: Any) -> Any:
            take_turn()
            return super().recv(*args, **kwargs)

        def recv_into(self, *args: Any, **kwargs: Any) -> Any:
            take_turn()
            return super().recv_into(*args, **kwargs)

    return FairSocket
