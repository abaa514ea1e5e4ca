"""A ``.tar.gz`` whose bytes follow from its files alone.

setuptools makes the same wheel twice, by ``SOURCE_DATE_EPOCH``. Its source distribution has the
times of its build and the user's name. The tools that mend this take the x bit of scripts as well.
"""

from __future__ import annotations

import gzip
import io
import pathlib
import tarfile


def repack(path: pathlib.Path, time: int) -> None:
    """Write the archive again: its members sorted, with this time, nobody's, in mode 755 or 644."""
    content = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=content, mode="w") as new:
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            data = old.extractfile(member)
            new.addfile(_plain(member, time), data)
    with path.open("wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=time) as zipped:
            zipped.write(content.getvalue())


def _plain(member: tarfile.TarInfo, time: int) -> tarfile.TarInfo:
    member.mtime = time
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    member.pax_headers = {}  # they have the time once more, with its fraction
    return member
