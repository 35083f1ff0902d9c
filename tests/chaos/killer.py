"""The killer: from the seed, at random times, kill -9 of whatever runs, and zombies. What it killed it starts again.

A server that is halted (SIGSTOP, SIGCONT) is to its clients a network that was cut and heals.
The kinds come from shuffled decks, so that thirty kills hold every kind, and the dear ones (a server takes seconds to come
back) seldom. Faults overlap: while one is being mended the next may strike something else.
"""
import random
import signal
import threading
import time

import load
from deployment import send_signal

DECK = (["speed"] * 5 + ["archive"] * 4 + ["run"] * 4 + ["serve"] * 3 + ["feed"] * 2 + ["zombie"] * 2 +
        ["redis", "redis torn", "redis wiped", "redis halted"] + ["postgres"] * 2 + ["postgres halted"] + ["kafka"] * 2 + ["kafka halted"])
SERVERS = ("kafka", "postgres", "redis")  # a kind's first word
TORN_BYTES = 300000  # at most, of the end of Redis' log: seconds of writes, and most likely the midst of a command
SESSION_S = 6  # session.timeout.ms of speed-layer/consumer.c: after it the group gives a halted member's partitions away
TAKEN_S = 4    # and until another member has noticed and claimed them
BACK_S = 90    # what is started again must be there by then
PAUSE_S = 5    # between kills, at most
BURST = 3000   # events, in a second
HALT_S = 11    # SIGSTOP of a server, at most: longer than every client's patience


