"""`tandem-batch run` in a loop, now and then `rebuild`: each start goes on where a killed one has left."""
import random
import threading
import time

DONE, FAILED, LOCKED, DRIFT = 0, 1, 3, 4


class Runs(threading.Thread):
    def __init__(self, seed, deployment, journal):
        super().__init__(name="runs", daemon=True)
        self.chance, self.journal, self.stopping = random.Random(f"{seed} runs"), journal, threading.Event()
        self.run_program = deployment.program("run", "tandem-batch", "run", "--wait-s=60", "--check-wait-s=20", "--retire-wait-s=20")
        self.rebuild_program = deployment.program("rebuild", "tandem-batch", "rebuild", *self.run_program.command[2:])
        self.current, self.rest_until = self.run_program, 0.0

    def rest(self, seconds):
        """No new run for a while: one segment lives on."""
        self.rest_until = time.monotonic() + seconds

    def pause(self):
        time.sleep(1.2 * self.chance.random())
        while time.monotonic() < self.rest_until and not self.stopping.is_set():
            time.sleep(0.1)

    def run(self):
        while not self.stopping.is_set():
            self.current = self.rebuild_program if self.chance.random() < 0.1 else self.run_program
            self.current.start()
            code = self.current.process.wait()
            if code == DONE:
                self.journal.count("runs done")
            elif code == FAILED:  # a server was away
                self.journal.count("runs given up")
            elif code == DRIFT:
                self.journal.violation("a run found that batch and speed layer counted differently: see run.log")
            elif code not in (-9, LOCKED):  # the session of a killed one may live on in Postgres for a moment
                self.journal.violation(f"a run ended with {code}")
            self.pause()
