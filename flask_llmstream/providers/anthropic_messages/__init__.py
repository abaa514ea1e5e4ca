"""A server with Anthropic's Messages API: what is sent to it, and how its answers are read."""
