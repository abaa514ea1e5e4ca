"""OpenAI's older completions: the text of an answer in chunks, or in one object.

Source: OpenAI's reference, "Completions", "The completion object".
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from ..deltas import Delta
from ..records import Ending
from .openai import ChatCompletion, ChatCompletionChunks, finish_reason

_UNSHOWN = ("reasoning", "tool_calls", "annotations", "extra")
"""The kinds that have no place in this form."""


class TextCompletionChunks(ChatCompletionChunks):
    """``text_completion`` events: the answer to ``"stream": true``.

    :param model: the model's name in the request.
    :param include_usage: whether to send a chunk with the token counts before the end, if the
        model's server has counted. Default: no.
    :param echo: the text that is sent before the answer, the prompt. Default: none.
    """

    kind, id_prefix = "text_completion", "cmpl-"
    unshown = _UNSHOWN

    def __init__(self, model: str, include_usage: bool = False, echo: str = "") -> None:
        super().__init__(model, include_usage)
        self._echo = echo
        self._logprobs = Logprobs(len(echo))

    def opening(self, comment: Optional[str], event_id: Optional[str]) -> bytes:
        echo = self._chunk({"content": self._echo}) if self._echo else b""
        return super(ChatCompletionChunks, self).opening(comment, None) + echo

    def _shown(self, delta: Delta) -> bytes:
        logprobs = self._logprobs.of(delta.logprobs)
        return self._chunk({"content": delta.words}, choice_extra={"logprobs": logprobs})

    def _choice(
        self, delta: Mapping[str, Any], reason: Optional[str], extra: Mapping[str, Any]
    ) -> Dict[str, Any]:
        text, logprobs = delta.get("content", ""), extra.get("logprobs")
        return {"text": text, "index": 0, "logprobs": logprobs, "finish_reason": _known(reason)}


class TextCompletion(ChatCompletion):
    """One ``text_completion`` object, sent when the answer is complete.

    :param model: the model's name in the request.
    :param echo: as of :class:`TextCompletionChunks`.
    """

    kind, id_prefix = "text_completion", "cmpl-"

    def __init__(self, model: str, echo: str = "") -> None:
        super().__init__(model)
        self._echo = echo

    def item(self, item: Any) -> bytes:
        if isinstance(item, Delta):
            self.leave_out(kind for kind in item.kinds() if kind in _UNSHOWN)
        return super().item(item)

    def _choice(self, answer: Delta, ending: Ending) -> Dict[str, Any]:
        return {
            "text": self._echo + answer.words,
            "index": 0,
            "logprobs": Logprobs(len(self._echo)).of(answer.logprobs),
            "finish_reason": _known(finish_reason(ending)),
        }


def _known(reason: Optional[str]) -> Optional[str]:
    """The reason in the words of this form, which has no calls of tools."""
    return "stop" if reason in ("tool_calls", "function_call") else reason


class Logprobs:
    """Writes the log probabilities of one answer in the older form: parallel lists.

    :param offset: the place of the first token in the text, behind the prompt that is sent with it.
    """

    def __init__(self, offset: int = 0) -> None:
        self._offset = offset

    def of(self, logprobs: Optional[Mapping[str, Any]]) -> Optional[Mapping[str, Any]]:
        """The log probabilities of the next piece.

        :param logprobs: in the form of chat completions. What has another form is returned as it
            is: a server of the older form gave it.
        """
        tokens = None if logprobs is None else logprobs.get("content")
        if not isinstance(tokens, (list, tuple)):
            return logprobs
        told = [token for token in tokens if isinstance(token, Mapping)]
        return {
            "tokens": [token.get("token") for token in told],
            "token_logprobs": [token.get("logprob") for token in told],
            "top_logprobs": [_best(token) for token in told],
            "text_offset": [self._place(token) for token in told],
        }

    def _place(self, token: Mapping[str, Any]) -> int:
        place, text = self._offset, token.get("token")
        self._offset += len(text) if isinstance(text, str) else 0
        return place


def _best(token: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    best = token.get("top_logprobs")
    if not isinstance(best, (list, tuple)):
        return None
    told = [each for each in best if isinstance(each, Mapping)]
    return {str(each.get("token")): each.get("logprob") for each in told}
