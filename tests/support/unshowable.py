"""Exceptions whose own code fails at whatever is asked of them."""

from __future__ import annotations

from typing import Any


class Speechless(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise LookupError("no words")

    __repr__ = __str__


class Secretive(Exception):
    """Has no attribute that can be read."""

    def __getattribute__(self, name: str) -> Any:
        raise LookupError(f"no {name}")


class Evasive(Exception):
    """Fails where one asks what is not there."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(f"no {name}")


class Nameless(Exception):
    """Does not say what it is."""

    @property
    def __class__(self) -> Any:
        raise LookupError("no class")


class Groundless(Exception):
    """Does not say where it comes from."""

    @property
    def __cause__(self) -> Any:
        raise LookupError("no cause")

    @property
    def __traceback__(self) -> Any:
        raise LookupError("no traceback")


class Weightless(Exception):
    """Is neither true nor false."""

    def __bool__(self) -> bool:
        raise LookupError("no truth")

    def __eq__(self, other: Any) -> bool:
        raise LookupError("no equal")

    __hash__ = None  # type: ignore[assignment]


UNSHOWABLE = [Speechless, Secretive, Evasive, Nameless, Groundless, Weightless]
