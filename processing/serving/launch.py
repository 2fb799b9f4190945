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


def main(arguments: list[str]) -> None:
    parent, program, *rest = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit(1)  # it ended before we had asked for the signal
    os.execv(program, [program, *rest])  # noqa: S606  (our own supervisor names the program)


if __name__ == "__main__":
    main(sys.argv[1:])
