from tests.live_apps.plain import app as application  # noqa: F401
