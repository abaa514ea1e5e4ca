"""The code of docs/errors-and-endings.md runs, and fails as the page shows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.docs.pages import blocks_of, got, run_page, with_one_id
from tests.support.answers import Answer
from tests.support.eventually import eventually


@pytest.fixture(scope="module")
def names():
    return run_page("errors-and-endings.md")


def test_an_error_before_the_first_item_is_the_status_that_is_shown(names):
    shown = blocks_of("errors-and-endings.md", "text")[0]
    answer = names["app"].test_client().get("/night")
    assert shown.startswith(f"HTTP/1.1 {answer.status}\n")
    for name in ("Content-Type", "Retry-After"):
        assert f"{name}: {answer.headers[name]}\n" in shown
    assert with_one_id(answer.get_data(as_text=True)) == with_one_id(shown.split("\n")[-2])


def test_an_error_after_it_is_the_event_that_is_shown(names):
    shown = blocks_of("errors-and-endings.md", "text")[1]
    answer = got(names["app"], "/broken")
    assert with_one_id(shown.strip()) in with_one_id(answer)


def test_the_log_has_the_line_that_is_shown(names, caplog):
    got(names["app"], "/broken")
    shown = blocks_of("errors-and-endings.md", "text")[2]
    lines = eventually(lambda: [f"{each.levelname}: {each.message}" for each in caplog.records])
    assert with_one_id(shown.strip()) in map(with_one_id, lines)


def test_on_finish_gets_the_reason_and_the_text(names, caplog):
    names["app"].logger.setLevel("INFO")
    got(names["app"], "/counted")
    eventually(lambda: "complete: one two" in caplog.messages)


def test_a_thread_sends_to_an_emitter(names):
    assert got(names["app"], "/progress").count('{"percent":') == 3


def test_the_work_behind_an_emitter_ends_quietly_when_its_reader_has_left(names):
    works = []

    def thread(target):
        return SimpleNamespace(start=lambda: works.append(target))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(names, "threading", SimpleNamespace(Thread=thread))
        Answer(names["app"], "/progress").close()
    (work,) = works
    work()


def test_a_file_is_read_to_its_end(names):
    assert '"reason":"complete"' in got(names["app"], "/report")
