"""Processes that run one job at a time, each at the other end of a socket of its own.

A worker costs no thread in this process, and harms no job but its own: it shares nothing with other
workers. No library: pebble's pools, which were used before, pass each job through three threads,
which have to wait while all cores are busy (1.4 ms of 30 that a small video takes), look for
timeouts and for dead workers every 100 ms, and have all workers share one pipe.
"""

import asyncio
import pickle
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from struct import Struct
from typing import Any, TypeVar, cast

from app.isolation.environment import without_secrets

HEADER = Struct("!I")
"""Goes before every message: how many bytes it has."""
BEGUN = b"\x01"
"""What a worker sends when it has received a job."""
CHUNK_BYTES = 2**18
POLL_S = 0.02
EXIT_S = 1.0
"""How long a process may take to end, once its socket has been closed."""

T = TypeVar("T")
Answer = tuple[Any, Exception | None]
"""What a job returned, or what it raised."""
ReadAnswer = Callable[[bytes], Any]

# multiprocessing keeps its records of processes for one thread at a time.
_processes = threading.Lock()


class WorkerEndedError(Exception):
    """A worker ended before it answered.

    Attributes:
        exit_code: What its process ended with; negative is a signal, None if it does not end.
        has_begun: Whether it had received its job.
    """

    def __init__(self, exit_code: int | None, *, has_begun: bool) -> None:
        super().__init__(exit_code, has_begun)
        self.exit_code = exit_code
        self.has_begun = has_begun


class UnreadableAnswerError(Exception):
    """A worker sent what is no answer."""


class PoolClosedError(Exception):
    """A pool that was closed takes no job."""


def start_server(preload: Sequence[str]) -> None:
    """Start the process that workers are forked from, unless it runs.

    They have the environment that it starts with, which has no secrets; to hide these is safe only
    while no other thread looks at the environment.

    Args:
        preload: Modules that it loads, so that workers need not.
    """
    with _processes, without_secrets():
        get_context("forkserver").set_forkserver_preload(list(preload))
        forkserver.ensure_running()


class Worker:
    """A process of its own; starting one blocks for 10 ms.

    Args:
        prepare: Called in the process before its first job; it can be pickled.
        read: Makes an answer of what the process sends.
        max_answer_bytes: Longest that it may send.
    """

    def __init__(
        self,
        prepare: Callable[[], object],
        *,
        read: ReadAnswer,
        max_answer_bytes: int,
    ) -> None:
        self._read = read
        self._max_answer_bytes = max_answer_bytes
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        with theirs, _processes:
            self._process: BaseProcess = get_context("forkserver").Process(
                target=serve, args=(theirs, prepare), daemon=True
            )
            self._process.start()

    async def run(self, function: Callable[..., object], args: Sequence[object]) -> Answer:
        """Have the process call a function, and return what becomes of it.

        Who stops waiting, or gets an error, must `discard` the worker; it takes no other job.

        Args:
            function: It and its arguments can be pickled.
            args: Its arguments.

        Raises:
            WorkerEndedError: If the process ended.
            UnreadableAnswerError: If it sent what is no answer, or too much.
        """
        job = pickle.dumps((function, args))
        has_begun = False
        try:
            await self._send(HEADER.pack(len(job)))
            await self._send(job)
            has_begun = await self._receive(len(BEGUN)) == BEGUN
            (num_bytes,) = HEADER.unpack(await self._receive(HEADER.size))
            if num_bytes > self._max_answer_bytes:
                raise UnreadableAnswerError(f"{num_bytes} bytes of {self._max_answer_bytes}")
            message = await self._receive(num_bytes)
        except (EOFError, ConnectionError) as exc:
            exit_code = await asyncio.to_thread(self.join, EXIT_S)
            raise WorkerEndedError(exit_code, has_begun=has_begun) from exc
        return self._check(message)

    def dismiss(self) -> None:
        """Let the process end, as it does when nobody can send it a job."""
        self._socket.close()

    def discard(self) -> None:
        """End the process at once; for the task that had it work, or when it has no job."""
        self.kill()
        self._socket.close()

    def kill(self) -> None:
        """End the process at once; from any thread."""
        self._process.kill()

    def join(self, timeout_s: float) -> int | None:
        """Wait for the end of the process and return its exit code, None if it does not end."""
        with _processes:
            self._process.join(timeout_s)
            return self._process.exitcode

    def _check(self, message: bytes) -> Answer:
        try:
            result, error = self._read(message)
        except Exception as exc:
            raise UnreadableAnswerError(str(exc)) from exc
        if not (error is None or isinstance(error, Exception)):
            raise UnreadableAnswerError(f"raised {error!r}")
        return result, error

    async def _send(self, message: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, message)

    async def _receive(self, num_bytes: int) -> bytes:
        loop = asyncio.get_running_loop()
        message = bytearray()
        while len(message) < num_bytes:
            left = min(num_bytes - len(message), CHUNK_BYTES)
            piece = await loop.sock_recv(self._socket, left)
            if not piece:
                raise EOFError
            message += piece
        return bytes(message)


