"""``python -m tests.bad_days`` runs the long versions, and prints the counts as a table.

It fails where a crowd has left something, or where an answer was not whole.
"""

from __future__ import annotations

import sys
from time import monotonic

from tests.bad_days.rounds import Rounds
from tests.support.servers import PYWSGI, THREADS, Server, running

CROWDS = {"gevent.pywsgi": (10_000, 100, 0.3), "flask run, threads": (2_000, 40, 0.3)}
"""The number of readers, the seconds in which they come, and the pause before each token."""


def main() -> int:
    """Print the tables of all servers; 1 where one did not survive."""
    survived = [survives(server) for server in (PYWSGI, THREADS)]
    return int(not all(survived))


def survives(server: Server) -> bool:
    """Let two crowds come to the server, and print what it holds then."""
    readers, seconds, pause = CROWDS[server.name]
    print(f"\n## {readers} readers come and leave at {server.name}")
    with running(server) as live:
        rounds = Rounds(live, readers, seconds, pause)
        clean = [leaves_nothing(rounds) for _ in range(2)]
        tracebacks = sum("Traceback" in line for line in live.log)
    print_counts(rounds)
    print(f"{tracebacks:8} tracebacks in the server's log\n", flush=True)
    return all(clean) and not rounds.grown and not rounds.broken


def leaves_nothing(rounds: Rounds) -> bool:
    """Run one crowd, and print in a line what it has left."""
    began = monotonic()
    rounds.run()
    print(f"round of {monotonic() - began:.0f} s, {rounds.crowds[-1].most} at a time;"
          f" left: {rounds.left or 'nothing'}; grown: {rounds.grown or 'nothing'}")
    return not rounds.left


def print_counts(rounds: Rounds) -> None:
    """Print how the readers of the last crowd ended, and the counts before and after each crowd."""
    for kind, number in sorted(rounds.crowds[-1].tally.items()):
        print(f"{number:8} {kind}")
    print(f"\n{'':12}{'before':>10}{'after':>10}{'again':>10}")
    for name in rounds.counts[0]:
        print(f"{name:12}" + "".join(f"{counts[name]:10}" for counts in rounds.counts))


if __name__ == "__main__":
    sys.exit(main())
