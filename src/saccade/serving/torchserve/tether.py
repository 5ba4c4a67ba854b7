"""python tether.py PARENT COMMAND... becomes COMMAND, which gets SIGTERM when the process PARENT ends, even by kill -9.

A program of its own, because code between fork and exec of a threaded Python process may deadlock. It must start
quickly and import nothing of ours. The kernel counts the end of the thread that started it as the end of the parent.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it ended before the kernel knew of our wish
        sys.exit(1)
    os.execv(command[0], command)
