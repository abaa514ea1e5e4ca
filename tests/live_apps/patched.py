"""The live application in a monkey-patched process. The patching comes first of all."""

from gevent import monkey

monkey.patch_all()

from tests.live_apps.plain import app  # noqa: E402

__all__ = ["app"]
