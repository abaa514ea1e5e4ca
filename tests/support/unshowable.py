"""Exceptions whose own code fails when it is used: they can hardly be shown."""

from __future__ import annotations

from typing import Any


class Speechless(Exception):
    """It has no text."""

    def __str__(self) -> str:
        raise LookupError("no words")

    __repr__ = __str__


class Secretive(Exception):
    """None of its attributes can be read."""

    def __getattribute__(self, name: str) -> Any:
        raise LookupError(f"no {name}")


class Evasive(Exception):
    """Reading an attribute that it does not have fails."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(f"no {name}")


class Nameless(Exception):
    """It does not tell its class."""

    @property
    def __class__(self) -> Any:
        raise LookupError("no class")


class Groundless(Exception):
    """It does not tell its traceback or its cause."""

    @property
    def __cause__(self) -> Any:
        raise LookupError("no cause")

    @property
    def __traceback__(self) -> Any:
        raise LookupError("no traceback")


class Weightless(Exception):
    """It is neither true nor false."""

    def __bool__(self) -> bool:
        raise LookupError("no truth")

    def __eq__(self, other: Any) -> bool:
        raise LookupError("no equal")

    __hash__ = None  # type: ignore[assignment]


UNSHOWABLE = [Speechless, Secretive, Evasive, Nameless, Groundless, Weightless]
