"""The rows of the table: what a client told, in a word or two for each column."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Tuple

from tests.clients.clients import Client
from tests.clients.judge import fault

Told = Mapping[str, Any]
COLUMNS: Dict[str, Tuple[str, ...]] = {
    "text": ("text", "halves"),
    "reasoning": ("reasons",),
    "tools": ("weather", "turns"),
    "structured": ("person", "person_by_tool", "person_streamed", "person_in_parts"),
    "refusal": ("refuses",),
    "log probabilities": ("logprobs",),
    "usage": ("usage",),
    "429": ("busy", "busy_once"),
    "400": ("wrong",),
    "it breaks": ("breaks",),
    "it is left": ("slow",),
}
"""The cells that each column is made of."""


def rows_of(client: Client, lines: Iterable[Told]) -> List[List[str]]:
    """One row for each of its ways to ask."""
    by_row: Dict[str, List[Told]] = {}
    for line in lines:
        by_row.setdefault(line["row"], []).append(line)
    return [
        [f"{client.title}, {row}", *(cell(client, told, cells) for cells in COLUMNS.values())]
        for row, told in by_row.items()
    ]


def cell(client: Client, told: List[Told], cells: Tuple[str, ...]) -> str:
    """Its worst part; an empty cell where it has no such thing."""
    lines = [line for line in told if line["cell"] in cells]
    for line in lines:
        lack = client.lack(line)
        if lack:
            return f"no: {lack}"
        if fault(line):
            return f"**fails** ({line['model']}, {line['cell']})"
    return said(lines)


def said(lines: List[Told]) -> str:
    """``yes``, the class of the error, or the times in milliseconds."""
    if not lines:
        return ""
    values = [line["value"] for line in lines]
    if lines[0]["cell"] == "slow":
        return " / ".join(f"{value:.0f} ms" for value in values)
    classes = {value["class"] for value in values if isinstance(value, dict) and "class" in value}
    return ", ".join(f"`{name}`" for name in sorted(classes)) or "yes"
