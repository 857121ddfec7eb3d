"""Replicas behind one balancer as a discrete-event simulation: their queues, deadlines, swaps, deaths and restarts.

``capacity.py`` runs it. A pair that the balancer sends to a replica meets the admission of ``service/api/admission``:
turned away where the queue is full or its turn would come too late, else it waits for a worker. Replicas have CPUs of
their own, or share those of one machine with whatever else runs there, in slices of time.
"""

import random
from collections.abc import Generator

import numpy as np
import simpy
from fleet_shape import Away, Seen, Shape

# Weight of the newest call in the mean time of one, as service/api/workers has it.
_NEWEST = 0.08
_SLICE = 0.004
_TRIES = 3  # proxy_next_upstream_tries
_FAIL_TIMEOUT = 10.0  # for which nginx leaves one out that failed, where it knows its replicas
Steps = Generator[simpy.Event, object, None]


class Machine:
    """CPUs that several share, in slices of time and in turn; what others take of them, they take first."""

    def __init__(self, env: simpy.Environment, cpus: int, others: float) -> None:
        self._env = env
        self._cpus = simpy.PriorityResource(env, cpus)
        count = int(np.ceil(others))
        for _ in range(count):
            env.process(self._busy(others / count))

    def run(self, work: float, priority: int = 1) -> Steps:
        """Work for so long on a CPU, which others may have in between."""
        while work > 1e-9:
            with self._cpus.request(priority) as turn:
                yield turn
                yield self._env.timeout(min(work, _SLICE))
            work -= _SLICE

    def _busy(self, share: float) -> Steps:
        while True:
            yield from self.run(_SLICE, priority=0)
            yield self._env.timeout(_SLICE * (1 - share) / share)


class Replica:
    """One replica: its queue, its workers, and whether it lives."""

    def __init__(self, env: simpy.Environment, shape: Shape, machine: Machine | None) -> None:
        self._env, self._shape, self._machine = env, shape, machine
        self._workers = simpy.Resource(env, shape.workers)
        self._mean = 0.0
        self._loading = 0  # threads that load an anchor set
        self.is_up = True
        self.died_at = self.shunned_until = -float("inf")
        self.under_way: set[simpy.Process] = set()

    def refuses(self, deadline: float) -> bool:
        """Return whether a pair is turned away now, as ``Gate`` decides."""
        waiting = len(self._workers.queue)
        wait = (waiting + 1) * self._mean / self._shape.workers if waiting else 0.0
        is_late = self._env.now + wait + self._mean > deadline
        return waiting >= self._shape.queue or (waiting > 0 and is_late)

    def answer(self, work: float) -> Generator[simpy.Event, object, int]:
        """Answer a pair, and return the status."""
        env, deadline = self._env, self._env.now + self._shape.deadline
        try:
            if self.refuses(deadline):
                yield from self.work(self._shape.refusal)
                return 429
            with self._workers.request() as turn:
                yield turn | env.timeout(deadline - env.now)
                if not turn.triggered:
                    return 504
                began = env.now
                yield from self.work(work)
                self._mean += (_NEWEST if self._mean else 1.0) * (env.now - began - self._mean)
        except simpy.Interrupt:
            return 502
        return 200 if env.now <= deadline else 504

    def work(self, work: float) -> Steps:
        """Work for so long, on the machine's CPUs or on its own, slowed by what loads beside it."""
        if self._machine is not None:
            yield from self._machine.run(work)
            return
        busy = self._workers.count + self._loading
        yield self._env.timeout(work * max(1.0, busy / self._shape.workers))

    def load(self, after: float, work: float) -> Steps:
        """Load an anchor set in a thread of its own."""
        yield self._env.timeout(after)
        self._loading += 1
        if self._machine is None:
            yield self._env.timeout(work)
        else:
            yield from self._machine.run(work)
        self._loading -= 1

    def die(self, seconds: float, start_work: float) -> Steps:
        """Be gone for so long, with all that was under way."""
        self.is_up, self.died_at = False, self._env.now
        for pair in list(self.under_way):
            pair.interrupt()
        starting = self._env.timeout(seconds)
        if self._machine is not None and start_work:
            starting &= self._env.process(self._machine.run(start_work))
        yield starting
        self.is_up, self._mean, self.shunned_until = True, 0.0, self._env.now


