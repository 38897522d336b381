"""A results folder that several people fill."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from fernn.doctor._finding import NOTE, OK, Finding
from fernn.doctor._place import Place, nearest


def check(place: Place) -> Iterator[Finding]:
    """Whether what is made can be gone on with by the group it is shared with."""
    about = nearest(place.results).stat()
    mask = os.umask(0o022)
    os.umask(mask)
    if not about.st_mode & stat.S_IWGRP or about.st_mode & stat.S_IWOTH:
        yield Finding(OK, "sharing", f"{place.results} is not shared with a group")
    elif mask & stat.S_IWGRP:
        found = f"a group shares {place.results}, but cannot change what you make"
        yield Finding(NOTE, "sharing", f"{found} (umask {mask:04o})", "umask 0002")
    elif not about.st_mode & stat.S_ISGID:
        found = f"{place.results} does not pass its group on to what is made in it"
        yield Finding(NOTE, "sharing", found, f"chmod g+s {place.results}")
    else:
        yield Finding(OK, "sharing", f"the group of {place.results} can go on with it")
