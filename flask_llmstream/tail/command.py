"""The command ``tail``: its options."""

from __future__ import annotations

import sys
from typing import Any, Dict, Iterable, Optional, Sequence

import click

from .printing import safe
from .request import BadArgument, body_of, checked_url, headers_of
from .showing import show
from .verdict import INTERRUPTED, STATUSES

_EPILOG = "\b\nExit status:\n" + "\n".join(
    f"  {status:3}  {meaning}" for status, meaning in STATUSES.items()
)

_LONGEST = 1_000_000
"""Seconds. The system takes no much longer timeouts."""


@click.command("tail", epilog=_EPILOG, short_help="Show what a stream sends, as it comes.")
@click.argument("url")
@click.option("-p", "--prompt", metavar="TEXT", help="""POST {"prompt": TEXT} as JSON.""")
@click.option("--json", "json_text", metavar="JSON", help="POST this as JSON; @FILE, @- for stdin.")
@click.option(
    "-d", "--data", multiple=True, metavar="DATA",
    help="POST this as a form, or as -H 'Content-Type: ...' says; @FILE, @- for stdin.",
)  # fmt: skip
@click.option(
    "-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
    help="Send this header, too; @FILE has one on each line.",
)  # fmt: skip
@click.option("--last-event-id", default="", metavar="ID", help="Go on behind this event.")
@click.option("--no-reconnect", is_flag=True, help="Make one connection and no other.")
@click.option(
    "--connect-timeout", type=click.FloatRange(0.001, _LONGEST), default=10.0, show_default=True,
    metavar="SECONDS", help="The longest time for a connection.",
)  # fmt: skip
@click.option(
    "--alive-timeout", type=click.FloatRange(0, _LONGEST), default=45.0, show_default=True,
    metavar="SECONDS", help="The longest time without a byte, heartbeats included; 0: any time.",
)  # fmt: skip
@click.option("--events", is_flag=True, help="Print the frames as they come, with their times.")
@click.option("--timing", is_flag=True, help="Print a histogram of the gaps between tokens.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def tail(
    url: str,
    prompt: Optional[str],
    json_text: Optional[str],
    data: Sequence[str],
    headers: Sequence[str],
    events: bool,
    timing: bool,
    quiet: bool,
    **connecting: Any,
) -> None:
    """Read the stream at URL: its text on stdout as it comes, and on stderr how it comes.

    A token is an event with text. A connection that breaks is resumed where the server keeps the
    answer.
    """
    context = click.get_current_context()
    try:
        body = body_of(data, json_text, prompt)
        sent = {"headers": headers_of(headers, body), "data": body and body.data}
        arguments = {**sent, **_settings(**connecting)}
        shown = show(checked_url(url), arguments, events, quiet)
        lines = shown.lines(context.command_path, bool(headers), timing, quiet)
        _tell(lines, "\n" * shown.is_amid_line)
    except BadArgument as error:
        raise click.UsageError(f"{error.option}: {error}") from None
    except KeyboardInterrupt:  # before the request was sent, or once more while it ends
        context.exit(INTERRUPTED)
    context.exit(shown.verdict.status)


def _settings(
    last_event_id: str, no_reconnect: bool, connect_timeout: float, alive_timeout: float
) -> Dict[str, Any]:
    """The arguments of ``EventSource`` for these options."""
    settings: Dict[str, Any] = {
        "last_event_id": last_event_id,
        "connect_timeout": connect_timeout,
        "alive_timeout": alive_timeout or None,
    }
    return {**settings, "max_tries": 0} if no_reconnect else settings


def _tell(lines: Iterable[str], before: str) -> None:
    stream = sys.stderr  # None where the process was started without one
    try:
        for line in lines if stream is not None else ():
            print(before + safe(line.replace("\n", " ")), file=stream, flush=True)
            before = ""
    except OSError:  # nobody reads it, as with 2>&1 | head; the exit status tells the ending
        pass
