"""Items of recent answers: each owner's own, and no more than there is room for."""

from __future__ import annotations

import threading

import pytest

from flask_llmstream.protocols.responses.recent_items import RecentItems


def item(number, text="a"):
    return {"id": f"msg_{number}", "type": "message", "text": text}


def found(recent, owner="ada", last=10):
    return [number for number in range(last) if recent.find(owner, f"msg_{number}")]


def test_an_item_is_found_by_its_owner_alone():
    recent = RecentItems()
    recent.keep("ada", [item(1)])
    assert recent.find("ada", "msg_1") == item(1)
    assert recent.find("eve", "msg_1") is None
    assert recent.find("ada", "msg_2") is None


def test_the_oldest_are_forgotten():
    recent = RecentItems(max_items=3)
    recent.keep("ada", [item(0), item(1)])
    recent.keep("eve", [item(2)])
    recent.keep("ada", [item(3), item(4)])
    assert (found(recent), found(recent, "eve")) == ([3, 4], [2])


def test_no_more_bytes_are_kept_than_there_is_room_for():
    recent = RecentItems(max_bytes=200)
    recent.keep("ada", [item(0, "a" * 90), item(1, "a" * 90)])
    assert found(recent) == [1]
    recent.keep("ada", [item(2)])
    assert found(recent) == [1, 2]


def test_an_item_that_is_too_long_is_not_kept_and_the_others_stay():
    recent = RecentItems(max_bytes=200)
    recent.keep("ada", [item(0), item(1, "a" * 200)])
    assert found(recent) == [0]


def test_an_item_is_kept_as_it_was():
    recent, kept = RecentItems(), item(0)
    recent.keep("ada", [kept])
    kept["text"] = "b"
    recent.find("ada", "msg_0")["text"] = "c"
    assert recent.find("ada", "msg_0") == item(0)


class Foreign:
    """An owner whose comparison asks for more items."""

    def __init__(self, recent):
        self.recent = recent

    def __eq__(self, other):
        self.recent.keep("ada", [item(1)])
        return self is other

    __hash__ = object.__hash__


def test_an_owner_that_calls_back_waits_for_nobody():
    recent = RecentItems()
    owner = Foreign(recent)
    recent.keep(owner, [item(0)])
    assert recent.find(owner, "msg_0") == item(0)
    assert found(recent) == [1]


@pytest.mark.parametrize("max_items", [1, 50])
def test_many_threads_keep_no_more_than_there_is_room_for(max_items):
    recent = RecentItems(max_items=max_items)

    def keep(first):
        for number in range(first, first + 200):
            recent.keep("ada", [item(number)])

    threads = [threading.Thread(target=keep, args=(200 * each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found(recent, last=1600)) == max_items
