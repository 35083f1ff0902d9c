"""stack: a deployment of docker-compose.yml under a project name of its own, and one who posts events to it all the time."""
import http.client
import json
import os
import subprocess
import threading
import time

DEVICE = "compose-probe"  # of the poster's events alone
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # of this machine, where a proxy's own may be among them


def say(text):
    print(f"compose: {text}", flush=True)


def seconds_since(began):
    return time.monotonic() - began


class Failed(Exception):
    """What a check found wrong."""


def need(condition, what):
    if not condition:
        raise Failed(what)


def wait_for(what, condition, limit_s):
    until = time.monotonic() + limit_s
    while not condition():
        need(time.monotonic() < until, f"not within {limit_s} s: {what}")
        time.sleep(0.3)


class Stack:
    def __init__(self, folder, project, port):
        self.folder, self.project, self.port, self.key = folder, project, port, None
        self.began = time.monotonic()
        self.own = {"COMPOSE_PROJECT_NAME": project, "TANDEM_IMAGE": project, "TANDEM_PUBLISH": f"127.0.0.1:{port}"}
        if os.path.exists(CERTIFICATES):
            self.own["TANDEM_BUILD_CA"] = CERTIFICATES
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("TANDEM_", "COMPOSE_"))} | self.own
        self.poster = Poster(self)

    def settings(self):
        return " ".join(f"{k}={v}" for k, v in self.own.items())

    # ---- docker ----

    def docker(self, *arguments, limit_s=120, check=True):
        done = subprocess.run(["docker", *arguments], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit_s, check=False)
        if check:
            need(done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr[-1500:] or done.stdout[-1500:]}")
        return done

    def compose(self, *arguments, **options):
        return self.docker("compose", "--ansi", "never", "--progress", "quiet", "--profile", "demo", *arguments, **options)

    def in_setup(self, *command):
        """What a command prints beside the secrets and the key."""
        return self.compose("run", "--rm", "-T", "--no-deps", "setup", *command).stdout.strip()

    def batch(self, command, limit_s=600):
        return self.compose("run", "--rm", "-T", "--no-deps", "batch", command, limit_s=limit_s, check=False)

    def services(self):
        return self.compose("config", "--services").stdout.split()

    def containers(self, service):
        """What docker knows of each, running or not."""
        ids = self.compose("ps", "-aq", service).stdout.split()
        return json.loads(self.docker("inspect", *ids).stdout) if ids else []

    def is_up(self, service):
        found = self.containers(service)
        return bool(found) and all(
            c["State"]["Running"] and c["State"].get("Health", {}).get("Status", "healthy") == "healthy" for c in found)

    def tell(self):
        """What a person wants to see after a failure."""
        for command in (("ps", "-a"), ("logs", "--no-color", "--tail", "25")):
            done = self.compose(*command, check=False)
            print(done.stdout, done.stderr, flush=True)

    def remove(self):
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5", check=False)
        self.docker("image", "rm", "--force", self.project, check=False)

    # ---- the API ----

    def ask(self, path, body=None, key=True):
        """Status and parsed answer; raises OSError or HTTPException where there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if key else {})
        try:
            connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if "json" in answer.getheader("Content-Type", "") else text

    def answer(self, path, body=None):
        status, answer = self.ask(path, body)
        need(status == 200, f"{path}: {status} {answer}")
        return answer

    def try_to_answer(self, path):
        try:
            return self.ask(path)[1]
        except (OSError, http.client.HTTPException):
            return {}


class Poster(threading.Thread):
    """Posts one event after another until each is acknowledged, with the same id as often as it takes."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.acknowledged, self.refused, self.first_ms = stack, 0, 0, 0
        self.stopping = threading.Event()

    def run(self):
        self.first_ms = int(time.time() * 1000)
        while not self.stopping.is_set():
            event = {"event_id": f"probe-{self.acknowledged}", "type": "view", "user": "probe", "device": DEVICE,
                     "item": f"probe-{self.acknowledged % 50}", "ts": int(time.time() * 1000)}
            if self.is_acknowledged(event):
                self.acknowledged += 1
            self.stopping.wait(0.05)

    def is_acknowledged(self, event):
        """False only where the stack is gone: an event that may have arrived is repeated until somebody knows."""
        began = time.monotonic()
        while not self.stopping.is_set() or seconds_since(began) < 60:
            try:
                if self.stack.ask("/v1/events", event)[0] == 202:
                    return True
            except (OSError, http.client.HTTPException, ValueError):
                pass
            self.refused += 1
            time.sleep(0.2)
        return False

    def stop(self):
        self.stopping.set()
        if self.is_alive():
            self.join(120)

    def counted(self):
        """How many of its events the answers count: in each minute since the first, by device."""
        first, last = self.first_ms // 60000, int(time.time() * 1000) // 60000
        groups = [["traffic_device", str(minute)] for minute in range(first, last + 1)]
        answer = self.stack.answer("/v1/views/read", {"groups": groups})
        return sum(c["value"] for g in answer["groups"] for c in g["counters"] if c["member"] == DEVICE)
