"""Makes the virtual environments, the npm packages and the compiled client, under ``.work``.

Each is made once, and again when its ingredients have changed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Callable, Dict, List

HERE = Path(__file__).parent
WORK = HERE / ".work"
CLIENT = WORK / "client"
CERTIFICATES = WORK / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"
CERTIFICATE = CERTIFICATES / "certificate.pem"
KEY = CERTIFICATES / "key.pem"

ON_UVICORN = ["uvicorn", "uvloop", "httptools"]
PACKAGES = {
    "flask": ["Flask", "gevent", "requests"],
    "flask-orjson": ["Flask", "gevent", "requests", "orjson"],
    "asgi": ["sse-starlette", "starlette", *ON_UVICORN],
    "flask-redis": ["Flask", "gevent", "requests", "redis"],
    "fastapi-resumable": ["fastapi-resumable-stream[fastapi]", "fastapi", *ON_UVICORN],
    "assistant": ["assistant-stream[redis]", "starlette", *ON_UVICORN],
    "fastapi": ["fastapi", *ON_UVICORN],
    "litellm": ["litellm[proxy]==1.108.7"],  # it has a release nearly every day
}
NODE_PACKAGES = ["better-sse", "resumable-stream", "redis"]

VERSIONS = """
import json, platform, sys
from importlib.metadata import version
packages = {name: version(name) for name in sys.argv[1:]}
print(json.dumps({"Python": platform.python_version(), **packages}))
"""


def prepare(environments: List[str]) -> None:
    """Make these environments and the client, where they are missing."""
    WORK.mkdir(exist_ok=True)
    source = HERE / "client.c"
    _once("client", source.read_text(), lambda: _run("cc", "-O2", "-o", CLIENT, source))
    for name in environments:
        if name == "node":
            _once(name, " ".join(NODE_PACKAGES), _install_node_packages)
        else:
            _once(name, f"{sys.version} {PACKAGES[name]}", partial(_make_venv, name))


def certificates() -> None:
    """Make an authority, and a certificate of its for 127.0.0.1, where they are missing."""
    _once("certificates", " ".join(_CERTIFICATE_FOR), _make_certificates)


def interpreter(environment: str) -> str:
    """The command that runs a server file of this environment."""
    return "node" if environment == "node" else str(WORK / environment / "bin" / "python")


def variables(checkout: Path) -> Dict[str, str]:
    """The process environment of a server: the checkout and the npm packages can be imported."""
    found = {"PYTHONPATH": str(checkout), "NODE_PATH": str(WORK / "node_modules")}
    return {**os.environ, **found, "NODE_ENV": "production"}


def versions(environment: str) -> Dict[str, str]:
    """The versions in an environment, by the name of the package."""
    if environment == "node":
        found = {"node": _run("node", "--version").strip().lstrip("v")}
        return {**found, **{name: _node_version(name) for name in NODE_PACKAGES}}
    names = [package.split("=")[0].split("[")[0] for package in PACKAGES[environment]]
    printed = _run(interpreter(environment), "-c", VERSIONS, *names)
    packages: Dict[str, str] = json.loads(printed)
    return packages


def _once(name: str, made_of: str, make: Callable[[], object]) -> None:
    stamp = WORK / f"{name}.stamp"
    wanted = sha256(made_of.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"benchmarks: preparing {name}", file=sys.stderr)
    make()
    stamp.write_text(wanted)


def _make_venv(name: str) -> None:
    _run(sys.executable, "-m", "venv", "--clear", WORK / name)
    _run(interpreter(name), "-m", "pip", "install", "--quiet", *PACKAGES[name])


def _install_node_packages() -> None:
    _run("npm", "install", "--prefix", WORK, "--no-audit", "--no-fund", *NODE_PACKAGES)


def _node_version(name: str) -> str:
    manifest = json.loads((WORK / "node_modules" / name / "package.json").read_text())
    return str(manifest["version"])


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650")
_CERTIFICATE_FOR = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")


def _make_certificates() -> None:
    CERTIFICATES.mkdir(exist_ok=True)
    authority_key = CERTIFICATES / "authority.key"
    new = ("openssl", "req", "-x509", *_NEW_KEY)
    _run(*new, "-subj", "/CN=benchmarks", "-keyout", authority_key, "-out", AUTHORITY)
    signed = ("-CA", AUTHORITY, "-CAkey", authority_key, "-addext", "basicConstraints=CA:FALSE")
    _run(*new, *_CERTIFICATE_FOR, *signed, "-keyout", KEY, "-out", CERTIFICATE)


def _run(*command: object) -> str:
    """Run a command to its end; its error output is shown when it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise SystemExit(f"benchmarks: {words[0]} is needed and not installed") from None
    if done.returncode:
        raise SystemExit(f"benchmarks: {' '.join(words)} failed\n{done.stderr or done.stdout}")
    return done.stdout