class WorkerPool:
    """Workers that are used again; one that has ended is replaced when it is missed.

    There are as many as there were calls at the same time.

    Args:
        make_worker: Starts one.
    """

    def __init__(self, make_worker: Callable[[], Worker]) -> None:
        self._make_worker = make_worker
        self._lock = threading.Lock()
        self._is_closed = False
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []

    def start(self, num_workers: int) -> None:
        """Start workers before they are needed."""
        for _ in range(num_workers):
            self._add_worker()

    async def call(self, function: Callable[..., T], args: Sequence[object]) -> T:
        """Return what a function returns in a worker; who stops waiting ends the worker.

        Raises:
            PoolClosedError: If the pool was closed.
            WorkerEndedError: As `Worker.run`.
            UnreadableAnswerError: As `Worker.run`.
            Exception: What the function raises, its traceback in the worker as a note.
        """
        result, error = await self._call(function, args)
        if error is not None:
            raise error
        return cast(T, result)

    def close(self, *, timeout_s: float) -> None:
        """Let the jobs that run finish, for so long at most, and end the workers."""
        deadline_s = time.monotonic() + timeout_s
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.dismiss()
        while self._bury() and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        for worker in self._workers:
            worker.kill()
        while self._bury():
            time.sleep(POLL_S)

    async def _call(self, function: Callable[..., object], args: Sequence[object]) -> Answer:
        num_left = len(self._workers)  # all of them may have ended while they had no job
        while True:
            worker = await self._take_worker()
            try:
                answer = await worker.run(function, args)
            except WorkerEndedError as exc:
                worker.discard()
                if exc.has_begun or not num_left:
                    raise
                num_left -= 1
            except BaseException:
                worker.discard()
                raise
            else:
                self._give_back(worker)
                return answer

    async def _take_worker(self) -> Worker:
        while True:
            with self._lock:
                if self._is_closed:
                    raise PoolClosedError
                if self._idle:
                    return self._idle.pop()  # the one that worked last, whose memory is warm
            # Who stops waiting leaves the new worker to the next.
            await asyncio.shield(asyncio.to_thread(self._add_worker))

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(worker)
                return
        worker.dismiss()

    def _add_worker(self) -> None:
        self._bury()
        worker = self._make_worker()
        with self._lock:
            self._workers.append(worker)
        self._give_back(worker)

    def _bury(self) -> bool:
        """Forget the workers that have ended, and say whether there are others."""
        with self._lock:
            workers = list(self._workers)
        ended = [worker for worker in workers if worker.join(0) is not None]
        with self._lock:
            for worker in set(ended) & set(self._idle):
                self._idle.remove(worker)
                worker.dismiss()
            self._workers = [worker for worker in self._workers if worker not in ended]
            return bool(self._workers)


def serve(channel: socket.socket, prepare: Callable[[], object]) -> None:
    """Do jobs, in a worker, until there is nobody who could send one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's, which the service answers
    prepare()
    with suppress(ConnectionError), channel, channel.makefile("rb") as jobs:
        while header := jobs.read(HEADER.size):
            (num_bytes,) = HEADER.unpack(header)
            function, args = pickle.loads(jobs.read(num_bytes))
            channel.sendall(BEGUN)
            message = pickle.dumps(_do(function, args))
            channel.sendall(HEADER.pack(len(message)))
            channel.sendall(message)


def _do(function: Callable[..., object], args: Sequence[object]) -> Answer:
    try:
        return function(*args), None
    except Exception as exc:
        exc.add_note(traceback.format_exc())
        return None, exc
