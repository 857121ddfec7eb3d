"""The clients: ``Client``, and ``AsyncClient`` with the same calls."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack

import httpx2

from ida_client.calls import (
    Asked,
    Limits,
    batch_calls,
    compared,
    compared_items,
    embed_call,
    octet_calls,
    verify_call,
)
from ida_client.exchange import Attempt, Budget, Call, Lost, Reply, RetryPolicy, exchange
from ida_client.face_inputs import Face
from ida_client.failures import KeyProblem, Problem
from ida_client.replies import (
    CallOptions,
    ColumnOptions,
    ComparedColumns,
    ComparedPair,
    FaceOptions,
    FoundEmbedding,
    PairOptions,
)


class _Setup:
    """What both clients know of their service."""

    def __init__(
        self,
        url: str,
        api_key: str | None,
        deadline: float,
        retries: RetryPolicy | None,
        limits: Limits | None,
        clock: Callable[[], float],
    ) -> None:
        self.url = url.rstrip("/")
        self.headers = {"Accept": "application/json"}
        if api_key is not None:
            self.headers["Authorization"] = f"Bearer {api_key}"
        self.deadline = deadline
        self.retries = retries or RetryPolicy()
        self.limits = limits
        self.clock = clock

    def budget(self, asked: Asked) -> Budget:
        return Budget(self.deadline if asked.deadline is None else asked.deadline, self.clock)

    def sent(self, attempt: Attempt) -> dict[str, Any]:
        """Return an attempt as arguments of ``httpx2``."""
        call = attempt.call
        return {
            "method": call.verb,
            "url": f"{self.url}{call.path}",
            "params": dict(call.query),
            "content": call.content,
            "headers": dict(attempt.headers),
            "timeout": attempt.seconds,
        }


class Client:
    """Asks an ida-verify service. Safe to use from several threads; close it, or use it as a context.

    A call is tried again after 429, 502, 503, 504 and lost connections, with the same request id and after the pause
    that ``Retry-After`` names, until its deadline; see ``RetryPolicy``. Each call raises ``Problem`` (a class for each
    kind of failure), ``Unreachable`` or ``DeadlinePassed``.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        deadline: float = 30.0,
        retries: RetryPolicy | None = None,
        limits: Limits | None = None,
        http: httpx2.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Take where the service is; nothing is sent yet.

        Args:
            url: the service's address, such as "https://faces.example.org".
            api_key: a key of the service, where it asks for one.
            deadline: seconds that a call may take, all its tries and parts together.
            retries: when a call is tried again.
            limits: what the service takes in one request; asked of it where None.
            http: sends the requests, for proxies, certificates and tests; closed by whoever made it.
            clock: counts seconds.
            sleep: waits so many seconds.
        """
        self._setup = _Setup(url, api_key, deadline, retries, limits, clock)
        self._http = http or httpx2.Client()
        self._closes = http is None
        self._sleep = sleep

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._closes:
            self._http.close()

    def verify(self, probe: Face, reference: Face | Sequence[Face], **options: Unpack[PairOptions]) -> ComparedPair:
        """Compare two faces; the reference may be a list of several pictures of one person."""
        asked = Asked.of(options)
        return compared(self._answered(verify_call(probe, reference, asked), self._setup.budget(asked)))

    def embed(self, face: Face, **options: Unpack[FaceOptions]) -> FoundEmbedding:
        """Embed one face."""
        asked = Asked.of(options)
        reply = self._answered(embed_call(face, asked), self._setup.budget(asked))
        return FoundEmbedding.of(reply.document(), reply.headers.get("x-request-id", ""))

    def verify_batch(
        self, pairs: Sequence[tuple[Face, Face | Sequence[Face]]], **options: Unpack[PairOptions]
    ) -> list[ComparedPair | Problem]:
        """Compare many pairs, in as many requests as the service's limits ask for; one that fails has its problem."""
        asked = Asked.of(options)
        budget = self._setup.budget(asked)
        found: list[ComparedPair | Problem] = []
        for call in batch_calls(pairs, asked, self._limits(budget)):
            found += compared_items(self._answered(call, budget))
        return found

    def verify_embeddings(self, probes: Any, references: Any, **options: Unpack[ColumnOptions]) -> ComparedColumns:
        """Compare the rows of two arrays (n, d), or sequences, of embeddings, as bytes; see ``verify_batch``."""
        asked = Asked.of(options)
        budget = self._setup.budget(asked)
        calls = octet_calls(probes, references, asked, self._limits(budget))
        return ComparedColumns.joined([self._answered(call, budget).document() for call in calls])

    def info(self, **options: Unpack[CallOptions]) -> Mapping[str, Any]:
        """Return what the service says of itself: versions, models, the anchor set, operating points, limits."""
        asked = Asked.of(options)
        found: Mapping[str, Any] = self._answered(
            Call("GET", "/info", request_id=asked.request_id), self._setup.budget(asked)
        ).document()
        return found

    def _limits(self, budget: Budget) -> Limits:
        if self._setup.limits is None:
            try:
                self._setup.limits = Limits.of(self._answered(Call("GET", "/info"), budget).document())
            except KeyProblem:  # a key that is good for comparing alone
                self._setup.limits = Limits()
        return self._setup.limits

    def _answered(self, call: Call, budget: Budget) -> Reply:
        tries = exchange(call, budget, self._setup.retries, headers=self._setup.headers)
        outcome: Reply | Lost | None = None
        while True:
            try:
                step = tries.send(outcome)
            except StopIteration as ended:
                reply: Reply = ended.value
                return reply
            outcome = None
            if not isinstance(step, Attempt):
                self._sleep(step.seconds)
                continue
            try:
                with self._http.stream(**self._setup.sent(step)) as answer:
                    outcome = Reply(answer.status_code, answer.headers, _content(answer, budget))
            except httpx2.TransportError as error:
                outcome = Lost(error)


