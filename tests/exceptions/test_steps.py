"""All steps of an end are run, also when one raises."""

from __future__ import annotations

import pytest

from flask_llmstream.exceptions.steps import run_all


def raising(error):
    def step():
        raise error

    return step


def test_they_are_done_in_their_order():
    done = []
    run_all(lambda: done.append("first"), lambda: done.append("second"))
    assert done == ["first", "second"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_the_rest_is_done_though_one_raises(kind):
    done = []
    with pytest.raises(kind):
        run_all(raising(kind()), lambda: done.append("the rest"))
    assert done == ["the rest"]


def test_of_several_that_raise_the_last_is_raised_and_shows_the_others():
    first, last = ValueError("first"), LookupError("last")
    with pytest.raises(LookupError) as caught:
        run_all(raising(first), raising(last))
    assert (caught.value, caught.value.__context__) == (last, first)


def test_all_are_called_by_who_is_to_call_them_though_one_raises():
    called = []

    def by(step):
        called.append(step)
        step()

    steps = [raising(ValueError()), int, str]
    with pytest.raises(ValueError):
        run_all(*steps, by=by)
    assert called == steps
