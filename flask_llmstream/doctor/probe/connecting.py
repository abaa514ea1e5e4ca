"""Explains why a site can't be reached."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Tuple, Type

from ..finding import ERROR, CannotMeasure, Finding, Fix
from .site import Site


@contextmanager
def reached(site: Site) -> Iterator[None]:
    """Turn the errors of a request into a finding.

    :raises CannotMeasure: the request failed; it carries the finding.
    """
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        explain = next(explain for kind, explain in _EXPLANATIONS if isinstance(error, kind))
        raise CannotMeasure(explain(error, site)) from error


def _unknown_name(error: Any, site: Site) -> Finding:
    why = f"The look-up of the name says: {error.strerror}."
    return Finding("reach", ERROR, f"nobody knows the name {site.host}", why)


def _untrusted(error: Any, site: Site) -> Finding:
    seen = f"the certificate of {site.origin} is not trusted: {error.verify_message}"
    why = "A browser does not go on either, unless it knows who issued it."
    fix = Fix("export SSL_CERT_FILE=/path/to/its/issuer.pem", "the shell, if that is you")
    return Finding("reach", ERROR, seen, why, fix)


def _no_tls(error: Any, site: Site) -> Finding:
    seen = f"{site.origin} does not speak TLS: {error.reason or error}"
    fix = Fix(f"--url {site._replace(scheme='http').origin}", "this command")
    return Finding("reach", ERROR, seen, "Perhaps it speaks plain HTTP there.", fix)


def _too_slow(error: Any, site: Site) -> Finding:
    why = "A firewall may swallow the connection, or all of the server's workers be busy."
    return Finding("reach", ERROR, f"{site.origin} does not answer in time", why)


def _nobody(error: Any, site: Site) -> Finding:
    why = "The server or its proxy does not run there."
    return Finding("reach", ERROR, f"nobody listens at {site.origin}", why)


def _hung_up(error: Any, site: Site) -> Finding:
    return Finding("reach", ERROR, f"{site.origin} hung up", "Its log should say why.")


def _no_http(error: Any, site: Site) -> Finding:
    seen = f"{site.origin} does not speak HTTP: {type(error).__name__}"
    fix = Fix(f"--url {site._replace(scheme='https').origin}", "this command")
    return Finding("reach", ERROR, seen, "Perhaps it speaks TLS there.", fix)


def _other(error: Any, site: Site) -> Finding:
    return Finding("reach", ERROR, f"{site.origin} can't be reached: {error}")


_EXPLANATIONS: List[Tuple[Type[Exception], Callable[[Any, Site], Finding]]] = [
    (socket.gaierror, _unknown_name),
    (ssl.SSLCertVerificationError, _untrusted),
    (ssl.SSLError, _no_tls),
    (socket.timeout, _too_slow),
    (ConnectionRefusedError, _nobody),
    (ConnectionError, _hung_up),
    (http.client.IncompleteRead, _hung_up),
    (http.client.HTTPException, _no_http),
    (OSError, _other),
]
"""The first class that fits explains the error."""
