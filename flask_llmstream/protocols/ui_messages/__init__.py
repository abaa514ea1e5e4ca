"""The AI SDK's UI messages, as ``useChat`` sends them, become the messages of a chat completion."""
