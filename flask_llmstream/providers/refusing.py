"""``refuse``: a model says which fields of a request it can't serve.

Standard library only, no I/O.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Tuple

from ..errors import ConfigurationError, RequestError
from ..records import CompletionRequest

_ASK_NOTHING: Dict[str, List[Any]] = {
    "response_format": [{"type": "text"}],
    "tool_choice": ["none", "auto"],
    "function_call": ["none", "auto"],
    "modalities": [["text"]],
}
"""The values that ask for nothing, beside null, false, 0 and what is empty."""
_CHOICE_OF = {"tools": "tool_choice", "functions": "function_call"}


def refuse(request: CompletionRequest, reasons: Mapping[str, str]) -> None:
    """Refuse a request that asks for something a model can't do.

    :param reasons: a sentence for the client, by the name of a field (``tools``,
        ``response_format``, ``logprobs`` …) or by the type of a part of a message (``image_url``,
        ``input_audio``, ``file`` …). A field that asks for nothing (``tools: []``,
        ``response_format: {"type": "text"}``) is no reason.
    :raises RequestError: the sentence of the first field that asks.
    """
    if not reasons:
        return
    for name, value in request.options.items():
        if name in reasons and asks(name, value, request.options):
            raise RequestError(reasons[name], field=name)
    for place, kind in _parts(request):
        if kind in reasons:
            raise RequestError(reasons[kind], field=place)


def checked_reasons(reasons: Any) -> Mapping[str, str]:
    """The same reasons.

    :raises ConfigurationError: they are no mapping of texts.
    """
    if not isinstance(reasons, Mapping):
        raise ConfigurationError(
            "refuses: a mapping of fields to sentences, as {'tools': 'This model has no tools.'}, "
            f"not {reasons!r}"
        )
    for name, sentence in reasons.items():
        if not isinstance(name, str) or not isinstance(sentence, str) or not sentence:
            raise ConfigurationError(f"refuses: {name!r} needs a sentence, not {sentence!r}")
    return reasons


def asks(name: str, value: Any, options: Mapping[str, Any]) -> bool:
    """Whether the value of a field asks for something. ``options`` are all fields."""
    forbidden = options.get(_CHOICE_OF.get(name, "")) == "none"
    return bool(value) and value not in _ASK_NOTHING.get(name, ()) and not forbidden


def _parts(request: CompletionRequest) -> Iterator[Tuple[str, Any]]:
    """The parts of the messages: the place of each, and its type."""
    for index, message in enumerate(request.messages):
        content = message.get("content")
        for number, part in enumerate(content if isinstance(content, (list, tuple)) else ()):
            kind = part.get("type") if isinstance(part, Mapping) else None
            if isinstance(kind, str):
                yield f"messages[{index}].content[{number}]", kind
