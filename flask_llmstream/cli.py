"""``flask llmstream …``: the commands that ``init_app`` adds to an application.

They are added through ``app.cli``. Flask would import the command of an entry point before the
application can monkey-patch, and everything that the command imports would stay unpatched.
"""

from __future__ import annotations

import click

from .doctor.cli import doctor
from .tail.command import tail

commands = click.Group("llmstream", help="Streams: see that they reach their readers.")
commands.add_command(doctor)
commands.add_command(tail)
