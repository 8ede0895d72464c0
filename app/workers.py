"""Processes that run one job at a time, each at the other end of a socket of its own.

No library: pebble's pools, which were used before, have all workers share one pipe and speak in
pickles, so that one that was taken over can answer for the others, or stall them. Here it reaches
nothing but its own job, and no thread of this process has to pass jobs on.

Jobs are pickles, which workers trust. What comes back is bytes, and nothing is made of them here.
While it works, a job may ask for numbers.
"""

import asyncio
import os
import pickle
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from struct import Struct
from typing import BinaryIO, TypeVar, cast
from weakref import WeakSet

from app.isolation.environment import without_secrets
from models.errors import DriverActivityError

PRELOADED_MODULES = ("app.decoding", "models.video.decode", "models.video.frames")
"""What the server has loaded that forks the workers, so that they need not."""
NUMBER = Struct("!Q")
"""Goes before every job: how many bytes it has. And what a worker is told that asked."""
MESSAGE = Struct("!cQ")
"""What a worker sends: a kind and a number."""
BEGUN, ASKED, ANSWERED = b"B", b"?", b"="
"""That it has received a job, what it asks, and how many bytes of answer follow."""
CHUNK_BYTES = 2**18
POLL_S = 0.005
EXIT_S = 1.0
"""How long a process may take to end, once its socket has been closed."""
LOST = 255
"""Exit code of a process of which nothing is known, because its server has ended."""

T = TypeVar("T")
Job = Callable[..., bytes]
Answer = tuple[T | None, Exception | None]
"""What a job gave, or what it raised."""
Reply = Callable[[int], Awaitable[int]]
"""Tells a job the number that it asks for by a number, both from 0 to 2**64 - 1."""

# multiprocessing keeps its records of processes for one thread at a time.
_processes = threading.Lock()
_known: "WeakSet[Worker]" = WeakSet()
_asker: ContextVar[Callable[[int], int]] = ContextVar("asker")


class WorkerEndedError(DriverActivityError):
    """A worker ended before it answered.

    Attributes:
        exit_code: What its process ended with; negative is a signal, None if it does not end.
        has_begun: Whether it had received its job.
    """

    def __init__(self, exit_code: int | None, has_begun: bool) -> None:
        super().__init__(exit_code, has_begun)
        self.exit_code = exit_code
        self.has_begun = has_begun

    def __str__(self) -> str:
        return f"a worker ended with exit code {self.exit_code}"


class UnreadableAnswerError(DriverActivityError):
    """A worker sent what is no answer."""


class PoolClosedError(DriverActivityError):
    """A pool that was closed takes no job."""


async def reply_nothing(question: int) -> int:
    """Refuse to tell a job anything.

    Raises:
        UnreadableAnswerError: Always.
    """
    raise UnreadableAnswerError(f"a worker asked for {question}, and is told nothing")


class Worker:
    """A process of its own; starting one blocks for 10 ms.

    Args:
        prepare: Called in the process before its first job; it can be pickled.
    """

    def __init__(self, prepare: Callable[[], object]) -> None:
        ours, theirs = socket.socketpair()
        with theirs, _processes:
            try:
                _ensure_server()
                self._process: BaseProcess = get_context("forkserver").Process(
                    target=serve, args=(theirs, prepare), daemon=True
                )
                self._process.start()
            except BaseException:
                ours.close()
                raise
            _known.add(self)
        ours.setblocking(False)
        self._socket = ours

    async def run(self, job: bytes, *, max_answer_bytes: int, reply: Reply) -> bytes:
        """Have the process call a function, and return what that returns.

        Who stops waiting, or gets an error, must `discard` the worker; it takes no other job.

        Args:
            job: A pickle of the function and its arguments.
            max_answer_bytes: Longest answer.
            reply: Tells the function what it asks.

        Raises:
            WorkerEndedError: If the process ended.
            UnreadableAnswerError: If the answer is longer, or is none.
        """
        has_begun = False
        try:
            await self._send(NUMBER.pack(len(job)))
            await self._send(job)
            await self._receive_message(BEGUN)
            has_begun = True
            kind, number = await self._receive_message(ASKED, ANSWERED)
            while kind == ASKED:
                await self._send(NUMBER.pack(await reply(number)))
                kind, number = await self._receive_message(ASKED, ANSWERED)
            if number > max_answer_bytes:
                raise UnreadableAnswerError(f"{number} bytes, at most {max_answer_bytes}")
            return await self._receive(number)
        except (EOFError, ConnectionError) as exc:
            exit_code = await asyncio.to_thread(self.join, EXIT_S)
            raise WorkerEndedError(exit_code, has_begun) from exc

    def dismiss(self) -> None:
        """Let the process end, as it does when nobody can send it a job."""
        self._socket.close()

    def discard(self) -> None:
        """End the process at once; for the task that had it work, or when it has no job."""
        self.kill()
        self._socket.close()

    def kill(self) -> None:
        """End the process at once; from any thread."""
        if self.exit_code in (None, LOST) and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    @property
    def exit_code(self) -> int | None:
        """What the process ended with; None while it runs."""
        with _processes:
            return self._process.exitcode

    def join(self, timeout_s: float) -> int | None:
        """Wait for the end of the process and return its exit code, None if it does not end."""
        deadline_s = time.monotonic() + timeout_s
        while (exit_code := self.exit_code) is None and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        return exit_code

    async def _send(self, message: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, message)

    async def _receive_message(self, *kinds: bytes) -> tuple[bytes, int]:
        kind, number = MESSAGE.unpack(await self._receive(MESSAGE.size))
        if kind not in kinds:
            raise UnreadableAnswerError(f"a worker sent {kind!r}, accepted are {kinds}")
        return kind, number

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


