"""``flask llmstream doctor``: finds what breaks streams, and gives the line that fixes it.

``facts`` collects what is known of the process. ``checks`` turn the facts into findings.
``report`` prints the findings. ``probe`` measures a running site through its public address; the
server's side of that is in ``routes``.
"""
