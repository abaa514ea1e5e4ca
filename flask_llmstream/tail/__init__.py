"""``python -m flask_llmstream tail URL``: shows what a streaming endpoint really does.

``command`` has the options and ``request`` reads the values that need it. ``reading`` reads the
stream on a thread; ``session`` shows what it brings. The rest is how things look: the answer
(``printing``), its frames (``frames``), the line of progress (``progress``, put on the screen by
``terminal``), the gaps (``gaps``, ``histogram``). ``verdict`` says how it ended.
"""
