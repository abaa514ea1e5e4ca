"""The command ``flask llmstream doctor``: its options, and what it prints."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import Any, Dict, List, Optional, Sequence, Tuple

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from ..app.state import app_state
from ..exceptions.printable import printable
from ..http.header_line import header_of
from .checks import OF_THE_CONFIGURATION, examine
from .facts import facts_of
from .finding import CannotMeasure, Finding, exit_status
from .gunicorn import read_gunicorn
from .report import as_json, as_text
from .routes import TOKEN_HEADER


@click.command("doctor")
@click.option("--gunicorn", metavar="COMMAND", help="gunicorn's command line, in quotes.")
@click.option("--config", metavar="FILE", help="Its configuration. Default: gunicorn.conf.py.")
@click.option("--url", metavar="URL", help="Measure instead, through the site's public address.")
@click.option(
    "--silence", type=click.FloatRange(1, 600), default=20, show_default=True,
    help="Seconds of silence that are tried.",
)  # fmt: skip
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
    help="Sent with each request, for a site that asks who comes.",
)  # fmt: skip
@click.option(
    "--token", envvar="LLMSTREAM_DOCTOR_TOKEN", metavar="SECRET",
    help="The server's LLMSTREAM_DOCTOR_TOKEN. Default: that of the environment, or of this app.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--json", "for_programs", is_flag=True, help="Print one JSON object.")
@click.pass_context
@with_appcontext
def doctor(
    context: click.Context,
    gunicorn: Optional[str],
    config: Optional[str],
    url: Optional[str],
    silence: float,
    headers: Sequence[str],
    token: Optional[str],
    strict: bool,
    for_programs: bool,
) -> None:
    """What would go wrong here, and the line that mends it.

    Looks at this application and at gunicorn's configuration, and starts no server. With --url it
    measures instead whether tokens arrive one by one, how long silence survives and whether a
    reader who leaves is noticed.

    Exit status: 0 all is well, 1 there are errors, 2 there is nothing to look at.
    """
    if url is not None and (gunicorn or config):
        raise click.UsageError("--url measures a site; give it without --gunicorn and --config")
    about = {"looked_at": url or _this_app().import_name, "versions": versions()}
    try:
        if url is None:
            findings = _of_this_application(gunicorn, config)
        else:
            findings = _of_the_site(url, silence, headers, token)
        status = exit_status(findings, strict)
    except CannotMeasure as error:
        findings, status = [error.finding], 2
    if for_programs:
        click.echo(as_json(findings, about, status))
    else:
        click.echo(_title(about) + as_text(findings))
    context.exit(status)


def _of_this_application(gunicorn: Optional[str], config: Optional[str]) -> List[Finding]:
    facts = facts_of(_this_app(), read_gunicorn(gunicorn, config))
    return examine(facts, OF_THE_CONFIGURATION)


def _of_the_site(
    url: str, silence: float, headers: Sequence[str], token: Optional[str]
) -> List[Finding]:
    from .probe import examine_site  # loads http.client and ssl, which only this needs
    from .probe.site import BadAddress, site_at

    settings = app_state().settings
    secret = token or settings.doctor_token
    lines = [*headers, f"{TOKEN_HEADER}: {secret}"] if secret else headers
    try:
        site = site_at(url, settings.url_prefix, dict(map(_header, lines)))
    except BadAddress as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    return examine_site(site, silence, _show_progress)


def _header(line: str) -> Tuple[str, str]:
    try:
        return header_of(line)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--header") from None


def _show_progress(doing: str) -> None:
    if sys.stderr.isatty():
        click.echo(doing, err=True)


def versions() -> Dict[str, str]:
    """The installed versions of Python and of the packages that matter for streams."""
    found = {"python": platform.python_version()}
    for name in ("flask-llmstream", "flask", "werkzeug", "gevent", "gunicorn"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _title(about: Dict[str, Any]) -> str:
    known = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"{printable(about['looked_at'])}, with {known}\n\n"


def _this_app() -> Flask:
    app: Any = current_app
    return app._get_current_object()  # type: ignore[no-any-return]
