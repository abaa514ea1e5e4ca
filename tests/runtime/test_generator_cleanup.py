"""A generator is in its clean-up where its code can reach no ``yield`` any more."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import pytest

from flask_llmstream.runtime.generator_cleanup import in_async_cleanup, in_cleanup

SEEN = {}
"""The answers for a generator, at each of its calls of :func:`here`."""


def here(label="here"):
    SEEN.setdefault(label, []).append(in_cleanup(sys._getframe(1), drive.__code__))


def drive(source):
    """The code that iterates."""
    for _ in source:
        here("at an item")


def told(generator):
    SEEN.clear()
    drive(generator())
    return dict(SEEN)


def test_before_its_last_yield_it_may_yield_and_behind_it_cleans_up():
    def generator():
        try:
            here("before")
            yield 1
            here("between")
            yield 2
        finally:
            here("finally")

    assert told(generator) == {
        "before": [False], "between": [False], "at an item": [False, False], "finally": [True],
    }  # fmt: skip


def test_in_a_loop_it_may_always_yield():
    def generator():
        for number in range(2):
            here("before")
            yield number
            here("behind")

    assert told(generator)["before"] == told(generator)["behind"] == [False, False]


def test_a_loop_that_has_its_yield_in_a_handler_alone_may_yield():
    def generator():
        for number in range(3):
            try:
                here("waits")
                if number == 1:
                    raise TimeoutError
            except TimeoutError:
                yield "still there"

    assert told(generator)["waits"] == [False] * 3


def test_who_waits_in_the_try_of_its_last_yield_has_its_clean_up_before_it():
    def generator():
        try:
            yield 1
            here("in the try")
        finally:
            here("finally")

    assert told(generator)["in the try"] == [False]
    assert told(generator)["finally"] == [True]


def test_who_has_no_clean_up_is_in_none():
    def generator():
        yield 1
        yield from (2, 3)
        here()

    assert told(generator)["here"] == [False]


def test_a_finally_inside_of_another_block_is_clean_up():
    def generator():
        with contextlib.ExitStack() as stack:
            stack.callback(here, "exit")
            try:
                yield 1
            finally:
                here("finally")

    assert told(generator)["finally"] == told(generator)["exit"] == [True]


def test_a_clean_up_may_have_blocks_of_its_own():
    def generator():
        try:
            yield 1
        finally:
            try:
                with contextlib.suppress(LookupError):
                    here()
                    raise LookupError
            except ValueError:
                pass

    assert told(generator)["here"] == [True]


def test_a_yield_in_a_handler_may_come_till_nothing_can_fail_any_more():
    def generator():
        try:
            yield 1
            here("in the try")
        except ValueError:
            yield "failed"
        finally:
            here("finally")

    assert told(generator)["in the try"] == [False]
    assert told(generator)["finally"] == [True]


@pytest.mark.parametrize("returns", [False, True])
def test_a_finally_is_clean_up_however_it_is_come_to(returns):
    def generator():
        try:
            yield 1
            if returns:
                return
        finally:
            here()

    assert told(generator)["here"] == [True]


def test_what_unwinds_is_clean_up():
    def generator():
        try:
            yield 1
            raise LookupError
        except LookupError:
            here("handler")
        finally:
            here("finally")

    assert told(generator)["handler"] == told(generator)["finally"] == [True]


def test_what_a_with_block_ends_with_is_clean_up():
    def generator():
        with contextlib.ExitStack() as stack:
            stack.callback(here)
            yield 1

    assert told(generator)["here"] == [True]


def test_a_context_manager_that_is_a_generator_cleans_up_in_the_middle_of_a_source():
    @contextlib.contextmanager
    def transaction():
        here("begins")
        try:
            yield
        finally:
            here("commits")

    def generator():
        for number in range(2):
            with transaction():
                here("inside")
            yield number

    seen = told(generator)
    assert (seen["begins"], seen["inside"], seen["commits"]) == (
        [False, False], [False, False], [True, True],
    )  # fmt: skip


def test_to_delegate_is_to_yield_and_whom_it_delegates_to_may_clean_up():
    def inner():
        try:
            here("before")
            yield 1
        finally:
            here("its finally")

    def generator():
        yield from inner()

    assert told(generator)["before"] == [False]
    assert told(generator)["its finally"] == [True]


def test_what_a_clean_up_iterates_is_clean_up():
    def rows():
        for number in range(2):
            here()
            yield number

    def generator():
        try:
            yield 1
        finally:
            drive_apart(rows())

    def drive_apart(source):
        list(source)

    assert told(generator)["here"] == [True, True]


def test_what_is_no_generator_is_in_no_clean_up():
    class Numbers:
        def __iter__(self):
            return self

        def __next__(self):
            here()
            raise StopIteration

    assert told(Numbers)["here"] == [False]


# Asynchronous ones, asked while they wait.


class Pause:
    """An awaitable that yields once."""

    def __await__(self):
        yield


def told_async(generator):
    """The answers at each pause for which the generator waited, up to its end."""
    iterator, seen = generator(), []
    while True:
        try:
            step = iterator.__anext__()
            while True:
                step.send(None)
                seen.append(in_async_cleanup(iterator))
        except StopIteration:
            seen.append("item")
        except StopAsyncIteration:
            return seen


def test_an_asynchronous_one_cleans_up_behind_its_last_yield():
    async def generator():
        try:
            await Pause()
            yield 1
            await Pause()
            yield 2
        finally:
            await Pause()

    assert told_async(generator) == [False, "item", False, "item", True]


def test_it_cleans_up_also_where_a_coroutine_of_its_own_waits():
    async def commit():
        await Pause()

    async def generator():
        try:
            yield 1
        finally:
            await commit()

    assert told_async(generator) == ["item", True]


def test_one_that_it_iterates_cleans_up():
    async def inner():
        try:
            await Pause()
            yield 1
        finally:
            await Pause()

    async def generator():
        async for item in inner():
            yield item
        await Pause()

    assert told_async(generator) == [False, "item", True, False]


def test_it_may_yield_behind_a_loop_that_yields_nothing():
    async def inner():
        for number in range(2):
            await Pause()
            yield number

    async def generator():
        async for _ in inner():
            pass
        yield 1

    assert told_async(generator) == [False, False, "item"]


def test_one_that_does_not_run_cleans_up_nothing():
    async def generator():
        yield 1

    assert not in_async_cleanup(generator())
    assert not in_async_cleanup(None)


def test_on_the_loop_it_is_the_same():
    seen = []

    async def generator():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)

    async def main():
        iterator = generator()
        await iterator.__anext__()
        ending = asyncio.ensure_future(iterator.__anext__())
        await asyncio.sleep(0)
        seen.append(in_async_cleanup(iterator))
        with contextlib.suppress(StopAsyncIteration):
            await ending

    asyncio.run(main())
    assert seen == [True]
