"""The environment of a kernel."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from igsed_core.workflow import kernels

# Page faults of filling 64 MB ten times, once after the other.
FAULTS = """
import resource
import numpy as np

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

np.ones(8 * 2**20)
before = faults()
for _ in range(10):
    np.ones(8 * 2**20)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="variables of the GNU C library")
def test_memory_that_was_freed_is_used_again() -> None:
    with kernels._environment_of_a_kernel({}):
        done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64 * 2**20 / os.sysconf("SC_PAGESIZE")  # of one time; without the variables, of ten


def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    with kernels._environment_of_a_kernel({}):
        assert os.environ["MALLOC_TRIM_THRESHOLD_"] == "1000"
        assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
