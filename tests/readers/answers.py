"""The words of the answers that are read."""

WORDS = ["One ", "two ", "three"]
TEXTS = {"silent": "".join(WORDS), "fails": "".join(WORDS)}
"""The whole text, by the situation."""
