"""A server with OpenAI's API: what is sent to it, and how its answers are read."""
