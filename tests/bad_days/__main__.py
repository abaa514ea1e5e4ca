"""``python -m tests.bad_days`` runs the long versions, and prints the counts as a table."""

from __future__ import annotations

import sys
from time import monotonic

from tests.bad_days.rounds import Rounds
from tests.support.servers import PYWSGI, THREADS, Server, running

CROWDS = {"gevent.pywsgi": (10_000, 100, 0.3), "flask run, threads": (2_000, 40, 0.3)}
"""The number of readers, the seconds in which they come, and the pause before each token."""


def crowds(server: Server) -> None:
    readers, seconds, pause = CROWDS[server.name]
    print(f"\n## {readers} readers come and leave at {server.name}")
    with running(server) as live:
        rounds = Rounds(live, readers, seconds, pause)
        for _ in range(2):
            began = monotonic()
            rounds.run()
            print(f"round of {monotonic() - began:.0f} s, {rounds.crowds[-1].most} at a time;"
                  f" left: {rounds.left or 'nothing'}; grown: {rounds.grown or 'nothing'}")
        tracebacks = sum("Traceback" in line for line in live.log)
    for kind, number in sorted(rounds.crowds[-1].tally.items()):
        print(f"{number:8} {kind}")
    print(f"{tracebacks:8} tracebacks in the server's log\n")
    print(f"{'':12}{'before':>10}{'after':>10}{'again':>10}")
    for name in rounds.counts[0]:
        print(f"{name:12}" + "".join(f"{counts[name]:10}" for counts in rounds.counts))
    sys.stdout.flush()


if __name__ == "__main__":
    for server in (PYWSGI, THREADS):
        crowds(server)
