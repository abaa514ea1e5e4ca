"""The words of the answers that are read."""

WORDS = ["One ", "two ", "three"]
HARD = [" leading\u2028", "lone\n", "\u0085next\u2029", " \U0001f600 end"]
TEXTS = {"silent": "".join(WORDS), "hard": "".join(HARD), "fails": "".join(WORDS)}
"""The whole text, by the situation."""