def _ensure_server() -> None:
    """Start the process that forks workers, without secrets, unless a worker shows that it runs.

    To hide secrets is not safe while other threads look into the environment, so it is not done
    each time; who holds the lock calls this.
    """
    if any(worker._process.exitcode is None for worker in _known):
        return
    with without_secrets():
        get_context("forkserver").set_forkserver_preload(list(PRELOADED_MODULES))
        forkserver.ensure_running()


class WorkerPool:
    """Workers that are used again; one that has ended is replaced when it is missed.

    Args:
        prepare: Called in each before its first job; it can be pickled.
        max_idle: How many are kept while they have no job.
    """

    def __init__(self, prepare: Callable[[], object], *, max_idle: int) -> None:
        self._prepare = prepare
        self._max_idle = max_idle
        self._lock = threading.Lock()
        self._is_closed = False
        self._num_starting = 0
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []

    def start(self) -> None:
        """Start as many workers as are kept, before they are needed."""
        for _ in range(self._max_idle):
            self._add_worker()

    async def call(
        self,
        function: Job,
        args: Sequence[object],
        *,
        read: Callable[[bytes], Answer[T]],
        max_answer_bytes: int,
        reply: Reply = reply_nothing,
    ) -> T:
        """Return what a function gives in a worker; who stops waiting ends the worker.

        Args:
            function: It and its arguments can be pickled.
            args: Its arguments.
            read: Makes an answer of what it returns.
            max_answer_bytes: Longest that it may return.
            reply: Tells the function what it asks.

        Raises:
            PoolClosedError: If the pool was closed.
            WorkerEndedError: If the worker ended, as it does when the function raises.
            UnreadableAnswerError: If that cannot be read, or is longer; the worker is ended.
            Exception: What is read as an error.
        """
        job = pickle.dumps((function, args))
        num_left = len(self._workers)  # all of them may have ended while they had no job
        while True:
            worker = await self._take_worker()
            try:
                result, error = read(
                    await worker.run(job, max_answer_bytes=max_answer_bytes, reply=reply)
                )
            except WorkerEndedError as exc:
                worker.discard()
                if exc.has_begun or not num_left:
                    raise
                num_left -= 1
            except BaseException:
                worker.discard()
                raise
            else:
                break
        self._give_back(worker)
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
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.kill()
        while self._bury():
            time.sleep(POLL_S)

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
            if not self._is_closed and len(self._idle) < self._max_idle:
                self._idle.append(worker)
                return
        worker.dismiss()

    def _add_worker(self) -> None:
        with self._lock:
            self._num_starting += 1
        try:
            self._bury()
            worker = Worker(self._prepare)
            with self._lock:
                self._workers.append(worker)
            self._give_back(worker)
        finally:
            with self._lock:
                self._num_starting -= 1

    def _bury(self) -> bool:
        """Forget the workers that have ended, and say whether there are others, or will be."""
        with self._lock:
            workers = list(self._workers)
        ended = [worker for worker in workers if worker.exit_code is not None]
        with self._lock:
            for worker in set(ended) & set(self._idle):
                self._idle.remove(worker)
                worker.dismiss()
            self._workers = [worker for worker in self._workers if worker not in ended]
            return bool(self._workers or self._num_starting)


def serve(channel: socket.socket, prepare: Callable[[], object]) -> None:
    """Do jobs, in a worker, until there is nobody who could send one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's, which the service answers
    prepare()
    with suppress(ConnectionError), channel, channel.makefile("rb") as jobs:
        _asker.set(partial(_ask, channel, jobs))
        while header := jobs.read(NUMBER.size):
            function, args = pickle.loads(jobs.read(*NUMBER.unpack(header)))
            channel.sendall(MESSAGE.pack(BEGUN, 0))
            answer = function(*args)
            channel.sendall(MESSAGE.pack(ANSWERED, len(answer)))
            channel.sendall(answer)


def ask(question: int) -> int:
    """Ask, within a job, whoever called for it; blocks until there is a reply.

    Raises:
        ConnectionError: If there will be none.
    """
    return _asker.get()(question)


def _ask(channel: socket.socket, replies: BinaryIO, question: int) -> int:
    channel.sendall(MESSAGE.pack(ASKED, question))
    reply = replies.read(NUMBER.size)
    if len(reply) < NUMBER.size:
        raise ConnectionError("nobody is there to reply")
    (number,) = NUMBER.unpack(reply)
    return int(number)
