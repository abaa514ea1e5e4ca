"""``flask llmstream doctor``: what would go wrong here, and the line that mends it.

Roof. ``facts`` are gathered, ``checks`` turn them into findings, ``report`` prints those;
``probe`` measures through the public address what no configuration tells, with the help of
``routes`` on the other side.
"""