class Killer:
    def __init__(self, options, deployment, journal, runs):
        self.chance, self.options = random.Random(f"{options.seed} killer"), options
        self.burst = deployment.program("burst", "tandem-feed", "generate", "--to=kafka", f"--events={BURST}", f"--rate={BURST}",
                                        "--users=100000", "--items=30", f"--start={load.START_MS}")
        self.deployment, self.journal, self.runs = deployment, journal, runs
        self.busy, self.threads = {}, []  # busy: what is being mended, by name: until when nobody else may strike it

    # ---- victims ----

    def programs_of(self, kind):
        """Names of what this kind of fault may strike."""
        first = kind.split()[0]
        return {"speed": ["speed-1", "speed-2"], "zombie": ["speed-1", "speed-2"], "redis": self.deployment.redis_names}.get(first, [first])

    def free_victim(self, kind):
        """Waits until one of them is whole."""
        until = time.monotonic() + BACK_S
        while time.monotonic() < until:
            names = self.programs_of(kind)
            whole = list(filter(self.is_whole, names))
            if len(whole) == len(names) if kind == "zombie" else whole:  # a zombie is none where nobody takes over
                return self.chance.choice(whole)
            time.sleep(0.05)
        raise RuntimeError(f"nothing of {kind} was whole for {BACK_S} s")

    def mend_later(self, name, fault, work, *arguments):
        def mend():
            try:
                work(*arguments)
            except Exception as why:  # pylint: disable=broad-except
                self.journal.violation(f"{name} did not come back after {fault.kind}: {why}")
            fault.end = time.monotonic()
        self.busy[name] = threading.Thread(target=mend, name=f"mend {name}", daemon=True)
        self.busy[name].start()
        self.threads.append(self.busy[name])

    # ---- strikes ----

    def strike_server(self, kind, name, pause):
        fault = self.journal.fault(kind)

        torn_bytes = self.chance.randrange(1, TORN_BYTES)

        def mend():
            self.deployment.kill_server(name)
            if kind == "redis torn":
                self.deployment.tear_redis_log(name, torn_bytes)
            if kind == "redis wiped":
                self.deployment.stack("wipe", name)
            time.sleep(pause)
            self.deployment.stack("start", name)
        self.mend_later(name, fault, mend)

    def strike_with_halt(self, kind, name):
        """What was sent to it meanwhile is done when it wakes, also for clients that have long given up."""
        fault, seconds = self.journal.fault(kind), 0.5 + HALT_S * self.chance.random() ** 2
        self.mend_later(name, fault, self.deployment.halt_server, name, seconds)

    def strike_program(self, kind, name, pause):
        program = self.deployment.programs[name]
        if not program.runs():
            return self.ended_by_itself(program)
        fault = self.journal.fault(kind)
        program.wait_at_work(1)
        program.kill()

        def mend():
            time.sleep(pause)
            program.start()
        return self.mend_later(name, fault, mend)

    def ended_by_itself(self, program):
        self.journal.violation(f"{program.name} ended by itself with {program.process.returncode}: see {program.name}.log")
        program.start()

    def burst_begins(self):
        """A zombie is dangerous when it was halted with work in its hands."""
        if not self.burst.runs():
            self.burst.start([f"--seed={self.chance.randrange(1000000, 1000000000)}"])
        time.sleep(0.2 + 0.6 * self.chance.random())

    def burst_ends(self, seconds):
        if self.burst.process:
            self.burst.process.wait(seconds)

    def is_whole(self, name):
        return name not in self.busy or not self.busy[name].is_alive()

    def halt_at_work(self, program):
        """While Redis does not tell it the states of users it has never seen, it has records in its hands and nothing is sent."""
        self.burst_begins()
        server = self.chance.choice(self.deployment.redis_names)
        redis = self.deployment.family(server) if self.is_whole(server) and self.chance.random() < 0.8 else []
        for pid in redis:
            send_signal(pid, signal.SIGSTOP)
        time.sleep(0.1 + 0.3 * self.chance.random())
        if not redis:
            program.wait_at_work(1)
        program.signal(signal.SIGSTOP)
        for pid in redis:
            send_signal(pid, signal.SIGCONT)

    def strike_zombie(self, name, pause):
        program = self.deployment.programs[name]
        if not program.runs():
            return self.ended_by_itself(program)
        fault, seconds = self.journal.fault("zombie"), SESSION_S + TAKEN_S + pause
        if self.chance.random() < 0.7:  # else a new segment most likely protects against it
            self.runs.rest(seconds + 3)
        self.halt_at_work(program)

        def mend():
            time.sleep(seconds)
            program.signal(signal.SIGCONT)
        return self.mend_later(name, fault, mend)

    def strike_while_it_runs(self, kind, program_now, moment):
        """A program that comes and goes, started again by its own thread: `moment` s after it was first seen."""
        until = time.monotonic() + BACK_S
        while time.monotonic() < until:
            if not program_now().runs():
                time.sleep(0.01)
                continue
            time.sleep(moment)
            program = program_now()
            if program.runs():
                fault = self.journal.fault(kind)
                if program.kill():
                    fault.end = time.monotonic()
                    return
                with self.journal.lock:
                    self.journal.faults.remove(fault)
        raise RuntimeError(f"no {kind} was under way for {BACK_S} s")

    def strike(self, kind):
        pause = 0.1 + 2.4 * self.chance.random() ** 2
        if kind == "run":
            self.strike_while_it_runs(kind, lambda: self.runs.current, 0.6 * self.chance.random() ** 2)
        elif kind == "feed":
            self.strike_while_it_runs(kind, lambda: self.deployment.programs["feed"], 0.5 * self.chance.random())
        elif kind.endswith(" halted"):
            self.strike_with_halt(kind, self.free_victim(kind))
        elif kind.split()[0] in SERVERS:
            self.strike_server(kind, self.free_victim(kind), pause)
        elif kind == "zombie":
            self.strike_zombie(self.free_victim(kind), pause)
        else:
            self.strike_program(kind, self.free_victim(kind), pause)

    # ---- all of them ----

    def kinds(self):
        kinds, wanted = [], [kind for kind in DECK if kind in (self.options.only or DECK)]
        while len(kinds) < self.options.kills:
            deck = list(wanted)
            self.chance.shuffle(deck)
            kinds += deck
        return kinds[:self.options.kills]

    def run(self, progress):
        """Returns when everything that was killed is there again. `progress` is called after each strike."""
        for kind in self.kinds():
            time.sleep(PAUSE_S * self.chance.random())
            self.strike(kind)
            progress()
        for thread in self.threads:
            thread.join()
