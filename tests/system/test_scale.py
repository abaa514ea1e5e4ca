"""A thousand readers at a time, on one process."""

from __future__ import annotations

from tests.support.readers import Readers
from tests.support.servers import SERVERS, running

READERS = 1000
PYWSGI = SERVERS[0]


def test_a_thousand_concurrent_counters_all_complete():
    with running(PYWSGI) as live, Readers(live.port, ["/counter"] * READERS) as readers:
        answers = readers.read_to_the_end()
    assert len(answers) == READERS
    assert {answer.count(b'message\ndata: {"ended":false') for answer in answers} == {10}
    assert {answer.count(b'"reason":"complete"') for answer in answers} == {1}