class Fleet:
    """The replicas and the balancer before them, in one simulation."""

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        self.env = simpy.Environment()
        self.seen = Seen()
        self.random = random.Random(seed)
        self._shape = shape
        self._machine = None if shape.cpus is None else Machine(self.env, shape.cpus, shape.others)
        self.replicas = [Replica(self.env, shape, self._machine) for _ in range(shape.replicas)]
        self._turn = 0
        for away in shape.away:
            self.env.process(self._go_away(away))
        for swap in shape.swaps:
            for replica in self.replicas:
                self.env.process(replica.load(swap.at + self.random.uniform(0, swap.within), swap.work))
        if shape.between_deaths is not None:
            for replica in self.replicas:
                self.env.process(self._live(replica, shape.between_deaths))

    def send(self) -> simpy.Process:
        """Send a pair now."""
        return self.env.process(self._pair(self.random.choice(self._shape.work)))

    def open_loop(self, rate: float, seconds: float, *, is_paced: bool = False) -> dict:
        """Send so many pairs a second, whoever answers: at random moments, or evenly."""

        def arrivals() -> Steps:
            while True:
                yield self.env.timeout(1 / rate if is_paced else self.random.expovariate(rate))
                self.send()

        self.env.process(arrivals())
        self.env.run(seconds)
        return self.seen.summary(seconds)

    def closed_loop(self, clients: int, seconds: float) -> dict:
        """Have so many clients each send a pair and wait for the answer before the next."""

        def client() -> Steps:
            while True:
                yield self.send()

        for _ in range(clients):
            self.env.process(client())
        self.env.run(seconds)
        return self.seen.summary(seconds)

    def _pair(self, work: float) -> Steps:
        began, status = self.env.now, 502
        if self._machine is not None:
            yield from self._machine.run(self._shape.ahead)
        elif self._shape.ahead:
            yield self.env.timeout(self._shape.ahead)
        for replica in self._order()[:_TRIES]:
            if not replica.is_up:
                yield self.env.timeout(self._shape.silence)
                replica.shunned_until = self.env.now + _FAIL_TIMEOUT
                continue
            answering = self.env.process(replica.answer(work))
            replica.under_way.add(answering)
            status = yield answering
            replica.under_way.discard(answering)
            break
        self.seen.answered.append(self.env.now)
        self.seen.seconds.append(self.env.now - began)
        self.seen.statuses.append(status)

    def _order(self) -> list[Replica]:
        """Return whom the proxy asks, one after the other."""
        known = [r for r in self.replicas if r.is_up or self.env.now < r.died_at + self._shape.listed]
        if not known:
            return []
        if self._shape.balancing != "random":  # a name that is looked up is looked up anew each time: nothing is kept
            known = [r for r in known if self.env.now >= r.shunned_until] or known
        if self._shape.balancing == "least":
            return sorted(known, key=lambda replica: (len(replica.under_way), self.random.random()))[:_TRIES]
        if self._shape.balancing == "random":
            first = self.random.randrange(len(known))
        else:
            self._turn += 1
            first = self._turn % len(known)
        return [known[(first + step) % len(known)] for step in range(min(_TRIES, len(known)))]

    def _go_away(self, away: Away) -> Steps:
        yield self.env.timeout(away.at)
        yield from self.replicas[away.replica].die(away.seconds, away.start_work)

    def _live(self, replica: Replica, mean: float) -> Steps:
        while True:
            yield self.env.timeout(self.random.expovariate(1 / mean))
            yield from replica.die(self._shape.restart, 0.0)
