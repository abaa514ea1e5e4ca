"""The benchmarks measure what they say: their client, their checks and their arithmetic."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys

import pytest

from benchmarks import prepare, promises, servers, works
from benchmarks.growth import growth_lines
from benchmarks.measure import measure
from benchmarks.metrics import CPU, CPU_WHILE_OPEN
from benchmarks.processes import Readers, Upstream
from benchmarks.promises import PROMISES, outcomes, ratio
from benchmarks.relay_works import answers, relay_first
from benchmarks.verify import check_answer, check_counts, check_sample, hashed
from benchmarks.work import counted
from tests.conftest import needs

OURS = servers.named(("ours-relay",))[0]


@pytest.fixture
def client(tmp_path, monkeypatch):
    """The compiled client, and servers that run on the Python of the tests."""
    needs("cc", shutil.which("cc") is not None)
    needs("node", shutil.which("node") is not None)
    needs("a second core", len(os.sched_getaffinity(0)) > 1)
    compiled = tmp_path / "client"
    subprocess.run(["cc", "-o", str(compiled), prepare.HERE / "client.c"], check=True)
    monkeypatch.setattr(prepare, "CLIENT", compiled)
    monkeypatch.setattr(prepare, "interpreter", lambda environment: sys.executable)


def test_the_client_reads_every_text_in_its_order(client):
    work = answers(readers=30, tokens=25, at_once=4)
    with Upstream("http") as upstream, Readers(upstream.port, work) as readers:
        readers.phase("open")
        done = readers.phase("done")
        assert upstream.load().connections == 30
    assert (done["events"], done["fewest"], done["differ"]) == (750, 25, 0)
    assert done["text"] == hashed(counted(25))


def test_a_relay_is_measured_beside_the_models_server_itself(client):
    result = measure(1, relay_first(readers=15, tokens=5), OURS)
    behind = result.numbers["first event, behind the model's own, median"]
    assert behind > 0 and result.client_share > 0


def done_with(text, **changes):
    return {"events": 4, "fewest": 2, "differ": 0, "text": hashed(text), **changes}


def test_the_same_work_is_accepted():
    check_counts(OURS, answers(readers=2, tokens=2), done_with("01"))


@pytest.mark.parametrize(
    "done",
    [
        done_with("10"),
        done_with("01", differ=1),
        done_with("01", events=3),
        done_with("01", fewest=1),
    ],
    ids=["another order", "one reader's text differs", "one is missing", "one came twice"],
)
def test_other_work_is_refused(done):
    with pytest.raises(SystemExit):
        check_counts(OURS, answers(readers=2, tokens=2), done)


def answer(text, reason='"stop"', end="[DONE]"):
    parts = [f'{{"choices":[{{"delta":{{"content":"{text}"}},"finish_reason":null}}]}}']
    parts += [f'{{"choices":[{{"delta":{{}},"finish_reason":{reason}}}]}}', end]
    return "".join(f"data: {part}\n\n" for part in parts).encode()


def test_a_relayed_sample_has_its_whole_text_and_its_end():
    check_answer(OURS, answer(counted(300)))
    for wrong in (answer("01"), answer(counted(300), "null"), answer(counted(300), end="{}")):
        with pytest.raises((SystemExit, LookupError)):
            check_answer(OURS, wrong)


def test_a_sample_of_events_is_compared_to_the_byte():
    plain = servers.named(("plain-flask",))[0]
    work = works.named(("burst",), works.WORKS)[0]
    events = [f'event: message\ndata: {{"ended":false,"message":"{n}"}}\n\n' for n in range(300)]
    check_sample(plain, work, lambda path: "".join(events).encode())
    with pytest.raises(SystemExit):
        check_sample(plain, work, lambda path: "".join(events).replace(":f", ": f").encode())


def test_every_promise_is_about_a_work_that_its_servers_do():
    done = {(work.name, name) for work in works.WORKS for name in work.servers}
    for promise in PROMISES:
        metrics = next(work.metrics for work in works.WORKS if work.name == promise.work)
        assert promise.metric.name in {metric.name for metric in metrics}
        for server in promise.servers:
            assert {(promise.work, server), promise.beside(server)} <= done


def test_the_quick_works_are_the_same_works():
    usual, quick = ([work.name for work in some] for some in (works.WORKS, works.QUICK_WORKS))
    assert [name for name in usual if name in quick] == quick
    assert not [name for name in usual if name not in quick and not name.startswith("growth-")]


def test_the_first_word_of_a_name_stands_for_all_works_with_it():
    names = [work.name for work in works.named(("relay", "growth-100"), works.WORKS)]
    assert names == [
        "relay-burst", "relay-paced", "relay-idle", "relay-first", "relay-open", "growth-100",
    ]  # fmt: skip


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds():
    ours, theirs = ("burst", "ours"), ("burst", "node")
    rounds = {ours: [1, 9, 2], theirs: [2, 10, 8]}
    numbers = {key: [{"CPU": value} for value in values] for key, values in rounds.items()}
    assert ratio(numbers, CPU, ours, theirs) == 0.5


@pytest.mark.parametrize("one, times", [(0.0, 1.0), (2.0, math.inf)])
def test_beside_nothing_it_is_one_time_or_without_bound(one, times):
    numbers = {("work", "ours"): [{"CPU": one}], ("work", "theirs"): [{"CPU": 0.0}]}
    assert ratio(numbers, CPU, ("work", "ours"), ("work", "theirs")) == times


def test_a_promise_is_held_at_its_limit_and_missed_above_it():
    growth = next(promise for promise in PROMISES if promise.peer_work == "growth-100")
    begin, end = (growth.peer_work, "ours"), (growth.work, "ours")
    for cpu, held in ((growth.at_most, True), (growth.at_most + 0.01, False)):
        found = list(outcomes({begin: [{"CPU": 1.0}], end: [{"CPU": cpu}]}))
        assert [outcome.held for outcome in found] == [held]


def test_growth_is_drawn_to_one_scale():
    steps = works.named(("growth-100", "growth-500"), works.WORKS)
    cpu = {("growth-100", "ours"): 20.0, ("growth-500", "ours"): 10.0}
    numbers = {key: [{CPU_WHILE_OPEN.name: value}] for key, value in cpu.items()}
    bars = [line.count("█") for line in growth_lines(numbers, list(steps))]
    assert bars == [0, 0, 50, 25]


def test_ours_are_those_that_the_servers_list():
    kept = {*promises.RESUME, *promises.REDIS}
    ours = {*promises.OURS, *promises.EMITTER} - kept
    assert ours == {s.name for s in servers.SERVERS if s.is_ours}
    assert kept == {s.name for s in servers.SERVERS if s.file == servers.OUR_RESUME}
