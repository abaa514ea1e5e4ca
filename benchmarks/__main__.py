"""Run flask_llmstream and other servers of event streams on the same work, and compare."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Callable, Iterator, Tuple

from . import prepare, processes, report, servers, works
from .measure import Result, rounds


def main() -> None:
    options = arguments()
    chosen = servers.named(options.servers)
    if options.before:
        chosen = tuple(servers.beside(options.before, chosen))
    sizes = works.QUICK_WORKS if options.quick else works.WORKS
    todo = works.named(options.work, sizes)
    chosen = tuple(server for server in chosen if any(work.is_for(server) for work in todo))
    processes.check_limits(todo)
    prepare.prepare(list(dict.fromkeys(server.environment for server in chosen)))
    if any(work.upstream == "https" for work in todo):
        prepare.certificates()
    machine = report.machine(chosen)
    count = options.rounds or (1 if options.quick else 5)
    results = list(shown(rounds(count, todo, chosen)))
    print(*report.machine_lines(machine), "", *report.report(results, todo), sep="\n")
    if options.json:
        runs = [result._asdict() for result in results]
        options.json.write_text(json.dumps({"machine": machine, "runs": runs}, indent=1))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, metavar="N", help="default: 5; with --quick 1")
    add_names(parser, "--work", works.NAMES, works.NAMES)
    add_names(parser, "--servers", servers.NAMES, servers.USUAL)
    add("--before", type=_checkout, metavar="DIR", help="measure ours of this checkout too")
    add("--json", type=Path, metavar="FILE", help="write every run's numbers there")
    add("--quick", action="store_true", help="small sizes: to see that it runs, not for numbers")
    return parser.parse_args()


def add_names(
    parser: argparse.ArgumentParser, option: str, known: Tuple[str, ...], usual: Tuple[str, ...]
) -> None:
    left_out = ", ".join(name for name in known if name not in usual)
    without = f", without {left_out}" if left_out else ""
    about = f"of {','.join(known)} (all{without})"
    parser.add_argument(
        option, type=_some_of(known), default=usual, metavar="NAMES", help=about
    )


def _some_of(known: Tuple[str, ...]) -> Callable[[str], Tuple[str, ...]]:
    def names(text: str) -> Tuple[str, ...]:
        found = tuple(text.split(","))
        unknown = ", ".join(sorted(set(found) - set(known)))
        if unknown:
            raise argparse.ArgumentTypeError(f"no {unknown} among {', '.join(known)}")
        return found

    return names


def _checkout(text: str) -> Path:
    found = Path(text).resolve()
    if not (found / "flask_llmstream").is_dir():
        raise argparse.ArgumentTypeError(f"no flask_llmstream in {found}")
    return found


def shown(results: Iterator[Result]) -> Iterator[Result]:
    """The same results; each is printed on the terminal as it comes."""
    for result in results:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in result.numbers.items())
        line = f"round {result.round}  {result.work:12} {result.server:20} {numbers}"
        print(line, file=sys.stderr, flush=True)
        yield result


if __name__ == "__main__":
    main()
