"""The AI SDK's UI message stream: an answer as the chunks that ``useChat`` reads."""
