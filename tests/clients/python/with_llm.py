"""``llm``, the command: models in its ``extra-openai-models.yaml``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.clients.python.telling import BASE_URL, MODELS, PERSON_SCHEMA, left, slow_scene, tell

HERE = Path(__file__).parent
MODEL = """\
- model_id: {0}
  model_name: {0}
  api_base: {1}
  supports_tools: true
  supports_schema: true
"""


class Command:
    """Its settings lie in a folder of their own."""

    name = "`llm`"

    def __init__(self, folder: str) -> None:
        models = "".join(MODEL.format(model, BASE_URL) for model in MODELS)
        Path(folder, "extra-openai-models.yaml").write_text(models)
        Path(folder, "weather.py").write_text(WEATHER)
        self._folder = folder
        self._environment = {**os.environ, "LLM_USER_PATH": folder, "OPENAI_API_KEY": "any"}

    def _llm(self, *words: str) -> Any:
        command = [sys.executable, "-m", "llm", *words]
        return subprocess.run(command, env=self._environment, capture_output=True, timeout=60)

    def _said(self, *words: str) -> str:
        ran = self._llm(*words)
        if ran.returncode:
            raise RuntimeError(ran.stderr.decode())
        return ran.stdout.decode()

    def text(self, model: str) -> str:
        return self._said("-m", model, "scene:text").rstrip("\n")

    def halves(self, model: str) -> str:
        return self._said("-m", model, "scene:halves").rstrip("\n")

    def weather(self, model: str) -> Any:
        functions = str(Path(self._folder, "weather.py"))
        text = self._said("-m", model, "--functions", functions, "scene:weather")
        calls = [json.loads(line) for line in Path(self._folder, "calls").read_text().splitlines()]
        Path(self._folder, "calls").unlink()
        return {"calls": calls, "answer": text.rstrip("\n")}

    def person(self, model: str) -> Any:
        schema = json.dumps(PERSON_SCHEMA)
        return json.loads(self._said("-m", model, "--schema", schema, "scene:person"))

    def _failed(self, *words: str) -> Any:
        ran = self._llm(*words)
        return {"class": f"exit {ran.returncode}", "message": ran.stderr.decode().strip()}

    def busy(self, model: str) -> Any:
        return self._failed("-m", model, "scene:busy")

    def wrong(self, model: str) -> Any:
        return self._failed("-m", model, "-o", "seed", "7", "scene:wrong")

    def breaks(self, model: str) -> Any:
        return self._failed("-m", model, "scene:breaks")

    def slow(self, model: str) -> float:
        """Ctrl-C."""
        word, prompt = slow_scene()
        command = [sys.executable, "-m", "llm", "-m", model, prompt]
        ran = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        ran.stdout.read(5)
        ran.send_signal(signal.SIGINT)
        took = left(model, word)
        ran.communicate(timeout=30)
        return took


WEATHER = '''
import json, os

def get_weather(city: str) -> str:
    "The weather in a city."
    with open(os.environ["LLM_USER_PATH"] + "/calls", "a") as calls:
        calls.write(json.dumps(["get_weather", {"city": city}]) + "\\n")
    return {"Paris": "21 °C", "Rome": "18 °C"}[city]
'''


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        tell(Command(folder))
