"""A private deployment with all layers, fed from a pipe or from the generator."""
import json
import os
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../chaos"))
from deployment import ROOT, Deployment  # noqa: E402  pylint: disable=wrong-import-position,unused-import


class Deployed(Deployment):
    def begin(self):
        self.up()
        self.program("archive", "tandem-batch", "archive").start()
        self.program("speed", "tandem-speed").start()
        self.program("serve", "tandem-serve").start()

    @property
    def postgres(self):
        return self.environment["TANDEM_POSTGRES"]

    def must(self, *words, timeout=1800):
        code, output = self.call(*words, timeout=timeout)
        if code:
            raise RuntimeError(f"{' '.join(words)}: exit {code}\n{output[-2000:]}")
        return output

    def replay(self, head, lines, limit):
        """The next `limit` of these lines; ends when all are in the log."""
        with open(os.path.join(self.logs, "feed.log"), "ab") as log:
            feed = subprocess.Popen([os.path.join(self.bin, "tandem-feed"), "replay", "-"], env=self.environment, stdin=subprocess.PIPE,
                                    stdout=log, stderr=log, text=True, encoding="utf-8")
            feed.stdin.write(head)
            for _ in range(limit):
                feed.stdin.write(next(lines))
            feed.stdin.close()
            if feed.wait():
                raise RuntimeError(f"tandem-feed replay failed: {log.name}")

    def text(self, sql):
        return subprocess.run(["psql", "-XAtq", self.postgres, "-c", sql], stdout=subprocess.PIPE, text=True, check=True).stdout

    def number(self, sql):
        return int(self.text(sql))

    def forget(self, user):
        request = urllib.request.Request(f"http://{self.environment['TANDEM_LISTEN']}/v1/users/{user}", method="DELETE")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 202

    def status(self):
        with urllib.request.urlopen(f"http://{self.environment['TANDEM_LISTEN']}/v1/status", timeout=60) as answer:
            return json.load(answer)

    def settle(self, limit_s=1800):
        """Until archive and speed layer have all of the log."""
        until = time.monotonic() + limit_s
        while True:
            try:
                status = self.status()
                if status["log_end"] == status["archived"] == status["as_of"]:
                    return
            except OSError:
                status = "no answer yet"
            if time.monotonic() > until:
                raise RuntimeError(f"not settled after {limit_s} s: {status}")
            time.sleep(0.2)
