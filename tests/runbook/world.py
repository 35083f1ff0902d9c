"""The test's deployment: a private stack with all layers, as `make up` starts it, and a little life in it."""
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from page import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests/chaos"))
from deployment import free_port_base  # noqa: E402  pylint: disable=wrong-import-position

PROMETHEUS_PORT = 16  # from the base


class World:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tandem-runbook-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)  # Postgres' user must get in
        self.base = free_port_base()
        keep = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_") and k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        self.environment = dict(keep, TANDEM_LOCAL=self.folder, TANDEM_PORT_BASE=str(self.base),
                                PATH=f"{ROOT}/build/bin:{os.environ['PATH']}")
        self.over = threading.Event()
        self.life = [threading.Thread(target=self.read), threading.Thread(target=self.write)]
        self.log = open(os.path.join(self.folder, "commands.log"), "ab")  # pylint: disable=consider-using-with

    # ---- commands ----

    def call(self, *words, stdin=None, **environment):
        return subprocess.run(words, env=dict(self.environment, **environment), cwd=ROOT, check=False, stdout=self.log, stderr=self.log,
                              timeout=180, **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL})).returncode

    def must(self, code, *words, **more):
        came = self.call(*words, **more)
        if came != code:
            raise RuntimeError(f"{shlex.join(words)}: exit {came}, should be {code}; output in {self.log.name}")

    def stack(self, *words):
        self.must(0, "deploy/local/stack", *words)

    def layers_up(self, **environment):
        self.must(0, "deploy/local/layers", "up", **environment)

    def redis(self, *words, **more):
        self.call("redis-cli", "-p", str(self.base + 10), *words, **more)

    def sql(self, statement):
        self.must(0, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", self.environment["TANDEM_POSTGRES"], "-c", statement)

    def feed(self, events, seed, *more):
        self.must(0, "tandem-feed", "generate", "--events", str(events), "--users", "500", "--items", "200", "--seed", str(seed), *more)

    def pid(self, name):
        with open(os.path.join(self.folder, "run", name + ".pid"), encoding="ascii") as file:
            return int(file.read())

    # ---- the API ----

    @property
    def listen(self):
        return self.environment["TANDEM_LISTEN"]

    def status(self):
        with urllib.request.urlopen(f"http://{self.listen}/v1/status", timeout=10) as answer:
            return json.load(answer)

    def wait_archived(self):
        until = time.monotonic() + 60
        while True:
            status = self.status()
            if status["archived"] == status["log_end"]:
                return
            if time.monotonic() > until:
                raise RuntimeError("the archive has not caught up within 60 s")
            time.sleep(0.1)

    def ask(self, path, body=None):
        try:
            with urllib.request.urlopen(urllib.request.Request(f"http://{self.listen}{path}", data=body), timeout=10) as answer:
                answer.read()
        except (urllib.error.HTTPError, OSError):
            pass  # something is broken on purpose: what clients see then is tested elsewhere

    def read(self):
        while not self.over.wait(0.2):
            self.ask("/v1/popular?hours=24")

    def write(self):
        while not self.over.wait(0.1):
            self.ask("/v1/events", b'{"type":"view","user":"u1","item":"item-00001"}')

    # ---- begin and end ----

    def up(self):
        self.layers_up()
        with open(os.path.join(self.folder, "env"), encoding="utf-8") as file:
            words = [word.partition("=") for word in shlex.split(file.read(), comments=True)]
        self.environment.update({name: value for name, equals, value in words if equals})
        self.feed(20000, 30)
        self.wait_archived()
        self.must(0, "tandem-batch", "run")
        for thread in self.life:
            thread.start()

    def down(self, keep):
        self.over.set()
        for thread in self.life:
            if thread.is_alive():
                thread.join()
        self.call("deploy/local/stack", "down")
        self.call("deploy/local/stack", "wipe", "postgres")  # its data may lie in a folder elsewhere
        self.log.close()
        if not keep:
            shutil.rmtree(self.folder)
