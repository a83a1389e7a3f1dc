"""Several processes as one run, as ``paddle.distributed.launch`` starts them; nobody watches."""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, List, Sequence, Tuple

ROOT = Path(__file__).resolve().parents[2]


def environments(size: int, **more: str) -> List[dict]:
    """What each process finds in its environment."""
    with ExitStack() as stack:
        ends = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(1 + size)
        ]
        master, *own = [f"127.0.0.1:{end.getsockname()[1]}" for end in ends]
    every = {
        "PADDLE_MASTER": master,
        "PADDLE_TRAINERS_NUM": str(size),
        "PADDLE_TRAINER_ENDPOINTS": ",".join(own),
        "PADDLE_DISTRI_BACKEND": "gloo",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    return [
        {
            **os.environ,
            **every,
            "PADDLE_TRAINER_ID": str(rank),
            "PADDLE_LOCAL_RANK": str(rank),
            "PADDLE_CURRENT_ENDPOINT": own[rank],
            **more,
        }
        for rank in range(size)
    ]


def started(
    size: int, *words: Any, before: Sequence[Any] = (), **more: str
) -> List[subprocess.Popen]:
    """``python WORDS`` as ``size`` processes of one run; ``before`` goes before."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": ROOT}
    command = list(map(str, [*before, sys.executable, *words]))
    return [subprocess.Popen(command, env=env, **pipes) for env in environments(size, **more)]


def ended(processes: List[subprocess.Popen], seconds: float = 400) -> List[Tuple[int, str]]:
    """The exit code and the words of each, all of which end in time."""
    try:
        said = [process.communicate(timeout=seconds)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, words) for process, words in zip(processes, said)]


def together(size: int, *words: Any, **more: str) -> List[Tuple[int, str]]:
    """What ``python WORDS`` comes to as ``size`` processes of one run."""
    return ended(started(size, *words, **more))
