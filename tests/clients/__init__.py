"""The clients that people have for OpenAI's interface, as their users install them."""
