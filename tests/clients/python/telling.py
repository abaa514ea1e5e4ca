"""A client's script tells what the client gave its user: one line of JSON for each scene.

A row is a class; its public methods are its cells, and take the name of the model that is asked.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
import uuid
from typing import Any, Callable, Dict, List, Sequence

from tests.clients.scenes import TOOL, WEATHER

APP = os.environ["APP"]
UPSTREAM = os.environ["UPSTREAM"]
BASE_URL = f"{APP}/v1"
API_KEY = "any"
MODELS = ("own", "relay")

OUTPUT = os.dup(1)
os.dup2(2, 1)  # what the client itself prints is no line of this script

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER_TOOL = {
    "type": "function",
    "function": {"name": TOOL, "strict": True, "description": "The weather.", "parameters": CITY},
}
PERSON_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def tell(*rows: Any) -> None:
    """Run all cells of the rows with each model."""
    for row in rows:
        for model in MODELS:
            for cell, ask in cells_of(row):
                tell_one({"row": row.name, "model": model, "cell": cell}, lambda: ask(model))


def cells_of(row: Any) -> List[Any]:
    names = [name for name in dir(row) if not name.startswith("_") and name != "name"]
    return [(name, getattr(row, name)) for name in names if getattr(row, name)]


def tell_one(about: Dict[str, str], ask: Callable[[], Any]) -> None:
    try:
        line = in_utf8({**about, "value": ask()})
    except BaseException as error:
        line = in_utf8({**about, "failed": described(error)})
    os.write(OUTPUT, line + b"\n")


def in_utf8(value: Any) -> bytes:
    """As UTF-8, which has no halves of characters: a client that gave one fails here."""
    return json.dumps(value, default=repr, ensure_ascii=False).encode()


MEMBERS = ("status_code", "code", "param", "type", "request_id")


def error_of(ask: Callable[[], Any], members: Sequence[str] = MEMBERS) -> Any:
    """The error that the client raises, as its user sees it.

    :param members: the members that the client makes of the server's answer.
    """
    try:
        got = ask()
    except Exception as error:
        return described(error, members)
    return {"class": None, "got": repr(got)[:200]}


def described(error: BaseException, members: Sequence[str] = MEMBERS) -> Dict[str, Any]:
    told: Dict[str, Any] = {"class": type(error).__name__, "message": str(error)[:400]}
    for name in members:
        if hasattr(error, name):
            told[name.replace("status_code", "status")] = getattr(error, name)
    return told


def slow_scene() -> "tuple[str, str]":
    """A word, and the prompt of a slow answer with it."""
    word = uuid.uuid4().hex[:8]
    return word, f"scene:slow {word}"


def left(model: str, word: str) -> float:
    """Milliseconds from now, when the client has left, to the end of the slow answer."""
    now = time.monotonic()
    address = {"own": APP, "relay": UPSTREAM}[model]
    with urllib.request.urlopen(f"{address}/ended/{word}", timeout=30) as answer:
        return round((json.load(answer)["at"] - now) * 1000, 1)


def weather_in(city: str) -> str:
    """The weather in a city.

    Args:
        city: The city's name.
    """
    return WEATHER[city]
