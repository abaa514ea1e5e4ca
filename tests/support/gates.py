"""One stream's generator in the live application, in the hands of a test."""

from __future__ import annotations

import uuid
from typing import Optional

from tests.support.servers import HANG_GUARD, LiveServer


class Gate:
    """A generator of the app that gives what this releases, and tells when it was closed.

    :param app: asked directly, whatever is in front of it.
    """

    def __init__(self, app: LiveServer) -> None:
        self._app = app
        self.name = uuid.uuid4().hex

    def path(self, heartbeat: float = 30) -> str:
        """Where its stream is."""
        return f"/gate/{self.name}?heartbeat={heartbeat}"

    def release(self, step: str) -> None:
        """Have it yield this; ``end`` ends it."""
        self._app.post(f"/gate/{self.name}/{step}")

    def closed(self, seconds: float = HANG_GUARD / 2) -> Optional[float]:
        """When its ``finally`` ran, in this machine's monotonic time; ``None``: it did not."""
        answer = self._app.get(f"/gate/{self.name}/closed?seconds={seconds}")
        return answer["at"] if answer["closed"] else None
