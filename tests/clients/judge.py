"""Judges what a client gave its user: each scene has one right outcome."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional

from tests.clients.scenes import (
    BROKEN,
    BUSY,
    CALLS,
    LOGPROBS,
    PERSON,
    REASONING,
    RECALLED,
    REFUSAL,
    TOOL,
    USAGE,
    WEATHER_TOLD,
    WRONG,
    Failure,
)
from tests.streams.cases import TEXTS, differences

WHOLE_TEXTS = {name: case.text for name, case in TEXTS.items()}
COUNTED = {
    "prompt": USAGE["prompt_tokens"],
    "completion": USAGE["completion_tokens"],
    "total": USAGE["total_tokens"],
    "cached": USAGE["prompt_tokens_details"]["cached_tokens"],
    "reasoning": USAGE["completion_tokens_details"]["reasoning_tokens"],
}
Told = Mapping[str, Any]
"""A line of a client's script: its ``value``, or how it ``failed``."""


def fault(told: Told) -> Optional[str]:
    """What is wrong in a cell; ``None`` where all is right."""
    if "failed" in told:
        return f"{told['failed']['class']}: {told['failed']['message']}"
    judged = JUDGES.get(told["cell"]) or JUDGES[told["cell"].partition("_")[0]]
    return judged(told["value"]) or _wordless(told)


def _wordless(told: Told) -> Optional[str]:
    """An error says what the model said; a model's server only where it blames the request."""
    failure = FAILURES.get(told["cell"])
    if failure is None or (told["model"] == "relay" and failure is not WRONG):
        return None
    words = failure.error["message"].rpartition(": ")[2]
    got = told["value"]["message"]
    return None if words in got else f"{told['value']['class']} says {got!r}"


def _equal(right: Any) -> Callable[[Any], Optional[str]]:
    return lambda got: None if got == right else f"got {got!r}"


def _texts(got: str) -> Optional[str]:
    """All hard texts, each by its name."""
    found = differences(got, WHOLE_TEXTS)
    return f"in place of {found}" if found else None


def _weather(got: Dict[str, Any]) -> Optional[str]:
    if sorted(got["calls"], key=str) != [[TOOL, arguments] for _, arguments in CALLS]:
        return f"called {got['calls']!r}"
    if got.get("finish", "tool_calls") != "tool_calls":
        return f"finished with {got['finish']!r}"
    return _equal(WEATHER_TOLD.strip())(str(got["answer"]).strip())


def _turns(got: Dict[str, Any]) -> Optional[str]:
    """Three turns: the calls, the answer from the tools' outputs, and what the model knows of both
    at the next question."""
    return _weather(got) or _equal(RECALLED.strip())(str(got["recalled"]).strip())


def _refusal(got: Any) -> Optional[str]:
    said = got.get("message") if isinstance(got, dict) else got
    return None if "".join(REFUSAL) in str(said) else f"got {got!r}"


def _failing(failure: Failure, early: bool = True) -> Callable[[Any], Optional[str]]:
    """An error of the client's own class, with all that the client has members for."""

    def judged(got: Mapping[str, Any]) -> Optional[str]:
        if got["class"] is None:
            return f"no error, but {got['got']}"
        if early and got.get("status", failure.status) != failure.status:
            return f"{got['class']} has the status {got['status']}"
        members = ["type", "code", *(["request_id"] if early else [])]
        missing = [name for name in members if name in got and not got[name]]
        if got.get("param", failure.error["param"]) != failure.error["param"]:
            missing.append("param")
        return f"{got['class']} without {', '.join(missing)}" if missing else None

    return judged


def _waited(got: Mapping[str, Any]) -> Optional[str]:
    asked_again = got["waited"] >= BUSY.retry_after
    return None if asked_again else f"it waited {got['waited']} s"


def _left(got: Any) -> Optional[str]:
    return None if isinstance(got, (int, float)) else f"got {got!r}"


FAILURES = {"busy": BUSY, "wrong": WRONG, "breaks": BROKEN}
JUDGES: Dict[str, Callable[[Any], Optional[str]]] = {
    "text": _texts,
    "halves": _equal(WHOLE_TEXTS["emoji_halves"]),
    "reasons": _equal({"reasoning": "".join(REASONING), "text": "It is 42."}),
    "weather": _weather,
    "turns": _turns,
    "person": _equal(PERSON),
    "refuses": _refusal,
    "logprobs": _equal([[token, number] for token, number in LOGPROBS]),
    "usage": _equal(COUNTED),
    "busy": _failing(BUSY),
    "busy_once": _waited,
    "wrong": _failing(WRONG),
    "breaks": _failing(BROKEN, early=False),
    "slow": _left,
}
