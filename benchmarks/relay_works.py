"""The works of the relays: a model's server with OpenAI's API behind them."""

from __future__ import annotations

from dataclasses import replace

from .event_works import OPENING_SECONDS, SILENCE_SECONDS, TOKENS_A_SECOND
from .metrics import (
    ANSWERS,
    CONNECTIONS,
    CPU,
    CPU_A_STREAM,
    CPU_WHILE_OPEN,
    FIRST_BEHIND,
    LATENCY,
    MEMORY,
    MEMORY_IN_USE,
    MEMORY_UNUSED,
)
from .servers import RELAYS
from .work import CHAT, Work, counted

AT_A_TIME = 10


def answers(readers: int, tokens: int, at_once: int = 0, upstream: str = "http") -> Work:
    """Readers of whole answers, each as fast as it goes."""
    return Work(
        "warm-up", "", CHAT, readers, servers=RELAYS, at_once=at_once, events=tokens,
        text=counted(tokens), upstream=upstream, prompt=f"burst {tokens} 0",
    )  # fmt: skip


FEW = answers(readers=20, tokens=20, at_once=5)


def relay_burst(readers: int, tokens: int) -> Work:
    about = f"{readers:,} readers × {tokens:,} tokens, relayed"
    whole = answers(readers, tokens)
    return replace(whole, name="relay-burst", about=about, metrics=(CPU,), warm_up=FEW)


def relay_paced(readers: int, seconds: float) -> Work:
    """A model's pace; opening and closing the connections is not counted."""
    about = f"{readers:,} readers × {TOKENS_A_SECOND} tokens/s, {seconds:g} s, relayed"
    metrics = (CPU_WHILE_OPEN, LATENCY)
    return Work(
        "relay-paced", about, CHAT, readers, metrics, RELAYS,
        spread=OPENING_SECONDS, hold=seconds, warm_up=FEW,
        upstream="http", prompt=f"paced 1000000 {1 / TOKENS_A_SECOND}",
    )  # fmt: skip


def relay_idle(readers: int) -> Work:
    """Open answers that had one token and are silent."""
    metrics = (MEMORY_UNUSED, MEMORY_IN_USE, MEMORY)
    return Work(
        "relay-idle", f"{readers:,} open silent answers, relayed", CHAT, readers, metrics, RELAYS,
        spread=readers / 50, hold=1.0, warm_up=FEW,
        upstream="http", prompt=f"paced 2 {SILENCE_SECONDS}",
    )  # fmt: skip


def relay_first(readers: int, tokens: int) -> Work:
    """One reader at a time, who reads from the model's server itself before."""
    one_by_one = answers(readers, tokens, at_once=1)
    return replace(
        one_by_one, name="relay-first", metrics=(FIRST_BEHIND,), direct=True, warm_up=FEW,
        about=f"{readers:,} answers × {tokens} tokens, relayed one after another",
    )  # fmt: skip


def relay_open(readers: int, tokens: int) -> Work:
    """Readers who ask again and again, and a model's server that speaks TLS."""
    again = answers(readers, tokens, AT_A_TIME, "https")
    return replace(
        again, name="relay-open", metrics=(ANSWERS, CPU_A_STREAM, CONNECTIONS),
        warm_up=replace(FEW, upstream="https"),
        about=f"{readers:,} answers × {tokens} tokens, {AT_A_TIME} at a time, from TLS",
    )  # fmt: skip
