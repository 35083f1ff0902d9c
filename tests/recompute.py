#!/usr/bin/env python3
"""The sceptic's tool: recomputes every counter of every view from the Kafka topic, and holds the API's answers against it.

Written from design.md alone, slow and obvious, without a line in common with the programs that it checks.

    recompute.py check --url http://127.0.0.1:8080 --dump-command "build/bin/tandem-feed dump"
        asks POST /v1/views/read for all groups, in random order, and compares each answer with what the events below that
        answer's own as_of make. Events may arrive and batch runs may go on meanwhile. Exit 1 if a counter differs.

    recompute.py verify FILE --dump-command "build/bin/tandem-feed dump"
        holds answers of POST /v1/views/read that were kept, one a line, against what the events below their own as_of make.
        Exit 1 if a counter differs, or if a line is no answer.

    recompute.py print [FILE]
        prints view, group, member, value of a dump: lines of  partition TAB offset TAB barrier TAB base64 of the value.
"""
import argparse
import base64
import json
import random
import shlex
import subprocess
import sys
import urllib.request
from collections import Counter, defaultdict

IDS, WINDOW, NEXT_DISTANCE, NEXT_GAP_MS = 32, 20, 10, 30 * 60 * 1000
TYPES = {"view", "cart", "purchase", "refund", "impression", "click", "forget"}
POPULAR = {"view": 1, "cart": 3, "purchase": 5, "refund": -5}
VIEWS = ["users", "item_users", "together", "bought_users", "bought_together", "next",
         "popular", "popular_country", "traffic_country", "traffic_device", "revenue_country", "revenue_device"]


# ---- an event, or None ----

class Bad(Exception):
    pass


def object_with_each_key_once(pairs):
    if len({key for key, _ in pairs}) < len(pairs):
        raise Bad
    return dict(pairs)


def no_constant(_):  # NaN and Infinity are no JSON
    raise Bad


def text(record, name, longest, otherwise=None):
    value = record.get(name, otherwise)
    if name not in record and otherwise is not None:
        return value
    # half of a surrogate pair is no text: encode() raises a ValueError
    if not isinstance(value, str) or not 1 <= len(value.encode("utf-8")) <= longest:
        raise Bad
    if any(c < " " or "\x7f" <= c <= "\x9f" for c in value):
        raise Bad
    return value


def number(record, name, smallest, largest, otherwise=None):
    value = record.get(name, otherwise)
    if name not in record and otherwise is not None:
        return value
    if type(value) is not int or not smallest <= value <= largest:
        raise Bad
    return value


def optional_text(record, name, longest):
    return text(record, name, longest) if name in record else None


def strict_event(value):
    record = json.loads(value.decode("utf-8"), object_pairs_hook=object_with_each_key_once, parse_constant=no_constant,
                        parse_int=lambda digits: int(digits) if len(digits) < 20 else float("inf"))
    if not isinstance(record, dict):
        raise Bad
    event = {"id": text(record, "event_id", 64), "type": text(record, "type", 64), "user": text(record, "user", 64),
             "item": optional_text(record, "item", 64), "ts": number(record, "ts", 0, 4102444800000 - 1),
             "quantity": number(record, "quantity", 1, 1000000, 1),
             "price": number(record, "price", 0, 1000000000) if "price" in record else None,
             "currency": optional_text(record, "currency", 3),
             "country": text(record, "country", 32, "-"), "device": text(record, "device", 32, "-")}
    optional_text(record, "order", 64)
    optional_text(record, "list", 64)
    currency = event["currency"]
    if currency is not None and not (len(currency) == 3 and all("A" <= c <= "Z" for c in currency)):
        raise Bad
    if event["type"] not in TYPES or (event["item"] is None and event["type"] != "forget"):
        raise Bad
    if event["price"] is not None and currency is None:
        raise Bad
    return event


def event_of(value):
    try:
        return strict_event(value)
    except (Bad, ValueError, RecursionError):
        return None


# ---- a user's state, and what it contributes ----

