"""A whole private Tandem for one chaos run: the servers by deploy/local/stack, the programs as children of this process."""
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORTS = 20  # of one deployment, from its base on


class Program:
    """A program under a name. Started again after a kill; each start is a new generation."""

    def __init__(self, deployment, name, command):
        self.deployment, self.name, self.command = deployment, name, command
        self.process, self.kills = None, 0

    def start(self, more=()):
        with open(os.path.join(self.deployment.logs, self.name + ".log"), "ab") as log:
            self.process = subprocess.Popen(self.command + list(more), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.deployment.environment, cwd=ROOT, start_new_session=True)

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9; False: it had ended by itself."""
        self.process.kill()
        killed = self.process.wait() == -signal.SIGKILL
        self.kills += killed
        return killed

    def signal(self, number):
        self.process.send_signal(number)

    def wait_at_work(self, seconds):
        """Until its first thread is on a processor, or `seconds` are over: what idles in a poll is hit in no interesting place."""
        until = time.monotonic() + seconds
        while state_of(self.process.pid)[0] != "R" and time.monotonic() < until:
            time.sleep(0.0005)

    def said(self, word):
        """How often, in all its lives."""
        with open(os.path.join(self.deployment.logs, self.name + ".log"), encoding="utf-8", errors="replace") as log:
            return log.read().count(word)


def free_port_base():
    """Below the kernel's ephemeral range, away from the demo's; nobody listens there."""
    while True:
        base = 20000 + PORTS * random.SystemRandom().randrange(400)
        if all(not listens(base + i) for i in range(PORTS)):
            return base


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # a child of Postgres that has just ended


def state_of(pid):
    """R: on a processor, S: asleep, T: halted, Z: dead; X: gone. And how many threads it has."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
            return fields[0], int(fields[17])
    except OSError:
        return "X", 0


def is_gone(pid):
    """A process that was just killed is a zombie before the last of its threads lets go of its ports."""
    state, threads = state_of(pid)
    return state in "ZX" and threads <= 1


class Deployment:
    def __init__(self, redis_servers):
        self.redis_names = [f"redis-{i}" for i in range(redis_servers)]
        self.folder = tempfile.mkdtemp(prefix="tandem-chaos-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        os.chmod(self.folder, 0o755)  # Postgres' user must get in
        self.logs = os.path.join(self.folder, "log")
        self.bin = os.path.join(ROOT, os.environ.get("TANDEM_BIN", "build/bin"))
        base = os.environ.get("TANDEM_PORT_BASE") or str(free_port_base())
        self.stack_environment = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
        self.stack_environment.update(TANDEM_LOCAL=self.folder, TANDEM_PORT_BASE=base, TANDEM_REDIS_SERVERS=str(redis_servers))
        self.environment = {}
        self.programs = {}
        self.stack_lock = threading.Lock()

    # ---- servers ----

    def stack(self, *words):
        with self.stack_lock, open(os.path.join(self.folder, "stack.log"), "ab") as log:
            subprocess.run([os.path.join(ROOT, "deploy/local/stack"), *words], env=self.stack_environment, check=True,
                           stdout=log, stderr=log, stdin=subprocess.DEVNULL, timeout=300)

    def up(self):
        self.stack("up")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")}
        with open(os.path.join(self.folder, "env"), encoding="utf-8") as file:
            for word in shlex.split(file.read(), comments=True):
                name, equals, value = word.partition("=")
                if equals:
                    self.environment[name] = value
        # what arrives here is out of the ordinary on purpose: repeated, bad, in bursts
        self.environment["TANDEM_ACCEPT_CHECK"] = "events,bad,duplicates,missing_price,missing_country,missing_device,future,revenue"
        subprocess.run([os.path.join(self.bin, "tandem-batch"), "setup"], env=self.environment, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)

    def family(self, name):
        """The server's process, then its children."""
        with open(os.path.join(self.folder, "run", name + ".pid"), encoding="ascii") as file:
            pid = int(file.read())
        return [pid] + children_of(pid)

    def halt_server(self, name, seconds):
        family = self.family(name)
        for pid in family:
            send_signal(pid, signal.SIGSTOP)
        time.sleep(seconds)
        for pid in reversed(family):
            send_signal(pid, signal.SIGCONT)

    def kill_server(self, name):
        """kill -9 of the server's process alone: its children, if any, must notice by themselves."""
        family = self.family(name)
        os.kill(family[0], signal.SIGKILL)
        until = time.monotonic() + 30
        while not all(map(is_gone, family)):
            if time.monotonic() > until:
                raise RuntimeError(f"{name}: a process of its lives on 30 s after its parent")
            time.sleep(0.02)

    def tear_redis_log(self, name, n_bytes):
        """As after a power cut: the newest file of the log loses its end."""
        folder = os.path.join(self.folder, "data", name, "appendonlydir")
        newest = max((os.path.join(folder, file) for file in os.listdir(folder) if file.endswith(".incr.aof")), key=os.path.getmtime)
        os.truncate(newest, max(0, os.path.getsize(newest) - n_bytes))

    # ---- programs ----

    def program(self, name, program, *arguments):
        self.programs[name] = Program(self, name, [os.path.join(self.bin, program), *arguments])
        return self.programs[name]

    def call(self, *words, timeout=300):
        """Runs a program to its end, returns exit code and output."""
        done = subprocess.run([os.path.join(self.bin, words[0]), *words[1:]], env=self.environment, cwd=ROOT, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              check=False)
        return done.returncode, done.stdout

    def address(self):
        host, _, port = self.environment["TANDEM_LISTEN"].rpartition(":")
        return host, int(port)

    # ---- the end ----

    def down(self, keep):
        for program in self.programs.values():
            if program.runs():
                program.signal(signal.SIGCONT)
                program.process.kill()
                program.process.wait()
        self.stack("down")
        if not keep:
            self.stack("wipe", "postgres")  # its data may lie in a folder elsewhere
            shutil.rmtree(self.folder)
