"""A worker of a large job: one model, in a process of its own; pictures in, manifest rows out."""

from __future__ import annotations

import io
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import (
    Any,
    Deque,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
)

from paddleseg_u2net._version import __version__
from paddleseg_u2net.io.images import open_picture
from paddleseg_u2net.io.images.headers import header_of
from paddleseg_u2net.prediction.cluster.manifest import FAILED
from paddleseg_u2net.prediction.cluster.remote import place
from paddleseg_u2net.prediction.cluster.shipping import ShippedModel
from paddleseg_u2net.prediction.pipelining import MOST_PIXELS, load_of, pipelined, reason
from paddleseg_u2net.prediction.removal import Removal, Report, Work
from paddleseg_u2net.removal import Encoding, Options, Remover

KEPT = "kept"
"""The state of a picture that is done and has not changed since; it gets no row."""

# Pictures that are fetched ahead, while the network runs.
_FETCHED = 4
# A picture at which a worker was lost so often is given up.
MOST_LOSSES = 2
_LOST = (
    f"{{}}: the worker was lost {MOST_LOSSES} times while it did this picture alone (too little "
    "memory, or a library that crashed); make it smaller, or leave it out"
)


class Row(NamedTuple):
    """A picture that is to be done.

    Args:
        input, output: addresses.
        identity: of the input, see `remote.Stored`; None: the worker asks.
        known: what it was when it was done before; None if it was not, or is to be done again.
        attempt: how often it was begun before.
    """

    input: str
    output: str
    identity: Optional[str] = None
    known: Optional[str] = None
    attempt: int = 0


class Task(NamedTuple):
    """What every worker does to its pictures.

    Args:
        loading: what `load_model` takes besides the model: threads, device, ...
        settings: the hash that rows have.
    """

    model: ShippedModel
    loading: Mapping[str, Any]
    options: Options
    encoding: Encoding
    settings: str


class Ledger:
    """What outlives workers, in a process of its own: what was begun, and pictures that were done
    one by one.
    """

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._done: Dict[str, Dict[str, Any]] = {}

    def begin(self, name: str) -> int:
        """How often it was begun, this time among them."""
        self._begun[name] += 1
        return self._begun[name]

    def end(self, row: Dict[str, Any]) -> None:
        """Keep the row of a picture for who does its neighbours again."""
        self._done[row["input"]] = row

    def ended(self, name: str) -> Optional[Dict[str, Any]]:
        """The row of a picture that is done."""
        return self._done.get(name)


class Worker:
    """A model, which is loaded once, and what it does to pictures.

    Args:
        ledger: a `Ledger`, or what calls one in its process.
    """

    def __init__(self, task: Task, ledger: Any) -> None:
        self._task, self._ledger = task, ledger
        model = task.model.load(**task.loading)
        self._remover = Remover(model.pipeline, model.in_channels)
        self._model = f"{task.model.name}-{task.model.digest}"

    def __call__(self, rows: Sequence[Row]) -> List[Dict[str, Any]]:
        """Do pictures; their rows of the manifest, in any order."""
        times = self._ledger.begin(f"all from {rows[0].input}")
        if times == 1:
            return self._finish(rows, times)
        # A worker was lost in the midst of them: one after the other, to see at which it happens.
        return [self._alone(row, times) for row in rows]

    def _alone(self, row: Row, times: int) -> Dict[str, Any]:
        done: Optional[Dict[str, Any]] = self._ledger.ended(row.input)
        if done is None:
            if self._ledger.begin(row.input) <= MOST_LOSSES:
                done = self._finish([row], times)[0]
            else:
                done = self._row(row, times, state=FAILED, error=_LOST.format(row.input))
            self._ledger.end(done)
        return done

    def _finish(self, rows: Sequence[Row], times: int) -> List[Dict[str, Any]]:
        steps, result = _Steps(self._remover, self._task), []
        # Of the machine's cores others use the rest; two, since one waits for the store.
        threads = max(2, self._task.loading.get("threads") or 0)
        for item, error in pipelined(_fetched(rows), steps, MOST_PIXELS, threads):
            facts = {"identity": item.identity, **steps.facts.of.get(item.image, {})}
            if isinstance(error, _Unchanged):
                facts = {"state": KEPT}
            elif error is not None:
                why = item.named(reason(item.image, error))
                facts = {"identity": item.identity, "state": FAILED, "error": why}
            result.append(self._row(item.row, times, **facts))
        return result

    def _row(self, row: Row, times: int, **facts: Any) -> Dict[str, Any]:
        return {
            "input": row.input,
            "output": row.output,
            "attempt": row.attempt + times,
            "identity": row.identity,
            "model": self._model,
            "settings": self._task.settings,
            "version": __version__,
            **facts,
        }


class _Unchanged(Exception):
    """The picture is what it was when it was done."""


class _Item:
    """A picture on its way: its content comes as soon as it is fetched."""

    def __init__(self, row: Row) -> None:
        self.row, self.identity = row, row.identity
        self.image = Path(row.input)  # a name for the local command's steps, which know no address
        self._content: Future[bytes] = Future()

    def fetch(self) -> None:
        try:
            source = place(self.row.input)
            if self.identity is None:
                self.identity = source.stored().identity
            if self.identity == self.row.known:
                raise _Unchanged
            self._content.set_result(source.read())
        except BaseException as error:
            self._content.set_exception(error)

    def named(self, text: str) -> str:
        """A text of these steps with the address for the name."""
        return text.replace(str(self.image), self.row.input)

    def content(self) -> bytes:
        """The content, when it is there; raises what kept it from coming."""
        return self._content.result()


def _fetched(rows: Iterable[Row]) -> Iterator[_Item]:
    """The pictures, while the content of the next ones is fetched."""
    ahead: Deque[_Item] = deque()
    with ThreadPoolExecutor(_FETCHED) as pool:
        for row in rows:
            ahead.append(_Item(row))
            pool.submit(ahead[-1].fetch)
            if len(ahead) > _FETCHED:
                yield ahead.popleft()
        yield from ahead


class _Facts(Report):
    """What the local command tells of pictures."""

    def __init__(self) -> None:
        super().__init__({})
        self.of: Dict[Path, Dict[str, Any]] = {}

    def add(self, work: Work, state: str, seconds: float = 0.0, **found: Any) -> None:
        """Take down what is told of a picture."""
        self.of[work.image] = {"state": state, "seconds": seconds, **found}


class _Steps:
    """The local command's steps, of pictures that were fetched."""

    def __init__(self, remover: Remover, task: Task) -> None:
        self.facts = _Facts()
        self._remover = remover
        self._removal = Removal(remover, task.options, task.encoding, self.facts)

    def weight(self, item: _Item) -> int:
        try:
            picture = open_picture(io.BytesIO(item.content()), item.row.input)
            return load_of(header_of(picture).size, self._remover.pipeline)
        except Exception:  # reading it says what is wrong
            return 0

    def read(self, item: _Item) -> Any:
        return self._removal.read(Work(item.image, io.BytesIO(), item.content()))

    def compute(self, read: Any) -> Any:
        return self._removal.compute(read)

    def write(self, item: _Item, computed: Any) -> None:
        stream = io.BytesIO()
        self._removal.write(Work(item.image, stream), computed)
        place(item.row.output).write(stream.getvalue())
        self.facts.of[item.image]["bytes"] = stream.tell()
