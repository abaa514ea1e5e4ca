"""The names that PEP 3333 gives to the parts of a call, as types."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Tuple

Environ = Dict[str, Any]
Headers = List[Tuple[str, str]]
StartResponse = Any
"""A server's ``start_response``: called with a status, headers, and perhaps ``exc_info``."""
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]
