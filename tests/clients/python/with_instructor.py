"""``instructor``: its default mode, which calls a tool, and the others."""

from __future__ import annotations

from typing import Any

import instructor
import openai
from pydantic import BaseModel

from tests.clients.python.telling import API_KEY, BASE_URL, error_of, tell


class Person(BaseModel):
    name: str
    age: int


class Mode:
    def __init__(self, mode: Any) -> None:
        self.name = f"`{mode.name}`"
        client = openai.OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0)
        self._completions = instructor.from_openai(client, mode=mode).chat.completions

    def person(self, model: str) -> Any:
        return self._completions.create(**asking(model, "scene:person")).model_dump()

    def person_in_parts(self, model: str) -> Any:
        *_, last = self._completions.create_partial(**asking(model, "scene:person"))
        return last.model_dump()

    def busy(self, model: str) -> Any:
        return error_of(lambda: self._completions.create(**asking(model, "scene:busy")))


def asking(model: str, prompt: str) -> Any:
    messages = [{"role": "user", "content": prompt}]
    return {"model": model, "messages": messages, "response_model": Person, "max_retries": 0}


if __name__ == "__main__":
    tell(*(Mode(mode) for mode in (
        instructor.Mode.TOOLS, instructor.Mode.JSON, instructor.Mode.MD_JSON,
        instructor.Mode.JSON_SCHEMA)))  # fmt: skip
