"""For the tests of applications: a model that plays a script, and a reader of a response."""

from __future__ import annotations

from .flag import Flag
from .provider import Line, Pause, ScriptedProvider
from .reader import StreamReader, read

__all__ = ["Flag", "Line", "Pause", "ScriptedProvider", "StreamReader", "read"]
