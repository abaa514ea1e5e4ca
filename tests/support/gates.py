"""``Gate``: lets a test control one generator of the live application."""

from __future__ import annotations

import uuid
from typing import Optional

from tests.support.servers import HANG_GUARD, LiveServer


class Gate:
    """A generator of the app that yields when this releases it, and tells when it was closed.

    :param app: the application's own server, also where a proxy is in front of it.
    """

    def __init__(self, app: LiveServer) -> None:
        self._app = app
        self.name = uuid.uuid4().hex

    def path(self, heartbeat: float = 30) -> str:
        """The path of its stream."""
        return f"/gate/{self.name}?heartbeat={heartbeat}"

    def release(self, step: str) -> None:
        """Let it yield this; ``end`` ends it."""
        self._app.post(f"/gate/{self.name}/{step}")

    def closed(self, seconds: float = HANG_GUARD / 2) -> Optional[float]:
        """When its ``finally`` ran, in monotonic time; ``None`` where it did not run."""
        answer = self._app.get(f"/gate/{self.name}/closed?seconds={seconds}")
        return answer["at"] if answer["closed"] else None
