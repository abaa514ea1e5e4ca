"""``tls_context``: the certificates that calls over ``https`` trust, and their sockets."""

# mypy: disable-error-code=import-untyped

from __future__ import annotations

import os
from functools import lru_cache
from ssl import SSLContext, SSLSocket
from typing import Any, Type

from urllib3.util.ssl_ import create_urllib3_context

from .fair_socket import fair


@lru_cache(maxsize=16)
def tls_context(bundle: str) -> SSLContext:
    """The context for calls that trust these certificate authorities.

    It is made once: to load certifi's authorities takes 18 ms of CPU.

    :param bundle: a file or a folder.
    :raises OSError: the authorities can't be read.
    """
    context: SSLContext = create_urllib3_context()
    where = {"capath" if os.path.isdir(bundle) else "cafile": bundle}
    context.load_verify_locations(**where)
    kind: Any = context.sslsocket_class
    context.sslsocket_class = _closing(fair(kind))
    return context


def _closing(socket_class: Type[SSLSocket]) -> Type[SSLSocket]:
    """A class of sockets that close themselves when the handshake fails or is killed. At that time
    nothing else refers to them."""

    class ClosingSocket(socket_class):  # type: ignore[valid-type, misc]
        def do_handshake(self, *args: Any, **kwargs: Any) -> None:
            try:
                super().do_handshake(*args, **kwargs)
            except BaseException:
                self.close()
                raise

    return ClosingSocket
