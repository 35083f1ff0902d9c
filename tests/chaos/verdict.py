"""The verdict: every sample, the ledger and what is served at the end, against a recomputation from the topic.

The recomputation is that of tests/recompute.py, a partition at a time: counters are sums over partitions, and each partition
is folded once forward, stopping at the offsets that samples ask for. So thousands of samples cost one pass.
"""
import json
import math
import multiprocessing
import signal
import subprocess
import urllib.request
from collections import Counter, defaultdict

import load
import readers
import recompute

CHUNK = 1000    # groups a request
ROUNDED = 1e-5  # scores are told with six digits


# ---- the log ----

class Log:
    """The topic as it was dumped, by partition."""

    def __init__(self, deployment, partitions):
        whole = recompute.Recomputation()
        dump = subprocess.run([f"{deployment.bin}/tandem-feed", "dump"], env=deployment.environment, check=True, text=True,
                              stdout=subprocess.PIPE, timeout=300)
        whole.read(dump.stdout.splitlines())
        self.records = [whole.log[p] for p in range(partitions)]
        self.end = [whole.dumped(p) for p in range(partitions)]

    def n_records(self):
        return sum(map(len, self.records))

    def ids(self):
        """How often each event_id stands there, in what decodes."""
        events = (recompute.event_of(value) for records in self.records for _, value in records if value is not None)
        return Counter(event["id"] for event in events if event)


# ---- recomputation ----

def fold_partition(work):
    """What one partition adds to each wanted row: {sample: [row, ...]}, to all groups at its end, and which ids counted how often."""
    records, wanted = work  # wanted: (offset, sample, groups) by offset
    fold, rows = recompute.Recomputation(), {}
    fold.log[0] = records
    for offset, sample, groups in wanted:
        fold.advance([offset])
        rows[sample] = [dict(fold.groups.get(group, {})) for group in groups]
    fold.advance([records[-1][0] + 1 if records else 0])
    return rows, {group: dict(row) for group, row in fold.groups.items() if row}, fold.accepted


def add_up(rows_by_partition):
    row = Counter()
    for one in rows_by_partition:
        for member, value in one.items():
            row[member] += value
    return {member: value for member, value in row.items() if value}


class Truth:
    """What is right: rows of each sample at its own as_of, all groups at the end of the log, how often each id counted."""

    def __init__(self, log, samples, processes=2):
        work = []
        for p, records in enumerate(log.records):
            wanted = sorted(((sample.as_of[p], i) for i, sample in enumerate(samples)))
            work.append((records, [(offset, i, samples[i].asked) for offset, i in wanted]))
        with multiprocessing.get_context("fork").Pool(processes, signal.signal, (signal.SIGTERM, signal.SIG_DFL)) as pool:
            parts = pool.map(fold_partition, work, chunksize=1)
        self.rows = [[add_up(part[0][i][g] for part in parts) for g in range(len(sample.asked))] for i, sample in enumerate(samples)]
        by_group = defaultdict(list)
        for part in parts:
            for group, row in part[1].items():
                by_group[group].append(row)
        self.end = {group: add_up(rows) for group, rows in by_group.items()}
        self.accepted = sum((part[2] for part in parts), Counter())


# ---- differences: each function yields sentences ----

def differences_of_row(what, told, right):
    for member in sorted(told.keys() | right.keys()):
        if told.get(member, 0) != right.get(member, 0) or told.get(member) == 0:
            yield f"{what} {member}: answered {told.get(member)}, right is {right.get(member, 0)}"


def differences_of_similar(sample, together, users):
    """Items with count and score, best first: right counts, right scores, and nothing better left out."""
    item = sample.asked[0][1]
    score = {other: count / math.sqrt(users[item] * users[other]) for other, count in together.items()}
    for entry in sample.told:
        right = (together.get(entry["item"]), score.get(entry["item"], -1))
        if entry["count"] != right[0] or abs(entry["score"] - right[1]) > ROUNDED:
            yield f"{sample}: {entry}, right are count and score {right}"
    best = sorted(score.values(), reverse=True)[:readers.SIMILAR]
    told = [entry["score"] for entry in sample.told]
    if len(told) != len(best) or any(abs(a - b) > ROUNDED for a, b in zip(told, best)):
        yield f"{sample}: scores {told}, right are {best}"


def differences_of_sample(sample, rows):
    if "/similar" in sample.path:
        yield from differences_of_similar(sample, *rows)
        return
    for (view, group), told, right in zip(sample.asked, sample.told, rows):
        yield from differences_of_row(f"{sample}: {view} {group}", told, right)


def differences_of_ledger(ledger, ids, accepted):
    """Each acknowledged id is in the log, and counted once; none that was refused is there."""
    for event, user in ledger.acknowledged.items():
        if event not in ids:
            yield f"{event} was acknowledged and is not in the log"
        elif accepted[event] != 1 and not load.may_forget(user):  # who is forgotten, ids and all, may send one again
            yield f"{event} of {user} was acknowledged and counted {accepted[event]} times"
    for event in sorted(ledger.refused & ids.keys()):
        yield f"{event} was refused and is in the log"


def differences_of_answers(address, truth, log):
    """All groups, as they are served when everything has come to rest."""
    groups = sorted(truth.end) + [(view, "nothing of this name") for view in recompute.VIEWS]
    for at in range(0, len(groups), CHUNK):
        chunk = groups[at:at + CHUNK]
        request = urllib.request.Request(f"http://{address[0]}:{address[1]}/v1/views/read", json.dumps({"groups": chunk}).encode())
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        if answer["as_of"] != log.end or answer["degraded"]:
            yield f"at the end of the log {log.end} the answer stands at {answer['as_of']}, degraded {answer['degraded']}"
            return
        for (view, group), row in zip(chunk, answer["groups"]):
            told = {c["member"]: c["value"] for c in row["counters"]}
            yield from differences_of_row(f"at the end: {view} {group}", told, truth.end.get((view, group), {}))


def judge(samples, rows, ledger, ids, accepted):
    """Everything that needs no server."""
    for sample, right in zip(samples, rows):
        yield from differences_of_sample(sample, right)
    yield from differences_of_ledger(ledger, ids, accepted)
