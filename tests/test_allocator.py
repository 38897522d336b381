"""What a process has freed costs nothing to have again."""

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, sys
from fernn.devices import keep_freed_memory
if sys.argv[1:] == ["kept"]:
    keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def fill(times):
    for _ in range(times):
        bytearray(2**25)
fill(8)
before = faults()
fill(4)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can")
def test_pages_are_not_asked_for_twice():
    """Four times 32 MiB: thousands of pages, or none."""
    counts = [
        int(subprocess.check_output([sys.executable, "-c", COUNT, *arguments]))
        for arguments in ([], ["kept"])
    ]
    assert counts[1] < 100 < 1000 < counts[0]