class State:
    def __init__(self, ids=(), seen=(), bought=()):
        self.ids, self.seen, self.bought = list(ids), list(seen), list(bought)

    def copy(self):
        return State(self.ids, self.seen, self.bought)

    def take(self, event):
        """False: a duplicate."""
        if event["id"] in self.ids:
            return False
        self.ids = (self.ids + [event["id"]])[-IDS:]
        entry = (event["item"], event["ts"])
        if event["type"] in ("view", "cart", "purchase"):
            self.seen = (self.seen + [entry])[-WINDOW:]
        if event["type"] == "purchase":
            self.bought = (self.bought + [entry])[-WINDOW:]
        if event["type"] == "refund":
            for i in reversed(range(len(self.bought))):
                if self.bought[i][0] == event["item"]:
                    del self.bought[i]
                    break
        if event["type"] == "forget":
            self.ids, self.seen, self.bought = [], [], []
        return True

    def contribution(self):
        counters = Counter()
        seen, bought = {item for item, _ in self.seen}, {item for item, _ in self.bought}
        if seen:
            counters["users", "all", "all"] = 1
        for one, pairs, items in (("item_users", "together", seen), ("bought_users", "bought_together", bought)):
            for a in items:
                counters[one, "all", a] = 1
                for b in items - {a}:
                    counters[pairs, a, b] = 1
        for i, (a, _) in enumerate(self.seen):
            for j in range(i + 1, min(i + NEXT_DISTANCE, len(self.seen) - 1) + 1):
                if abs(self.seen[j][1] - self.seen[j - 1][1]) > NEXT_GAP_MS:
                    break
                if self.seen[j][0] != a:
                    counters["next", a, self.seen[j][0]] += 2520 // (j - i)
        return counters