def _content(answer: httpx2.Response, budget: Budget) -> bytes:
    """Return the content of an answer; one that comes in drops is given up at the deadline, too."""
    content = bytearray()
    for chunk in answer.iter_bytes():
        content += chunk
        if budget.left <= 0:
            raise httpx2.ReadTimeout("the answer did not end before the deadline", request=answer.request)
    return bytes(content)


class AsyncClient:
    """The same as ``Client``, its calls to be awaited; files are read in a thread.

    Used in one event loop; ``async with``, or ``await aclose()``.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        deadline: float = 30.0,
        retries: RetryPolicy | None = None,
        limits: Limits | None = None,
        http: httpx2.AsyncClient | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        """Take where the service is; arguments as of ``Client``, ``sleep`` to be awaited."""
        self._setup = _Setup(url, api_key, deadline, retries, limits, clock)
        self._http = http or httpx2.AsyncClient()
        self._closes = http is None
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._closes:
            await self._http.aclose()

    async def verify(
        self, probe: Face, reference: Face | Sequence[Face], **options: Unpack[PairOptions]
    ) -> ComparedPair:
        """Compare two faces; see ``Client.verify``."""
        asked = Asked.of(options)
        budget = self._setup.budget(asked)
        call = await asyncio.to_thread(verify_call, probe, reference, asked)
        return compared(await self._answered(call, budget))

    async def embed(self, face: Face, **options: Unpack[FaceOptions]) -> FoundEmbedding:
        """Embed one face."""
        asked = Asked.of(options)
        budget = self._setup.budget(asked)
        reply = await self._answered(await asyncio.to_thread(embed_call, face, asked), budget)
        return FoundEmbedding.of(reply.document(), reply.headers.get("x-request-id", ""))

    async def verify_batch(
        self, pairs: Sequence[tuple[Face, Face | Sequence[Face]]], **options: Unpack[PairOptions]
    ) -> list[ComparedPair | Problem]:
        """Compare many pairs; see ``Client.verify_batch``."""
        asked = Asked.of(options)
        budget = self._setup.budget(asked)
        calls = batch_calls(pairs, asked, await self._limits(budget))
        found: list[ComparedPair | Problem] = []
        while (call := await asyncio.to_thread(next, calls, None)) is not None:
            found += compared_items(await self._answered(call, budget))
        return found

    async def verify_embeddings(
        self, probes: Any, references: Any, **options: Unpack[ColumnOptions]
    ) -> ComparedColumns:
        """Compare the rows of two arrays of embeddings; see ``Client.verify_embeddings``."""
        asked = Asked.of(options)
        budget = self._setup.budget(asked)
        calls = octet_calls(probes, references, asked, await self._limits(budget))
        return ComparedColumns.joined([(await self._answered(call, budget)).document() for call in calls])

    async def info(self, **options: Unpack[CallOptions]) -> Mapping[str, Any]:
        """Return what the service says of itself; see ``Client.info``."""
        asked = Asked.of(options)
        reply = await self._answered(Call("GET", "/info", request_id=asked.request_id), self._setup.budget(asked))
        found: Mapping[str, Any] = reply.document()
        return found

    async def _limits(self, budget: Budget) -> Limits:
        if self._setup.limits is None:
            try:
                self._setup.limits = Limits.of((await self._answered(Call("GET", "/info"), budget)).document())
            except KeyProblem:
                self._setup.limits = Limits()
        return self._setup.limits

    async def _answered(self, call: Call, budget: Budget) -> Reply:
        tries = exchange(call, budget, self._setup.retries, headers=self._setup.headers)
        outcome: Reply | Lost | None = None
        while True:
            try:
                step = tries.send(outcome)
            except StopIteration as ended:
                reply: Reply = ended.value
                return reply
            outcome = None
            if not isinstance(step, Attempt):
                await self._sleep(step.seconds)
                continue
            try:
                async with asyncio.timeout(step.seconds):
                    answer = await self._http.request(**self._setup.sent(step))
                outcome = Reply(answer.status_code, answer.headers, answer.content)
            except (httpx2.TransportError, TimeoutError) as error:
                outcome = Lost(error)
