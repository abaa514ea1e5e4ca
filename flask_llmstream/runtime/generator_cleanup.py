"""Whether a running generator is in its clean-up, after which only its end can come.

From outside, a ``next()`` that waits for a model's token looks like a ``next()`` that waits for a
commit in a ``finally``. The generator's code tells them apart. In its clean-up no ``yield`` can be
reached any more, not even by an exception, and a ``try`` or ``with`` round a ``yield`` has been
left. A generator that waits inside of that block still has its clean-up to come. A generator
without such a block has none. Standard library only.
"""

from __future__ import annotations

import dis
import gc
import inspect
from bisect import bisect_right
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

CLEANUP_SECONDS = 30.0
"""How long a generator that is stopped in its clean-up may go on, before it is interrupted there.
Longer than a commit takes, and short enough that a stream's slot comes back."""

LOOK_SECONDS = 0.1
LOOKS = round(CLEANUP_SECONDS / LOOK_SECONDS)
"""How often it is checked within that time whether the clean-up still runs."""

_ENDS = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"}
_PUSHES = {"SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"}
_OF_THE_COMPILER = {"CALL_INTRINSIC_1", "CLEANUP_THROW"}
"""The first instructions of handlers that the compiler adds: round a whole generator, and round a
delegation (``yield from``, ``await``)."""

_HAS_TABLE = hasattr(CodeType, "co_exceptiontable")
_AFTER_AWAIT = 3
"""The lower two bits of RESUME's argument behind an ``await``, from Python 3.11 on."""


def in_cleanup(frame: Optional[FrameType], caller: CodeType) -> bool:
    """Whether any generator on a waiting stack is in its clean-up.

    :param frame: the innermost frame of the stack.
    :param caller: the code that iterates. Frames outside of it do not count.
    """
    while frame is not None and frame.f_code is not caller:
        if frame.f_code.co_flags & inspect.CO_GENERATOR and _is_in_clean_up(frame):
            return True
        frame = frame.f_back
    return False


def in_async_cleanup(iterator: Any) -> bool:
    """Whether an asynchronous generator, or one that it awaits, is in its clean-up."""
    running = (one for one in _awaited(iterator) if one.ag_running and one.ag_frame is not None)
    return any(_is_in_clean_up(generator.ag_frame) for generator in running)


def _awaited(awaited: Any) -> Iterator[Any]:
    """The asynchronous generators in a chain of awaitables."""
    while awaited is not None:
        if inspect.isasyncgen(awaited):
            yield awaited
            awaited = awaited.ag_await
        elif inspect.iscoroutine(awaited):
            awaited = awaited.cr_await
        else:  # the result of ``anext()`` refers to its generator, but has no attribute for it
            known = gc.get_referents(awaited) if "async_generator" in repr(type(awaited)) else []
            awaited = next(filter(inspect.isasyncgen, known), None)


def _is_in_clean_up(frame: FrameType) -> bool:
    flow = _flow(frame.f_code)
    return flow is not None and flow.is_clean_up(frame.f_lasti)


class _Flow:
    """The control flow of a generator's code. An instruction is known by its index."""

    def __init__(self, code: CodeType) -> None:
        self._is_async = bool(code.co_flags & inspect.CO_ASYNC_GENERATOR)
        self._code = list(dis.get_instructions(code))
        self._offsets = [one.offset for one in self._code]
        self._handlers = self._tabled(code) if _HAS_TABLE else self._pushed()
        self._next = [set(self._successors(at)) for at in range(len(self._code))]
        yields = [at for at in range(len(self._code)) if self._yields(at)]
        self._may_yield = self._from_where(yields)
        self._round_yields = {handler for at in yields for handler in self._covering(at)}

    def is_clean_up(self, offset: int) -> bool:
        """Whether the instruction at this offset is part of the clean-up."""
        at = self._at(offset)
        if self._yields(at) or self._next[at] & self._may_yield:
            return False
        return not self._round_yields.issubset(self._covering(at))

    def _at(self, offset: int) -> int:
        return bisect_right(self._offsets, offset) - 1  # it may be inside a call's cache

    def _yields(self, at: int) -> bool:
        name = self._code[at].opname
        if name == "YIELD_VALUE":
            behind = self._code[at + 1]
            return behind.opname != "RESUME" or (behind.arg or 0) & 3 != _AFTER_AWAIT
        return name == "YIELD_FROM" and not self._is_async

    def _from_where(self, places: List[int]) -> Set[int]:
        """All places from which one of these can be reached."""
        before: Dict[int, List[int]] = {}
        for at, nexts in enumerate(self._next):
            for one in nexts:
                before.setdefault(one, []).append(at)
        found: Set[int] = set()
        waiting = list(places)
        while waiting:
            at = waiting.pop()
            if at not in found:
                found.add(at)
                waiting += before.get(at, [])
        return found

    # Where the code goes from a place.

    def _successors(self, at: int) -> Iterator[int]:
        yield from self._normally(at)
        handler = self._handlers.get(at)
        if handler is not None:
            yield handler
        if self._code[at].opname == "END_FINALLY":  # Python 3.8, where a ``finally`` may be called
            for caller, one in enumerate(self._code):
                if one.opname == "CALL_FINALLY":
                    yield caller + 1

    def _normally(self, at: int) -> Iterator[int]:
        instruction = self._code[at]
        name = instruction.opname
        is_jump = instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs
        if is_jump and name not in _PUSHES:
            yield self._at(instruction.argval)
        if name not in _ENDS and (not name.startswith("JUMP_") or name.startswith("JUMP_IF")):
            yield at + 1

    # Where an exception goes.

    def _covering(self, at: int) -> Iterator[int]:
        """The handlers of the blocks round a place, the innermost first."""
        seen: Set[int] = set()
        handler = self._handlers.get(at)
        while handler is not None and handler not in seen:
            seen.add(handler)
            yield handler
            handler = self._handlers.get(handler)

    def _tabled(self, code: CodeType) -> Dict[int, int]:
        """The handler that covers each place, from the table that Python has since 3.11."""
        handlers: Dict[int, int] = {}
        for entry in dis.Bytecode(code).exception_entries:  # type: ignore[attr-defined]
            handler = self._at(entry.target)
            if self._code[handler].opname not in _OF_THE_COMPILER:
                covered = range(self._at(entry.start), self._at(entry.end - 1) + 1)
                handlers.update(dict.fromkeys(covered, handler))
        return handlers

    def _pushed(self) -> Dict[int, int]:
        """The same before Python 3.11, where blocks are pushed and popped by instructions."""
        blocks_at: Dict[int, Tuple[int, ...]] = {}
        waiting: List[Tuple[int, Tuple[int, ...]]] = [(0, ())]
        while waiting:
            at, blocks = waiting.pop()
            if at not in blocks_at:
                blocks_at[at] = blocks
                if self._code[at].opname in _PUSHES:
                    handler = self._at(self._code[at].argval)
                    waiting.append((handler, blocks))
                    blocks = (*blocks, handler)
                elif self._code[at].opname == "POP_BLOCK":
                    blocks = blocks[:-1]
                waiting += [(one, blocks) for one in self._normally(at)]
        return {at: blocks[-1] for at, blocks in blocks_at.items() if blocks}


@lru_cache(maxsize=256)
def _flow(code: CodeType) -> Optional[_Flow]:
    try:
        return _Flow(code)
    except (AttributeError, LookupError):  # of a future Python, or made by a tool
        return None
