"""An abort meets a change from one provider to the next: in every order."""

from __future__ import annotations

import pytest

from flask_llmstream.providers.aborting import Current
from tests.support.interleavings import Explorer


class Deltas:
    """Deltas that wait until they are aborted."""

    def __init__(self, explorer):
        self._aborted = explorer.wakeup()
        self.aborts = 0

    def abort(self):
        self.aborts += 1
        self._aborted.set()

    def wait(self):
        self._aborted.wait()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_abort_ends_the_wait_whichever_deltas_are_iterated(number):
    def play(explorer):
        current = Current()
        all_deltas = [Deltas(explorer) for _ in range(number)]

        def work():
            *failing, last = all_deltas
            for deltas in failing:
                current.begin(deltas)
                explorer.pause("it fails")
                current.end()
            current.begin(last)
            last.wait()
            current.end()

        def check():
            assert all_deltas[-1].aborts == 1
            assert all(deltas.aborts <= 1 for deltas in all_deltas)

        return {"worker": work, "reader": current.abort}, check

    explorer = Explorer([Current])
    explorer.explore(play)
    assert explorer.runs > number


def test_deltas_that_have_ended_are_not_aborted():
    class Gone:
        def abort(self):
            raise AssertionError("it was aborted")

    current = Current()
    current.begin(Gone())
    current.end()
    current.abort()
