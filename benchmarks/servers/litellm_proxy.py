"""The LiteLLM proxy by its own command, with one model and without all that a relay can do without.

No key, as ours has none; no database, callback, retry or access log; the prices that came with the
package. ``litellm.yaml`` says the rest.
"""

import os
import sys
from pathlib import Path

CONFIG = Path(__file__).with_name("litellm.yaml")

os.environ.update(
    LITELLM_MODE="PRODUCTION",
    LITELLM_LOG="ERROR",
    LITELLM_LOCAL_MODEL_COST_MAP="True",
)
if "UPSTREAM_CA" in os.environ:
    os.environ["SSL_CERT_FILE"] = os.environ["UPSTREAM_CA"]
command = str(Path(sys.executable).with_name("litellm"))
where = ("--host", "127.0.0.1", "--port", sys.argv[1])
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # its banner
os.execv(command, (command, "--config", str(CONFIG), "--num_workers", "1", *where))
