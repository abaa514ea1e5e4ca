"""The live application in a monkey-patched process, as gevent wants it: first thing."""

from gevent import monkey

monkey.patch_all()

from tests.live_apps.plain import app  # noqa: E402

__all__ = ["app"]
