"""Readers: ask all the time, see at once that as_of does not go back, and keep samples that verdict.py recomputes at the end.

What is allowed while servers are away: 503, no connection, and `degraded` answers, which stand at the boundary. What is never
allowed: another status, a hang, a batch number or a boundary that goes back on a connection, an as_of that goes back, unless
Redis was killed in between (it may have lost its tail: an older answer, exact all the same) or the answer is degraded.
"""
import http.client
import json
import random
import threading
import time
import urllib.parse

import load

HANG_S = 30
LOSES_ITS_TAIL = {"redis", "redis torn", "redis wiped"}
SIMILAR = 5  # items of a ranked answer
SAMPLE_EVERY_S = 0.2  # of a reader: what is kept costs time at the end


class Sample:
    """An answer: its as_of, the groups that it needs, and what was told of them."""

    def __init__(self, path, answer, asked, told):
        self.path, self.as_of, self.batch, self.degraded = path, answer["as_of"], answer["batch"], answer["degraded"]
        self.asked, self.told = asked, told

    def __str__(self):
        return f"{self.path} at as_of {self.as_of}, batch {self.batch}{', degraded' if self.degraded else ''}"


class Progress:
    """What one connection has been told so far. A connection never outlives the process that it leads to."""

    def __init__(self):
        self.batch, self.boundary, self.as_of, self.asked_at = -1, [], [], 0.0

    def went_back(self, answer, journal):
        """A sentence, or None."""
        if answer["batch"] < self.batch or any(a < b for a, b in zip(answer["boundary"], self.boundary)):
            return f"batch or boundary went back: from {self.batch} {self.boundary} to {answer['batch']} {answer['boundary']}"
        if answer["degraded"] or answer["layer"] != "merged" or journal.under_way_since(self.asked_at, LOSES_ITS_TAIL):
            return None
        if any(a < b for a, b in zip(answer["as_of"], self.as_of)):
            return f"as_of went back: from {self.as_of} to {answer['as_of']}"
        return None

    def remember(self, answer, asked_at):
        self.batch, self.boundary = answer["batch"], answer["boundary"]
        if not answer["degraded"] and answer["layer"] == "merged":
            self.as_of, self.asked_at = answer["as_of"], asked_at


class Reader(threading.Thread):
    def __init__(self, number, seed, deployment, journal):
        super().__init__(name=f"reader-{number}", daemon=True)
        self.chance, self.deployment, self.journal = random.Random(f"{seed} reader {number}"), deployment, journal
        self.stopping, self.samples, self.kept_at = threading.Event(), [], 0.0
        self.connection, self.progress = None, Progress()
        self.items = list(load.ITEMS)

    # ---- one request ----

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection, self.progress = None, Progress()

    def ask(self, path, body=None):
        """The answer, or None while there is none."""
        began = time.monotonic()
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(*self.deployment.address(), timeout=HANG_S)
            self.connection.request("POST" if body else "GET", path, json.dumps(body) if body else None)
            answer = self.connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as why:
            if time.monotonic() - began >= HANG_S:
                self.journal.violation(f"{path}: no answer for {HANG_S} s: {why}")
            self.close()
            return None
        if status == 200:
            return json.loads(text)
        if status != 503:
            self.journal.violation(f"{path} {json.dumps(body)}: {status} {text[:300]!r}")
        return None

    def ask_and_watch(self, path, body=None):
        asked_at = time.monotonic()
        answer = self.ask(path, body)
        if answer is None:
            time.sleep(0.05)
            return None
        back = self.progress.went_back(answer, self.journal)
        if back:
            self.journal.violation(f"{path}: {back}")
        self.progress.remember(answer, asked_at)
        self.journal.count("answers")
        self.journal.count("degraded answers", answer["degraded"])
        self.journal.answers.good()
        if not answer["degraded"]:
            self.journal.live_answers.good()
        return answer

    def keep(self, sample):
        if time.monotonic() - self.kept_at > SAMPLE_EVERY_S:
            self.kept_at = time.monotonic()
            self.samples.append(sample)
            self.journal.count("samples")

    # ---- what is asked ----

    def group(self):
        chance, ts = self.chance, load.START_MS + self.chance.randrange(load.SPAN_MS)
        return chance.choice([
            ("users", "all"), ("item_users", "all"), ("bought_users", "all"),
            (chance.choice(["together", "bought_together", "next"]), chance.choice(self.items)),
            (chance.choice(["together", "bought_together", "next"]), chance.choice(self.items)),
            ("popular", str(ts // 3600000)),
            ("popular_country", f"{ts // 3600000}/{chance.choice(['GB', 'DE'])}"),
            ("traffic_country", str(ts // 60000)), ("traffic_device", str(ts // 60000)),
            (chance.choice(["revenue_country", "revenue_device"]), f"{ts // 86400000}/{chance.choice(['GBP', 'EUR'])}"),
            ("together", "nothing of this name")])

    def read_views(self):
        groups = sorted({self.group() for _ in range(self.chance.randint(1, 8))})
        layer = "batch" if self.chance.random() < 0.1 else "merged"
        path = f"/v1/views/read?layer={layer}"
        answer = self.ask_and_watch(path, {"groups": groups})
        if answer is None:
            return
        told = [{c["member"]: c["value"] for c in row["counters"]} for row in answer["groups"]]
        if ("item_users", "all") in groups:  # items of the feed, too
            self.items = load.ITEMS + sorted(told[groups.index(("item_users", "all"))])
        self.keep(Sample(path, answer, groups, told))

    def read_similar(self):
        item = self.chance.choice(self.items)
        path = f"/v1/items/{urllib.parse.quote(item, safe='')}/similar?n={SIMILAR}&fallback=0"
        answer = self.ask_and_watch(path)
        if answer is not None:
            self.keep(Sample(path, answer, [("together", item), ("item_users", "all")], answer["items"]))

    def run(self):
        while not self.stopping.is_set():
            if self.chance.random() < 0.75:
                self.read_views()
            else:
                self.read_similar()
            time.sleep(0.08 * self.chance.random())
        self.close()
