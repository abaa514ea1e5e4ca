"""Explains an answer that is no event stream."""

from __future__ import annotations

import html
import re

from ..finding import ERROR, CannotMeasure, Finding, Fix
from .site import Answer

_AS_A_VISITOR = Fix("--header 'Cookie: session=…'", "this command, from a browser that may")
_SHOWN = 120


def check_is_stream(answer: Answer, asked: str) -> None:
    """Do nothing for an event stream, also for one that has lost its ``Content-Type``.

    :param asked: the URL.
    :raises CannotMeasure: the answer is something else; it carries the finding.
    """
    kind = answer.header("Content-Type").partition(";")[0]
    if answer.status == 200 and kind in ("", "text/event-stream"):
        return
    if answer.status == 200:
        raise CannotMeasure(_page(answer, asked, kind))
    raise CannotMeasure(_REFUSALS.get(answer.status, _unexpected)(answer, asked))


def _page(answer: Answer, asked: str, kind: str) -> Finding:
    seen = f"{asked} answers with {kind}, and not with an event stream"
    return _refused(seen, f"It may be another application's: {_excerpt(answer)}")


def _redirect(answer: Answer, asked: str) -> Finding:
    target = answer.headers.get("Location", "nowhere")
    seen = f"{asked} redirects ({answer.status}) to {target}"
    if target == asked.replace("http://", "https://", 1) != asked:
        return _refused(seen, "Measure where it leads.", Fix(f"--url {target}", "this command"))
    why = "Perhaps to log in; the doctor can bring what a visitor has."
    return _refused(seen, why, _AS_A_VISITOR)


def _forbidden(answer: Answer, asked: str) -> Finding:
    why = "The doctor can bring what a visitor has."
    return _refused(f"{asked} does not let the doctor in ({answer.status})", why, _AS_A_VISITOR)


def _missing(answer: Answer, asked: str) -> Finding:
    why = "Give the address under which the application is, or the chat endpoint's own."
    fix = Fix("--url https://HOST/PATH/chat/completions", "this command")
    return _refused(f"there is no chat endpoint at {asked} ({answer.status})", why, fix)


def _no_application(answer: Answer, asked: str) -> Finding:
    why = "The application does not run, or not where the proxy looks for it."
    return _refused(f"a proxy{_by(answer)} answers for the application: {answer.status}", why)


def _unexpected(answer: Answer, asked: str) -> Finding:
    return _refused(f"{asked} answers {answer.status}{_by(answer)}", f"It says: {_excerpt(answer)}")


def _refused(seen: str, why: str, fix: "Fix | None" = None) -> Finding:
    return Finding("reach", ERROR, seen, why, fix)


_REFUSALS = {
    **dict.fromkeys((301, 302, 303, 307, 308), _redirect),
    **dict.fromkeys((401, 403), _forbidden),
    **dict.fromkeys((404, 405), _missing),
    **dict.fromkeys((502, 504), _no_application),
}


def _by(answer: Answer) -> str:
    server = answer.headers.get("Server")
    return f" ({server})" if server else ""


def _excerpt(answer: Answer) -> str:
    text = re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", answer.text(), flags=re.S | re.I)
    words = " ".join(html.unescape(text).split())
    return words[:_SHOWN] + ("…" if len(words) > _SHOWN else "") or "nothing"
