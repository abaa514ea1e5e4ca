"""A real nginx in front of a server, with what a site may have written into its location."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

from tests.servers import HANG_GUARD, free_port, wait_for_port

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{behind}; {location} }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(behind: int, location: str = "") -> Iterator[str]:
    """The URL of an nginx in front of this port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        written = CONFIGURATION.format(folder=folder, port=port, behind=behind, location=location)
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(written, encoding="utf-8")
        process = subprocess.Popen([NGINX, "-c", str(configuration)], stderr=subprocess.DEVNULL)
        try:
            wait_for_port(port, process, [])
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(HANG_GUARD)
