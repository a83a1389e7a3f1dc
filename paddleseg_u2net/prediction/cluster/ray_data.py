"""Millions of pictures as a job of Ray Data: a pool of workers, a manifest, and what is missing."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import warnings
from typing import Any, Dict, Generator, Iterator, List, NamedTuple, Optional, Sequence

from paddleseg_u2net._version import __version__
from paddleseg_u2net.env import cores
from paddleseg_u2net.prediction.cluster.manifest import schema
from paddleseg_u2net.prediction.cluster.worker import Ledger, Row, Task, Worker

LOCAL = "local"
"""The address of a Ray that is started for the job, and stopped after it."""

# Pictures that a worker is given at a time: as many are lost with it, and done again.
_BLOCK = 16
# Of a local Ray's object store, besides the model: rows are small. Ray takes no less than 75 MiB.
_STORE = 100 * 2**20
# Paths of sockets in it may have 107 signs.
_LONGEST_FOLDER = 40


class RayError(ValueError):
    """Ray, or a cluster, that cannot be used as asked."""


class Cluster(NamedTuple):
    """A Ray that is connected: how many workers, and processor cores for each."""

    workers: int
    threads: int


@contextlib.contextmanager
def connected(
    address: str, workers: Optional[int], threads: Optional[int], model_bytes: int = 0
) -> Iterator[Cluster]:
    """Start a Ray here (``local``), or connect to one (``auto``, ``host:port``), for a block.

    Args:
        workers: None: one for each ``threads`` cores of the cluster.
        threads: of each worker; None: the cores by the workers, or 1.

    Raises:
        RayError: it is not installed, or there is no cluster at the address.
    """
    ray = imported()
    folder = None
    try:
        if address == LOCAL:
            if workers is None:
                workers = max(1, cores() // (threads or 1))
            threads = threads or max(1, cores() // workers)
            folder = _folder()
            _start(
                ray,
                num_cpus=workers * threads,
                object_store_memory=_STORE + 2 * model_bytes,
                _temp_dir=folder,
                include_dashboard=False,
            )
            cluster = Cluster(workers, threads)
        else:
            _start(ray, address=address)
            cluster = _shared_out(ray, workers, threads)
        yield cluster
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def imported() -> Any:
    """Ray, with Ray Data; RayError where it is missing."""
    # before Ray is imported, which reads them then
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # would pack the working folder and send it to the workers
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    # it says of every pool of actors that they might not be started again
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if sys.version_info < (3, 10):
        raise RayError("--ray: Ray needs Python 3.10 or newer")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RayError(
            f"--ray: Ray Data is not installed, or not whole ({error}): "
            "pip install 'paddleseg_u2net[ray]'"
        ) from error
    return ray


def _folder() -> str:
    own = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="u2net-ray-", dir=own if len(own) < _LONGEST_FOLDER else "/tmp")


def _start(ray: Any, **how: Any) -> None:
    if str(how.get("address")).startswith("ray://"):
        raise RayError(
            f"--ray {how['address']}: expected HOST:PORT or auto, got Ray Client's address; run "
            "the command on a node of the cluster, as `ray job submit` does"
        )
    if ray.is_initialized():
        raise RayError("--ray: this process is connected to a Ray already; end that first")
    before = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings(), _without_stderr():
            warnings.simplefilter("ignore")
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **how)
    except ConnectionError as error:
        raise RayError(
            f"--ray {how.get('address', LOCAL)}: {error}. Is it there, and of the same versions of "
            "Ray and Python? One that asks for a token needs RAY_AUTH_MODE=token here"
        ) from error
    except (ValueError, RuntimeError, OSError) as error:
        raise RayError(f"--ray {how.get('address', LOCAL)}: {error}") from error
    finally:  # Ray takes SIGTERM
        with contextlib.suppress(ValueError, TypeError):
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Without what Ray's C++ says of its environment: what goes wrong is an exception, too."""
    own, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)
        os.close(nothing)


def _shared_out(ray: Any, workers: Optional[int], threads: Optional[int]) -> Cluster:
    """How many workers of how many cores a cluster has room for."""
    nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    nodes = [count for count in nodes if count]
    if not nodes:
        raise RayError("--ray: expected a cluster with processor cores, found none")
    if threads is None:
        threads = 1 if workers is None else max(1, min(sum(nodes) // workers, min(nodes)))
    if threads > max(nodes):
        raise RayError(f"--threads {threads}: the largest node of the cluster has {max(nodes)}")
    room = sum(count // threads for count in nodes)
    return Cluster(workers or room, threads)


def worked_on(
    rows: Sequence[Row], task: Task, cluster: Cluster, gpu: bool = False
) -> Generator[List[Dict[str, Any]], None, None]:
    """Do pictures in a pool of workers; their rows of the manifest, some at a time, in any order.

    A worker that is lost is replaced, and its pictures are done again.
    """
    import pyarrow as pa
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = -1  # large pictures take what they take
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)
    ledger = (
        ray.remote(Ledger)
        .options(num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=1)
        .remote()
    )
    # In a list it is no argument of the constructor that Ray could drop before a restart.
    shared = [ray.put(task)]
    size = max(1, min(_BLOCK, len(rows) // (4 * cluster.workers)))
    columns = Row._fields
    blocks = [
        pa.table(
            {
                name: [row[at] for row in rows[start : start + size]]
                for at, name in enumerate(columns)
            },
            schema=_schema(),
        )
        for start in range(0, len(rows), size)
    ]
    results = ray.data.from_arrow(blocks).map_batches(
        _Actor,
        fn_constructor_args=(shared, ledger, __version__),
        compute=ray.data.ActorPoolStrategy(size=min(cluster.workers, len(blocks))),
        batch_size=None,
        batch_format="pyarrow",
        num_cpus=cluster.threads,
        num_gpus=1 if gpu else 0,
    )
    try:
        tables: Any = results.iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        )
        for table in tables:
            yield table.to_pylist()
    except ray.exceptions.RayError as error:
        raise RayError(f"--ray: {_cause(error)}") from error


def _schema() -> Any:
    import pyarrow as pa

    text = pa.string()
    kinds = [text, text, text, text, pa.int64()]
    return pa.schema(list(zip(Row._fields, kinds)))


class _Actor:
    """A `Worker` as Ray Data has it: tables in, tables out."""

    def __init__(self, shared: Sequence[Any], ledger: Any, version: str) -> None:
        import ray

        if version != __version__:
            raise ValueError(
                f"a worker has paddleseg_u2net {__version__}, the command is of {version}; install "
                "the same on all nodes"
            )
        self._worker = Worker(ray.get(shared[0]), _Remote(ledger))

    def __call__(self, table: Any) -> Any:
        import pyarrow as pa

        rows = [Row(**row) for row in table.to_pylist()]
        return pa.Table.from_pylist(self._worker(rows), schema())


class _Remote:
    """Calls an actor as if it were here."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        import ray

        return lambda *values: ray.get(getattr(self._actor, name).remote(*values))


def _cause(error: BaseException) -> str:
    """The line of an error that says why."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
