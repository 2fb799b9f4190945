"""Become another program that ends when the one who started us does. Standard library only.

    python -m processing.serving.launch PARENT_PID PROGRAM [ARGUMENT...]

Linux sends the signal (prctl, PR_SET_PDEATHSIG) even when the parent was killed by -9; elsewhere the program is simply
started.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def end_with(parent: int) -> None:
    """Let this process end with its parent; at once if that is not the one with the process id `parent` any more."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)  # it ended before we had asked for the signal


def main(arguments: list[str]) -> None:
    parent, program, *rest = arguments
    end_with(int(parent))
    os.execv(program, [program, *rest])  # noqa: S606  (our own supervisor names the program)


if __name__ == "__main__":
    main(sys.argv[1:])
