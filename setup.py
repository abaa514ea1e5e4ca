"""What setup.cfg can't say: README as a package index shows it.

There a link that is relative to this folder leads nowhere, and a picture is broken. The project
has no public address that they could begin with, so a link becomes the path of its file, which the
source distribution has, and a picture is left out.
"""

import pathlib
import re

import setuptools

_PICTURE = re.compile(r"!\[[^]]*\]\([^):]*\)\n*")
_LINK = re.compile(r"\[([^]]+)\]\(([^):#]*)[^):]*\)")


def _without_address(link: "re.Match[str]") -> str:
    text, path = link.groups()
    return text if path in ("", text) else f"{text} ({path})"


README = pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8")
setuptools.setup(long_description=_LINK.sub(_without_address, _PICTURE.sub("", README)))
