"""Of several callers that claim something, the first succeeds."""

from __future__ import annotations

import threading

from flask_llmstream.runtime.atomic import claim


class Owner:
    __slots__ = ("_is_free",)

    def __init__(self):
        self._is_free = True


def test_the_first_has_it_and_nobody_after():
    owner = Owner()
    assert [claim(owner, "_is_free") for _ in range(3)] == [True, False, False]


def test_of_threads_that_come_at_a_time_one_has_it():
    won = []

    def rivals(owner, together):
        together.wait()
        won.append(claim(owner, "_is_free"))

    for _ in range(50):
        owner, together = Owner(), threading.Barrier(4)
        threads = [threading.Thread(target=rivals, args=(owner, together)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert won.count(True) == 50
