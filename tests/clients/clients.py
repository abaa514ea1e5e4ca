"""The clients, the packages that each is tried with, and how its script runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Union

from tests.clients.upstream import ScriptedModel
from tests.support.servers import GEVENT, ROOT, serving

HERE = Path(__file__).parent
INSTALLED = ROOT / ".venv" / "clients"
"""Where ``make`` installs the packages: a folder for each group."""
HANG_GUARD = 600
"""Seconds after which a script counts as hanging. Nothing is measured by it."""
AT_HOME = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""So that no client asks anybody but the application."""


class Group(NamedTuple):
    """Packages that are installed together. Their versions are pinned in a file of its name.

    :ivar name: such as ``python/usual``.
    """

    name: str

    @property
    def folder(self) -> Path:
        return INSTALLED / self.name

    @property
    def installed(self) -> bool:
        return (self.folder / "installed").exists()


class PythonGroup(Group):
    """A virtual environment."""

    def version(self, package: str) -> str:
        pins = (HERE / f"{self.name}.txt").read_text()
        return re.search(rf"^{re.escape(package)}==(\S+)$", pins, re.MULTILINE).group(1)

    def command(self, script: str) -> List[str]:
        return [str(self.folder / "bin" / "python"), "-m", f"tests.clients.python.{script}"]

    def running(self, code: str) -> List[str]:
        """The command that runs this code, from a file."""
        script = self.folder / "shown.py"
        script.write_text(code, encoding="utf-8")
        return [str(self.folder / "bin" / "python"), str(script)]


class NodeGroup(Group):
    """A folder with ``node_modules``."""

    def version(self, package: str) -> str:
        pins = json.loads((HERE / self.name / "package.json").read_text())
        return pins["dependencies"][package]

    def command(self, script: str) -> List[str]:
        """Node looks for packages beside the script, so the script is copied there."""
        for source in (HERE / "node").glob("*.mjs"):
            shutil.copy(source, self.folder)
        return ["node", str(self.folder / f"{script}.mjs")]

    def running(self, code: str) -> List[str]:
        """The command that runs this code, from a file beside its packages."""
        script = self.folder / "shown.mjs"
        script.write_text(code, encoding="utf-8")
        return ["node", str(script)]


PYTHON, FRAMEWORKS = PythonGroup("python/usual"), PythonGroup("python/frameworks")
NODE, NODE_NEWEST = NodeGroup("node/usual"), NodeGroup("node/newest")
UI = NodeGroup("node/ui")
"""The AI SDK's ``useChat``, in several versions side by side."""
USUAL = (PYTHON, NODE)
"""The two most used clients of each language, which ``make test`` runs."""


class Client(NamedTuple):
    """One client.

    :ivar lacks: what it can't give its user, by cell or by row and cell, with the reason. It is
        tested that it can't.
    """

    name: str
    package: str
    group: Union[PythonGroup, NodeGroup]
    script: str
    lacks: Mapping[str, str] = {}

    @property
    def title(self) -> str:
        return f"{self.name} {self.group.version(self.package)}"

    def lack(self, told: Mapping[str, Any]) -> str:
        """Why this cell can't be right; ``""`` where it has to be."""
        exact = self.lacks.get(f"{told['row']} {told['cell']}", "")
        return exact or self.lacks.get(told["cell"], "")


LANGCHAIN = {
    "reasons": "it reads OpenAI's own members alone",
    "`stream` refuses": "only from a whole answer",
}
OPENAI_NODE = {"`.stream()` reasons": "it keeps the last delta alone"}
LITELLM = {
    f"`{name}/` text": "it drops a text that is `[DONE]`" for name in ("hosted_vllm", "deepseek")
}
LLM = {"text": "it prints no escapes of a terminal"}
AI_SDK = {"`openai().chat()` reasons": "it reads OpenAI's own members alone"}

CLIENTS = [
    Client("openai", "openai", PYTHON, "with_openai"),
    Client("openai", "openai", PYTHON, "with_openai_responses"),
    Client("LangChain", "langchain-openai", PYTHON, "with_langchain", LANGCHAIN),
    Client("openai-node", "openai", NODE, "with_openai", OPENAI_NODE),
    Client("openai-node", "openai", NODE, "with_openai_responses"),
    Client("AI SDK", "ai", NODE, "with_ai_sdk", AI_SDK),
    Client("openai", "openai", FRAMEWORKS, "with_openai"),
    Client("openai", "openai", FRAMEWORKS, "with_openai_responses"),
    Client("LlamaIndex", "llama-index-llms-openai-like", FRAMEWORKS, "with_llama_index"),
    Client("LiteLLM", "litellm", FRAMEWORKS, "with_litellm", LITELLM),
    Client("Instructor", "instructor", FRAMEWORKS, "with_instructor"),
    Client("Pydantic AI", "pydantic-ai-slim", FRAMEWORKS, "with_pydantic_ai"),
    Client("OpenAI Agents", "openai-agents", FRAMEWORKS, "with_openai_agents"),
    Client("smolagents", "smolagents", FRAMEWORKS, "with_smolagents"),
    Client("llm", "llm", FRAMEWORKS, "with_llm", LLM),
    Client("openai-node", "openai", NODE_NEWEST, "with_openai", OPENAI_NODE),
    Client("openai-node", "openai", NODE_NEWEST, "with_openai_responses"),
    Client("AI SDK", "ai", NODE_NEWEST, "with_ai_sdk", AI_SDK),
    Client("LangChain.js", "@langchain/openai", NODE_NEWEST, "with_langchain"),
]


@contextmanager
def asked_app(app: str = "tests.clients.app:app") -> Iterator[Dict[str, str]]:
    """The application and the model's server behind it: their addresses."""
    with ScriptedModel() as model:
        command = GEVENT.command.replace("{app}", app)
        with serving(command, UPSTREAM=model.url) as live:
            yield {"APP": f"http://127.0.0.1:{live.port}", "UPSTREAM": model.url}


def told_by(client: Client, addresses: Mapping[str, str]) -> List[Dict[str, Any]]:
    """Run a client's script. Each line that it prints is a cell."""
    environment = {**os.environ, **addresses, **AT_HOME, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        client.group.command(client.script),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=HANG_GUARD,
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]
