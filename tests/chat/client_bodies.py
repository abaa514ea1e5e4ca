"""Bodies in the shapes that clients send to ``/v1/chat/completions``, by the client's name."""

from __future__ import annotations

from typing import Any, Dict

SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
USER = {"role": "user", "content": "What's the weather in Paris?"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "n": {"type": "integer", "default": 5}},
            "required": ["place"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"place": "Paris"}'},
}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOLD = {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"}
PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"model": {"type": "string"}}, "required": ["model"]}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def asked(*messages: Any, **fields: Any) -> Dict[str, Any]:
    return {"model": "m", "messages": list(messages) or [USER], **fields}


def parts(*contents: Any) -> Dict[str, Any]:
    return {"role": "user", "content": list(contents)}


TEXT = {"type": "text", "text": "What is this?"}

BODIES: Dict[str, Dict[str, Any]] = {
    # The SDKs.
    "openai-python, create": asked(),
    "openai-python, stream": asked(**USAGE),
    "openai-python, stream without obfuscation": asked(
        stream=True, stream_options={"include_usage": True, "include_obfuscation": False}
    ),
    "openai-python, parse": asked(response_format=JSON_SCHEMA, stream=False),
    "openai-python, tools": asked(
        tools=[WEATHER], tool_choice="required", parallel_tool_calls=False
    ),
    "openai-python, the result of a tool": asked(
        USER,
        {"content": None, "refusal": None, "role": "assistant", "annotations": [], "audio": None,
         "function_call": None, "tool_calls": [CALL]},
        TOLD,
        tools=[WEATHER],
    ),
    "openai-python, extra_body": asked(
        top_k=20, chat_template_kwargs={"enable_thinking": False}, repetition_penalty=1.05
    ),
    "openai-python, log probabilities": asked(
        logprobs=True, top_logprobs=5, logit_bias={"50256": -1}
    ),
    "openai-python, audio": asked(
        modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}, store=True
    ),
    "openai-python, an earlier audio": asked(
        {"role": "assistant", "audio": {"id": "audio_1"}}, USER
    ),
    "openai-python, a prediction": asked(prediction={"type": "content", "content": "x = 1"}),
    "openai-python, web search": asked(
        web_search_options={
            "user_location": {"type": "approximate", "approximate": {"city": "Bonn"}}
        }
    ),
    "openai-python, a reasoning model": asked(
        {"role": "developer", "content": "Be brief."}, USER,
        reasoning_effort="minimal", verbosity="low", max_completion_tokens=4096,
        service_tier="flex", metadata={"team": "a"}, safety_identifier="u1", prompt_cache_key="k",
    ),
    "openai-python 0.28, functions": asked(
        USER,
        {"role": "assistant", "content": None, "function_call": CALL["function"]},
        {"role": "function", "name": "get_weather", "content": None},
        functions=[WEATHER["function"]],
        function_call={"name": "get_weather"},
    ),
    "openai-node, runTools": asked(
        USER, CALLED, TOLD, tools=[WEATHER], tool_choice="auto", stream=True
    ),
    "openai-node, a custom tool": asked(
        tools=[{"type": "custom", "custom": {"name": "code", "format": {"type": "text"}}}],
        tool_choice={"type": "custom", "custom": {"name": "code"}},
    ),
    "openai-go, a file": asked(parts(TEXT, {"type": "file", "file": {"file_id": "file-1"}})),
    "openai-dotnet, all nulls": asked(
        temperature=None, top_p=None, stop=None, n=None, max_tokens=None, user=None, stream=None,
        stream_options=None, tools=None, response_format=None, seed=None, logit_bias=None,
    ),
    # Frameworks.
    "LangChain, ChatOpenAI": asked(temperature=0.7, stream=True),
    "LangChain.js, its defaults": asked(
        temperature=1, top_p=1, frequency_penalty=0, presence_penalty=0, n=1, **USAGE
    ),
    "LangChain, bind_tools": asked(USER, CALLED, TOLD, tools=[WEATHER], n=1, temperature=0.0),
    "LangChain, structured output": asked(
        response_format={"type": "json_object"}, parallel_tool_calls=False
    ),
    "LlamaIndex, OpenAILike": asked(
        SYSTEM, USER, temperature=0.1, max_tokens=256, stream=True, tools=None, tool_choice=None
    ),
    "LiteLLM, openai/": asked(temperature=1, max_retries=0, user="u", **USAGE),
    "LiteLLM, hosted_vllm/ with a cache mark": asked(
        {"role": "system", "content": [
            {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral"}}]},
        USER, tools=[WEATHER], thinking={"type": "enabled", "budget_tokens": 1024},
    ),
    "AI SDK, streamText": asked(
        SYSTEM, parts({"type": "text", "text": "Hello"}), max_tokens=256, temperature=0,
        tools=[WEATHER], tool_choice="auto", **USAGE
    ),
    "AI SDK, generateObject": asked(response_format={
        "type": "json_schema",
        "json_schema": {"schema": SCHEMA, "strict": True, "name": "response"}}),
    "AI SDK, a step after tools": asked(
        USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}, TOLD, tools=[WEATHER]
    ),
    "pydantic-ai": asked(
        USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, TOLD,
        tools=[WEATHER], tool_choice="required", parallel_tool_calls=True, stream=True,
    ),
    "instructor, TOOLS": asked(
        tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "get_weather"}}
    ),
    "smolagents": asked(
        parts({"type": "text", "text": "Hello"}), stop=["Observation:", "Calling tools:"],
        tools=[WEATHER], tool_choice="required", **USAGE
    ),
    "openai-agents, chat completions": asked(
        SYSTEM, USER, tools=[WEATHER], store=True, prompt_cache_retention="24h", **USAGE
    ),
    "Semantic Kernel": asked(
        USER, {"role": "assistant", "tool_calls": [CALL]}, TOLD, max_tokens=1000, temperature=0.5,
        presence_penalty=0.0, frequency_penalty=0.0, stop=[], tool_choice="none", tools=[WEATHER],
    ),
    "Haystack": asked(dict(USER, name="ada"), temperature=0.5, n=1, stream=False),
    # Editors and agents.
    "Cline": asked(SYSTEM, parts(TEXT), temperature=0, tools=[WEATHER], **USAGE),
    "Roo Code, a prompt cache": asked(
        {"role": "system", "content": [{"type": "text", "text": "x", "cache_control": {}}]},
        parts(TEXT, {"type": "image_url", "image_url": {"url": PNG}}), temperature=0, **USAGE
    ),
    "Continue": asked(
        {"role": "assistant", "content": " "}, USER, max_tokens=2048, temperature=0.5, top_p=None,
        stop=["\n\n", "/src/"], stream=True, prediction=None,
    ),
    "Zed": asked(
        USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, TOLD,
        stream=True, stop=[], temperature=1.0, tools=[WEATHER], tool_choice="auto",
        parallel_tool_calls=False, prompt_cache_key="thread",
    ),
    "aider": asked(SYSTEM, USER, temperature=0, stream=True, num_retries=0),
    "Codex CLI, chat wire": asked(
        {"role": "developer", "content": "x"}, USER, tools=[WEATHER], reasoning_effort="high",
        **USAGE
    ),
    "opencode": asked(
        SYSTEM, USER, max_tokens=32000, top_p=1, reasoningSummary="auto", tools=[WEATHER], **USAGE
    ),
    "Home Assistant, extended conversation": asked(
        SYSTEM, USER, {"role": "assistant", "tool_calls": [CALL]}, TOLD,
        max_tokens=150, top_p=1.0, temperature=0.5, user="conversation", tools=[WEATHER],
    ),
    # Chat pages.
    "Open WebUI": asked(
        dict(USER, id="m1", timestamp=1700000000, files=None), max_tokens=4096,
        seed=0, stop=["\\n"], **USAGE,
    ),
    "Open WebUI, its page": asked(
        stream=True, params={}, features={"web_search": False}, variables={"{{USER_NAME}}": "Ada"},
        session_id="s1", chat_id="c1", id="m2", background_tasks={"title_generation": True},
        tool_ids=[], files=[],
    ),
    "LibreChat": asked(
        parts(TEXT, {"type": "image_url", "image_url": {"url": PNG, "detail": "auto"}}),
        user="user-1", temperature=1, top_p=1, presence_penalty=0, frequency_penalty=0,
        stream=True, max_tokens=None,
    ),
    "LobeChat": asked(
        stream=True, temperature=0.6, top_p=1, presence_penalty=0, frequency_penalty=0, tools=[],
        enable_thinking=True, thinking_budget=1024,
    ),
    "NextChat": asked(
        stream=True, temperature=0.5, presence_penalty=0, frequency_penalty=0, top_p=1, max_tokens=0
    ),
    "LM Studio's example": asked(temperature=0.7, max_tokens=-1, stream=False),
    "SillyTavern": asked(
        temperature=5, top_p=1, min_p=0.05, repetition_penalty=1, top_a=0,
        stop=[], logit_bias={}, seed=-1, logprobs=0, custom_url="", user_name="Ada", stream=True,
    ),
    "big-AGI, audio": asked(
        parts({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}})
    ),
    "n8n": asked(
        USER, {"role": "assistant", "content": "", "tool_calls": []}, USER, n=1, stream=False
    ),
    "a refusal sent back": asked(
        USER, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, USER
    ),
    "reasoning sent back": asked(
        USER, {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}, USER,
        reasoning={"effort": "low", "exclude": False}, include_reasoning=True,
    ),
    "DeepSeek, a prefix": asked(
        USER, {"role": "assistant", "content": "```python\n", "prefix": True}, stop=["```"],
        response_format={"type": "text"},
    ),
    "vLLM, guided": asked(
        guided_json=SCHEMA, ignore_eos=False, min_tokens=0, stop_token_ids=[2], best_of=1,
        skip_special_tokens=True, priority=0, add_generation_prompt=True, echo=False,
    ),
    "llama.cpp's page": asked(
        stream=True, cache_prompt=True, reasoning_format="auto", samplers="edkypmxt",
        temperature=0.8, n_predict=-1, max_tokens=-1, n_probs=0, dry_base=1.75,
    ),
    "OpenRouter, its routing": asked(
        provider={"order": ["DeepInfra"], "allow_fallbacks": True}, transforms=["middle-out"],
        plugins=[{"id": "web", "max_results": 5}], usage={"include": True},
    ),
    "Gemini, its own options": asked(extra_body={"google": {"thinking_config": {
        "thinking_budget": 1024, "include_thoughts": True}}}),
    "Mistral": asked(
        USER, {"role": "assistant", "content": "", "tool_calls": [CALL], "prefix": False}, TOLD,
        random_seed=7, safe_prompt=False, tool_choice="any", prompt_mode="reasoning",
    ),
}  # fmt: skip
