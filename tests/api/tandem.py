"""A deployment in a folder: its commands run with its variables, its server is asked over HTTP."""
import json
import os
import socket
import subprocess
import time

import requests

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORTS = 20  # of one deployment, from its base on

# What docs/api.md's examples are about: the shop's visitors have seen, and some have bought, these.
ITEMS = ["85123A", "21733", "22804", "85099B", "22423", "47566"]


def free_port_base(rng):
    """Below the kernel's ephemeral range, away from the demo's; nobody listens there."""
    while True:
        base = 20000 + PORTS * rng.randrange(400)
        if all(not listens(base + i) for i in range(PORTS)):
            return base


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def visits():
    """40 visitors; the more of the items, the earlier they stand in the list."""
    for visitor in range(40):
        user = f"u{visitor + 3}"
        for place, item in enumerate(ITEMS[:2 + visitor % 5]):
            event = {"event_id": f"{user}-{place}", "type": "view", "user": user, "item": item, "country": "GB", "device": "mobile"}
            yield event
            if visitor % 4 == 0:
                yield event | {"event_id": f"{user}-{place}-bought", "type": "purchase", "quantity": 2, "price": 255,
                               "currency": "GBP"}


class Tandem:
    def __init__(self, folder):
        self.folder = folder
        self.bin = os.environ.get("TANDEM_BIN", "build/bin")
        self.headers = {}

    def environment(self, **more):
        """The variables that the deployment's file `env` sets, and those of its folder and programs."""
        env = os.environ | {"TANDEM_LOCAL": self.folder, "TANDEM_BIN": self.bin} | more
        file = os.path.join(self.folder, "env")
        if not os.path.exists(file):
            return env
        said = subprocess.run(["bash", "-c", f". '{file}'; env -0"], env=env, stdout=subprocess.PIPE, check=True).stdout
        return dict(line.split("=", 1) for line in said.decode().split("\0") if "=" in line)

    def command(self, line, check=True, **more):
        done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=self.environment(**more), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=600)
        if check and done.returncode:
            raise AssertionError(f"exit {done.returncode}: {line}\n{done.stdout[-4000:]}")
        return done

    @property
    def url(self):
        return "http://" + self.environment()["TANDEM_LISTEN"]

    def get(self, path, **more):
        return requests.get(self.url + path, headers=self.headers, timeout=30, **more)

    def post_visits(self):
        answer = requests.post(self.url + "/v1/events", data=json.dumps(list(visits())), timeout=30)
        assert answer.status_code == 202, answer.text

    def lock(self):
        """Makes a key, so that from now on every request needs one; returns it."""
        key = self.command(f"{self.bin}/tandem-serve key add --role admin --rate 0").stdout.strip()
        until = time.monotonic() + 10
        while requests.get(self.url + "/v1", timeout=30).status_code != 401:
            assert time.monotonic() < until, "ten seconds after a key was made, a request without one is answered"
            time.sleep(0.05)
        self.headers = {"Authorization": f"Bearer {key}"}
        return key

    def feed(self, seed):
        """A shop with some history, of which one batch view has a part."""
        generate = f"{self.bin}/tandem-feed generate --users 200 --items 100 --store-titles --seed"
        self.command(f"{generate} {seed} --events 4000")
        self.post_visits()
        self.command(f"{self.bin}/tandem-batch run")
        self.command(f"{generate} {seed + 1} --events 1000")
        self.wait_caught_up()

    def wait_caught_up(self):
        until = time.monotonic() + 60
        while True:
            status = self.get("/v1/status").json()
            if status["lag"] is not None and not any(status["lag"]):
                return
            assert time.monotonic() < until, f"not caught up within 60 s: {status}"
            time.sleep(0.1)

    def log_of(self, program):
        with open(os.path.join(self.folder, "log", program + ".log"), encoding="utf-8", errors="replace") as log:
            return log.read()
