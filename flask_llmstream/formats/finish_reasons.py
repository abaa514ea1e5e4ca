"""``finish_reason``: OpenAI's own word for the reason why a model stopped.

Clients with types (in C#, Rust, Go) fail at another word. The words of other servers are those of
Anthropic, Gemini, Bedrock, Cohere, Mistral, Ollama, llama.cpp, vLLM, Text Generation Inference,
Together, Zhipu and watsonx, as their references have them.
"""

from __future__ import annotations

from typing import Dict

_WORDS = {
    "stop": "",
    "length": (
        # the limit of the answer, or of the model
        "max_tokens max_output_tokens max_new_tokens max_length token_limit model_length limit "
        "context_length context_length_exceeded context_window_exceeded "
        "model_context_window_exceeded "
        # other answers that are not whole
        "time_limit timeout incomplete not_finished pause_turn cancelled canceled cancel "
        "user_cancel abort aborted interrupted insufficient_system_resource error_limit "
        "preempted"
    ),
    "tool_calls": "tool_use tool_call tool tools function_calls",
    "function_call": "",
    "content_filter": (
        "content_filtered filtered filter safety recitation language blocklist blocked "
        "prohibited_content spii image_safety image_prohibited_content image_recitation "
        "guardrail_intervened guardrail guardrails sensitive moderation refusal refused "
        "error_toxic toxic policy_violation function_call_filter"
    ),
}
"""OpenAI's five words, and the words of other servers for each. All others mean ``stop``."""

_OPENAI: Dict[str, str] = {
    word: reason for reason, others in _WORDS.items() for word in (reason, *others.split())
}


def finish_reason_of(word: str, *, calls_tools: bool = False) -> str:
    """OpenAI's word for the word of a model's server.

    :param word: in any case, with ``_``, ``-`` or spaces; ``stop`` where it is unknown. Gemini has
        two words, ``content_filter: PROHIBITED_CONTENT``; the first counts.
    :param calls_tools: whether the answer has calls of tools. OpenAI says ``tool_calls`` then, and
        some agents go on only for that word; many servers say ``stop``.
    """
    known = word.partition(":")[0].strip().lower().replace("-", "_").replace(" ", "_")
    if known.startswith("finish_reason_"):  # Gemini's, from its protocol buffers
        known = known[len("finish_reason_") :]
    reason = _OPENAI.get(known, "stop")
    return "tool_calls" if calls_tools and reason == "stop" else reason
