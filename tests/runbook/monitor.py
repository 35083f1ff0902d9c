"""A Prometheus that watches the test's deployment, with our own rules in a hurry."""
import json
import os
import re
import subprocess
import time
import urllib.request

from page import ROOT

# What a test cannot wait for, and what it cannot reach. Everything else of the rules is as it stands.
FASTER = [(r"for: \d+m", "for: 2s"), (r"\[5m\]", "[10s]"), (r"\[15m\]", "[20s]"), (r"\b26 \* 3600", "26"), (r"> 2 \* 3600", "> 2"),
          (r"> 100000\b", "> 1000"), (r"> 2 \* 1024 \^ 3", "> 96 * 1024 ^ 2")]


def faster_rules():
    with open(os.path.join(ROOT, "deploy/prometheus/alerts.yml"), encoding="utf-8") as file:
        rules = file.read()
    for pattern, by in FASTER:
        rules, times = re.subn(pattern, by, rules)
        assert times, f"alerts.yml has no {pattern} any more"
    return rules


def config(base):
    """The example of deploy/prometheus, with the deployment's ports."""
    with open(os.path.join(ROOT, "deploy/prometheus/prometheus.yml"), encoding="utf-8") as file:
        text = file.read()
    for port in (29093, 29094, 29095):
        assert f":{port}" in text
        text = text.replace(f":{port}", f":{base + port - 29090}")
    return re.sub(r"interval: 15s", "interval: 1s", text)


class Monitor:
    def __init__(self, folder, base, port):
        self.url = f"http://127.0.0.1:{port}"
        os.mkdir(folder)
        for name, text in (("alerts.yml", faster_rules()), ("prometheus.yml", config(base))):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        with open(os.path.join(folder, "log"), "wb") as log:
            self.process = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                             f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], stdout=log, stderr=log)

    def ask(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)["data"]

    def firing(self):
        return {alert["labels"]["alertname"] for alert in self.ask("/api/v1/alerts")["alerts"] if alert["state"] == "firing"}

    def wait(self, seconds, what):
        """Until what(alerts that fire); else False."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"prometheus ended with {self.process.returncode}")
            try:
                if what(self.firing()):
                    return True
            except OSError:
                pass  # it has just been started
            time.sleep(0.25)
        return False

    def watches(self):
        """Every target was scraped."""
        targets = self.ask("/api/v1/targets")["activeTargets"]
        return len(targets) == 3 and all(target["health"] == "up" for target in targets)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