def contribution_of_event(event):
    counters = Counter()
    kind, ts = event["type"], event["ts"]
    if kind in POPULAR:
        counters["popular", str(ts // 3600000), event["item"]] = POPULAR[kind]
        if event["country"] != "-":
            counters["popular_country", f"{ts // 3600000}/{event['country']}", event["item"]] = POPULAR[kind]
    for what in ("country", "device"):
        if kind != "forget":
            counters["traffic_" + what, str(ts // 60000), event[what]] = 1
        if kind in ("purchase", "refund") and event["price"] is not None:
            amount = event["price"] * event["quantity"]
            day = f"{ts // 86400000}/{event['currency']}"
            counters["revenue_" + what, day, event[what]] = amount if kind == "purchase" else -amount
    return counters


# ---- the log, and all counters below a vector of offsets ----

class Recomputation:
    def __init__(self):
        self.log = defaultdict(list)  # by partition: (offset, value), as far as it was dumped; None for a barrier
        self.start()

    def start(self):
        self.position = Counter()  # by partition: records of the log that are counted
        self.states = defaultdict(State)
        self.groups = defaultdict(Counter)  # (view, group) -> member -> value, no zeros
        self.accepted = Counter()  # event_id -> how often it counted

    def read(self, lines):
        for line in lines:
            partition, offset, barrier, value = line.rstrip("\n").split("\t")
            self.log[int(partition)].append((int(offset), None if barrier else base64.b64decode(value)))

    def dumped(self, partition):
        return self.log[partition][-1][0] + 1 if self.log[partition] else 0

    def add(self, counters, sign):
        for (view, group, member), value in counters.items():
            row = self.groups[view, group]
            row[member] += sign * value
            if row[member] == 0:
                del row[member]

    def advance(self, as_of):
        """Counts every event with offset < as_of[partition], none other."""
        if any(n and self.log[p][n - 1][0] >= as_of[p] for p, n in self.position.items()):
            self.start()  # an answer from before: all over again
        before = {}
        for partition, end in enumerate(as_of):
            log = self.log[partition]
            while self.position[partition] < len(log) and log[self.position[partition]][0] < end:
                value = log[self.position[partition]][1]
                self.position[partition] += 1
                event = event_of(value) if value is not None else None
                if event is None:
                    continue
                user = (partition, event["user"])
                before.setdefault(user, self.states[user].copy())
                if self.states[user].take(event):
                    self.accepted[event["id"]] += 1
                    self.add(contribution_of_event(event), 1)
        for user, state in before.items():
            self.add(state.contribution(), -1)
            self.add(self.states[user].contribution(), 1)


# ---- against the API ----

def call(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def dump_up_to(recomputation, command, as_of):
    have = [recomputation.dumped(p) for p in range(len(as_of))]
    if all(a <= b for a, b in zip(as_of, have)):
        return
    vector = {"--from": have, "--until": [max(a, b) for a, b in zip(as_of, have)]}
    words = shlex.split(command) + [f"{option}={','.join(map(str, v))}" for option, v in vector.items()]
    process = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    recomputation.read(process.stdout.splitlines())


def check(options):
    url = options.url.rstrip("/")
    recomputation = Recomputation()

    def advance(as_of):
        dump_up_to(recomputation, options.dump_command, as_of)
        recomputation.advance(as_of)

    advance(call(url + "/v1/status")["as_of"])
    asked = list(recomputation.groups) + [(view, "no such group") for view in VIEWS]
    random.Random(options.seed).shuffle(asked)
    groups, counters, differing, shown = Counter(), Counter(), Counter(), 0
    for i in range(0, len(asked), options.chunk):
        chunk = asked[i:i + options.chunk]
        answer = call(url + "/v1/views/read", {"groups": chunk})
        advance(answer["as_of"])
        if len(answer["groups"]) != len(chunk):
            sys.exit(f"{len(chunk)} groups were asked for, {len(answer['groups'])} were answered")
        for (view, group), row in zip(chunk, answer["groups"]):
            told = {c["member"]: c["value"] for c in row["counters"]}
            right = recomputation.groups.get((view, group), {})
            groups[view] += 1
            counters[view] += len(right)
            for member in sorted(told.keys() | right.keys()):
                if told.get(member, 0) != right.get(member, 0) or told.get(member) == 0:
                    differing[view] += 1
                    shown += 1
                    if shown <= 20:
                        print(f"differs: {view} {group} {member}: answered {told.get(member)}, right is {right.get(member, 0)}, "
                              f"as of {answer['as_of']}, batch {answer['batch']}")
    print(f"{'view':<18}{'groups':>10}{'counters':>12}{'differing':>11}")
    for view in VIEWS:
        print(f"{view:<18}{groups[view]:>10,}{counters[view]:>12,}{differing[view]:>11,}")
    print(f"{'all':<18}{groups.total():>10,}{counters.total():>12,}{differing.total():>11,}   as of {answer['as_of']}, batch {answer['batch']}")
    return 1 if differing else 0


def verify(options):
    recomputation, differing = Recomputation(), 0
    with open(options.file) as lines:
        answers = [json.loads(line) for line in lines]
    for answer in sorted(answers, key=lambda answer: (sum(answer["as_of"]), answer["as_of"])):
        dump_up_to(recomputation, options.dump_command, answer["as_of"])
        recomputation.advance(answer["as_of"])
        for row in answer["groups"]:
            told = {c["member"]: c["value"] for c in row["counters"]}
            right = recomputation.groups.get((row["view"], row["group"]), {})
            if told != right:
                differing += 1
                print(f"differs: {row['view']} {row['group']} as of {answer['as_of']}, batch {answer['batch']}: "
                      f"{sorted(told.items() ^ right.items())[:10]}")
    degraded = sum(answer["degraded"] for answer in answers)
    print(f"{len(answers)} answers, {degraded} of them degraded, {differing} groups differ")
    return 1 if differing else 0


def print_all(options):
    recomputation = Recomputation()
    with open(options.file) if options.file != "-" else sys.stdin as lines:
        recomputation.read(lines)
    partitions = max(recomputation.log, default=-1) + 1
    recomputation.advance([recomputation.dumped(p) for p in range(partitions)])
    for view, group in sorted(recomputation.groups):
        for member, value in sorted(recomputation.groups[view, group].items()):
            print(view, group, member, value, sep="\t")
    return 0


def main():
    sys.setrecursionlimit(10000)  # JSON may be nested
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    checks = commands.add_parser("check")
    checks.add_argument("--url", required=True, help="where the API is")
    checks.add_argument("--dump-command", required=True, help="prints the topic; takes --from and --until o0,o1,...")
    checks.add_argument("--chunk", type=int, default=1000, help="groups a request, up to 1000")
    checks.add_argument("--seed", type=int, default=None, help="of the order of groups")
    checks.set_defaults(run=check)
    verifies = commands.add_parser("verify")
    verifies.add_argument("file")
    verifies.add_argument("--dump-command", required=True, help="prints the topic; takes --from and --until o0,o1,...")
    verifies.set_defaults(run=verify)
    prints = commands.add_parser("print")
    prints.add_argument("file", nargs="?", default="-")
    prints.set_defaults(run=print_all)
    options = parser.parse_args()
    sys.exit(options.run(options))


if __name__ == "__main__":
    main()
