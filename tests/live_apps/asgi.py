"""The live application for ASGI servers, by each of the bridges to WSGI."""

import warnings

from a2wsgi import WSGIMiddleware

from tests.live_apps.plain import app as wsgi_app

app = WSGIMiddleware(wsgi_app, workers=100)


def __getattr__(name):
    """The other bridges, by name."""
    if name == "by_asgiref":
        from asgiref.wsgi import WsgiToAsgi

        return WsgiToAsgi(wsgi_app)
    if name == "by_starlette":
        warnings.simplefilter("ignore", DeprecationWarning)  # it recommends a2wsgi
        from starlette.middleware.wsgi import WSGIMiddleware as Bridge

        return Bridge(wsgi_app)
    raise AttributeError(name)
