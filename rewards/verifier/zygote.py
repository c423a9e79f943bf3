"""The process that a slot's workers are forked from: `python -m rewards.verifier.zygote FD REFERENCE MEMORY`.

It imports the judge once, single-threaded and without anything of the trainer's (no CUDA, no threads,
no `__main__` run again), so forking is safe and a replaced worker is there in milliseconds. It reads
sockets from its control socket FD and forks a worker for each; when its parent is gone, kill -9
included, the control socket ends and so does it, and the kernel ends its workers.

A worker writes its process id, then reads `[gold, text]` lines and writes `[verdict, message, processor
seconds so far]` lines.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

from rewards.failures import told
from rewards.types import Verdict
from rewards.verifier.judge import Caller, Judge, load
from rewards.verifier.slot import OPTIONS


def main(arguments: list[str]) -> None:
    # Schedulers and terminals send these to all processes of a run; it needs its judges to its last round.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=int(arguments[0]))
    options = json.loads(os.environ.pop(OPTIONS))
    try:
        function = load(arguments[1])
        judge = Caller(Judge(function, options))
        warm = getattr(sys.modules[function.__module__], "warm", None)
        if warm is not None:
            warm()
    except (Exception, SystemExit) as error:
        control.sendall(told(error, 1000).encode("utf-8", "replace"))
        os._exit(1)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            os._exit(0)
        parent = os.getpid()
        if os.fork() == 0:
            control.close()
            _become_worker(parent, int(arguments[2]))
            _serve(socket.socket(fileno=descriptors[0]), judge)
            os._exit(0)
        os.close(descriptors[0])


def _become_worker(parent: int, memory: int) -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGESIZE") + memory * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    if os.getppid() != parent:
        os._exit(0)


def _serve(connection: socket.socket, judge: Caller) -> None:
    stream = connection.makefile("rwb")

    def write(value: object) -> None:
        stream.write(json.dumps(value).encode() + b"\n")
        stream.flush()

    write(os.getpid())
    for line in stream:
        gold, text = json.loads(line)
        write((*_judged(judge, gold, text), time.process_time()))


def _judged(judge: Caller, gold: str, text: str) -> tuple[str, str | None]:
    try:
        return judge(gold, text), None
    except MemoryError:
        # Over its memory limit: as good as over its time limit.
        return Verdict.TIMED_OUT, None
    except RecursionError:
        return Verdict.UNPARSABLE, None
    except (Exception, SystemExit) as error:
        return Verdict.CRASHED, told(error, 500)


if __name__ == "__main__":
    main(sys.argv[1:])
