"""Small messages between the processes of a run, and what becomes of it when one is lost.

Paddle's own store asks again and again for an answer, Gloo waits for 30 s and then stops, NCCL for
half an hour. Here process 0 has a socket to each of the others: an answer comes as soon as it is
sent, the wait is as long as it has to be, and who has ended is known at once.
"""

from __future__ import annotations

import os
import pickle
import secrets
import socket
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge, wait
from typing import Any, Dict, List, NoReturn, Optional

_KEY = "paddleseg_u2net/circle"
# Kinds of messages, by their first byte.
_STATE, _BEAT, _FAILURE = b"s", b"b", b"f"
# Seconds between two signs of life, and without any before a process counts as lost.
_BETWEEN_BEATS, _PATIENCE = 3.0, 25.0
# Seconds to come to the circle once all have begun; to end by itself when another is lost.
_TO_COME, _TO_END = 60.0, 20.0


class Lost(ConnectionError):
    """Another process of the run has ended, or says nothing any more."""


class Circle:
    """The sockets of one process of ``size``; ``store`` is Paddle's, to find one another by."""

    def __init__(self, rank: int, size: int, store: Any) -> None:
        self.rank, self.size = rank, size
        self.lost = ""  # what was raised, whatever others make of it
        self._sending = threading.Lock()
        self._beaten: Dict[int, float] = {}  # when those that beat were last heard
        self._ended = threading.Event()
        self._thread: Optional[threading.Thread] = None
        if rank == 0:
            self._others = self._invite(store)
        else:
            self._others = {0: self._join(store)}

    def exchange(self, own: bytes) -> List[bytes]:
        """What all have given, in the order of their ranks; they wait for one another.

        Raises:
            Lost: one of them has ended, or has been silent for too long.
        """
        if self.rank == 0:
            every = [own, *(message for _, message in sorted(self._collect().items()))]
            answer = _STATE + pickle.dumps(every)
            for rank in self._others:
                self._send(rank, answer)
            return every
        self._send(0, _STATE + own)
        return pickle.loads(self._collect()[0])

    def fail(self, words: str) -> None:
        """Tell the others why this process ends; process 0 hands it on."""
        for connection in self._others.values():
            with suppress(OSError), self._sending:
                connection.send_bytes(_FAILURE + words.encode(errors="replace"))

    def beat(self) -> None:
        """Give signs of life from now on, and do not outlive the others by long."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._keep_beating, daemon=True)
        self._thread.start()

    def rest(self) -> None:
        """The end of ``beat``."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_BETWEEN_BEATS)

    def _invite(self, store: Any) -> Dict[int, Connection]:
        key = secrets.token_bytes(32)
        others: Dict[int, Connection] = {}
        with socket.create_server(("", 0), backlog=self.size) as server:
            server.settimeout(_TO_COME)
            store.set(_KEY, f"{server.getsockname()[1]} {key.hex()}")
            while len(others) < self.size - 1:
                try:
                    connection = _connection(server.accept()[0])
                except socket.timeout as error:
                    missing = sorted({*range(1, self.size)} - {*others})
                    raise Lost(
                        f"processes {missing} of {self.size} have not come within {_TO_COME:.0f} s "
                        f"to port {server.getsockname()[1]} of process 0; see to it that no "
                        "firewall is between them"
                    ) from error
                deliver_challenge(connection, key)
                answer_challenge(connection, key)
                others[int(connection.recv_bytes())] = connection
        return others

    def _join(self, store: Any) -> Connection:
        port, key = bytes(store.get(_KEY)).decode().split()
        host = meeting_point()[0]
        try:
            connection = _connection(socket.create_connection((host, int(port)), _TO_COME))
        except OSError as error:
            raise Lost(
                f"process {self.rank} of {self.size} cannot reach process 0 at {host}:{port} "
                f"({error}); see to it that no firewall is between them"
            ) from error
        answer_challenge(connection, bytes.fromhex(key))
        deliver_challenge(connection, bytes.fromhex(key))
        connection.send_bytes(str(self.rank).encode())
        return connection

    def _send(self, rank: int, message: bytes) -> None:
        try:
            with self._sending:
                self._others[rank].send_bytes(message)
        except OSError:
            self._lose(rank, self._last_words(rank))

    def _collect(self) -> Dict[int, bytes]:
        """A message of each of the others, by rank."""
        found: Dict[int, bytes] = {}
        missing = {connection: rank for rank, connection in self._others.items()}
        self._beaten = dict.fromkeys(self._beaten, time.monotonic())
        while missing:
            for connection in wait(list(missing), 1.0):
                rank = missing[connection]  # type: ignore[index]
                message = self._receive(rank)
                if message is not None:
                    found[rank] = message
                    del missing[connection]  # type: ignore[arg-type]
            for rank in missing.values():
                silent = time.monotonic() - self._beaten.get(rank, time.monotonic())
                if silent > _PATIENCE:
                    self._lose(rank, f"has given no sign of life for {silent:.0f} s: it hangs, was "
                               "stopped, or cannot be reached")  # fmt: skip
        return found

    def _receive(self, rank: int) -> Optional[bytes]:
        """What a process has sent for all; None for a sign of life."""
        try:
            message = self._others[rank].recv_bytes()
        except (EOFError, OSError):
            self._lose(rank)
        kind, content = message[:1], message[1:]
        if kind == _FAILURE:
            self._lose(rank, content.decode())
        if kind == _BEAT:
            self._beaten[rank] = time.monotonic()
            return None
        return content

    def _last_words(self, rank: int) -> str:
        """What a process that has closed its end has sent before."""
        with suppress(EOFError, OSError):
            while self._others[rank].poll():
                message = self._others[rank].recv_bytes()
                if message[:1] == _FAILURE:
                    return message[1:].decode()
        return ""

    def _lose(self, rank: int, ended: str = "") -> NoReturn:
        words = self._words(rank, ended)
        self._ended.set()
        if self.rank == 0:
            self.fail(words)
        self.lost = words  # not the error, which would keep all that runs, loaders too
        raise Lost(words)

    def _words(self, rank: int, ended: str) -> str:
        if ended.startswith("process "):  # process 0 hands on what is of another
            return ended
        ended = ended or "has ended without a word: it was killed, or its log says more"
        return f"process {rank} of {self.size} {ended}"

    def _keep_beating(self) -> None:
        while True:  # the first at once: who never gave a sign of life is not missed
            for rank, connection in self._others.items():
                try:
                    with self._sending:
                        connection.send_bytes(_BEAT)
                except OSError:
                    self._end_soon(rank)
                    return
            if self._ended.wait(_BETWEEN_BEATS):
                return

    def _end_soon(self, rank: int) -> None:
        """End this process, if it does not by itself: it may wait in C++ for one that is lost."""
        if not self._ended.wait(_TO_END):
            print(f"Error: {self._words(rank, '')}", file=sys.stderr, flush=True)
            os._exit(1)


def meeting_point() -> List[str]:
    """Host and port of Paddle's store, which is in process 0."""
    if "MASTER_ADDR" in os.environ and "MASTER_PORT" in os.environ:
        return [os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]]
    first = os.environ.get("PADDLE_TRAINER_ENDPOINTS", "").partition(",")[0]
    host, _, port = (os.environ.get("PADDLE_MASTER") or first).rpartition(":")
    return [host, port]


def _connection(end: socket.socket) -> Connection:
    end.settimeout(None)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(end.detach())
