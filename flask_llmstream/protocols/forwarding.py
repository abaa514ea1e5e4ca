"""What a request may ask of the model's server, beside the fields that are known here.

A field that is not known is sent on as it is. But it must not undo what the operator of this
application has decided: the model, the number of answers, the most tokens. Servers know these by
many names and at many places, so all names are looked at, at any depth. Standard library only, no
I/O.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping

from ..errors import RequestError
from ..providers.option_walk import Path, number_of, plain, walked
from ..providers.token_limits import limited
from .fields import CHECKS, shown

_NO_ANSWERS_KEPT = "no answers are kept here; send the whole conversation as messages"
_STATE = {
    "previous_response_id": _NO_ANSWERS_KEPT,
    "conversation": _NO_ANSWERS_KEPT,
    "thread_id": _NO_ANSWERS_KEPT,
    "assistant_id": "there are no assistants here; send the instructions as a message",
    "background": "no answer is made in the background here; read it from this request",
}
"""The fields that ask for something that is kept between requests, each with the reason."""

_ANSWERS = {
    *("n", "bestof", "ncmpl", "nchoices", "numchoices", "ncompletions", "numcompletions"),
    *("numreturnsequences", "candidatecount", "numgenerations", "numresponses", "numoutputs"),
}
_MODELS = {
    *("model", "models", "modelid", "modelname", "modellist", "draftmodel", "preset"),
    *("deployment", "deploymentid", "adapterid", "adaptersource", "lorapath"),
    *("apibase", "baseurl", "customllmprovider"),
}


def other_fields(fields: Mapping[str, Any], policy: str) -> Dict[str, Any]:
    """The fields that are not known here, and are sent on.

    :param policy: ``forward``: all of them; ``ignore``: none; ``refuse``: there may be none.
    :raises RequestError: a field is refused; the error names it.
    """
    others = {name: value for name, value in fields.items() if name not in CHECKS}
    for name in _STATE.keys() & others.keys():
        if others.pop(name):  # null, false and "" ask for nothing
            raise RequestError(_STATE[name], field=name)
    if policy == "refuse" and others:
        raise RequestError("there is no such field", field=shown(next(iter(others))))
    return others if policy == "forward" else {}


def within_caps(options: Mapping[str, Any], most_tokens: int) -> Dict[str, Any]:
    """The same options; one that asks for too many tokens asks for ``most_tokens``.

    :param most_tokens: the most tokens of an answer. 0: no limit.
    :raises RequestError: an option asks for another model, for several answers, or for an answer
        that is not streamed. The error names it.
    """

    def visit(path: Path, name: str, value: Any) -> Any:
        _refuse_to_undo(path, name, value)
        return limited(name, value, most_tokens) if most_tokens else value

    return walked(options, visit)


def _refuse_to_undo(path: Path, name: str, value: Any) -> None:
    meant = plain(name)
    if meant in _ANSWERS and number_of(value) > 1:
        told = "one request gets one answer here; leave it out"
    elif (meant in _MODELS or "fallback" in meant) and value and isinstance(value, (str, list)):
        told = "the model is chosen by the name in 'model' alone; leave it out"
    elif meant == "stream" and value is not True and value is not None:
        told = "'stream' belongs beside the messages; leave it out"
    else:
        return
    raise RequestError(told, field=".".join(map(shown, (*path[:4], name))))
