"""What test_people asks of a server: python3 people_checks.py CHECK SERVER ..., with TANDEM_POSTGRES set."""

import json
import os
import subprocess
import sys
import time
import urllib.request

TYPES = [None, "view", "cart", "purchase", "refund", "impression", "click", "forget"]
COLUMNS = ["partition", "offset", "type", "event_id", "user", "item", "ts", "quantity", "price", "currency", "country", "device", "order", "list"]


def get(server, path):
    with urllib.request.urlopen(f"http://{server}{path}", timeout=20) as answer:
        return json.load(answer)


def rows(where):
    """Events of the master dataset as the API shows them, in the order of the log."""
    columns = ", ".join(f'"{c}"' for c in COLUMNS)
    sql = f'SELECT to_json(e) FROM (SELECT {columns} FROM events WHERE {where} ORDER BY partition, "offset") e'
    out = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", os.environ["TANDEM_POSTGRES"], "-c", sql], check=True, capture_output=True, text=True).stdout
    events = [{k: v for k, v in json.loads(line).items() if v is not None} for line in out.splitlines()]
    for event in events:
        event["type"] = TYPES[event["type"]]
    return events


def remembered(events):
    """One pass by the rules of docs: windows of 20, the last 32 ids."""
    ids, seen, bought = [], [], []
    for e in events:
        if e["event_id"] in ids:
            continue
        ids = (ids + [e["event_id"]])[-32:]
        if e["type"] == "forget":
            ids, seen, bought = [], [], []
        if e["type"] in ("view", "cart", "purchase"):
            seen = (seen + [{"item": e["item"], "type": e["type"], "ts": e["ts"]}])[-20:]
        if e["type"] == "purchase":
            bought = (bought + [{"item": e["item"], "ts": e["ts"]}])[-20:]
        if e["type"] == "refund":
            for i in reversed(range(len(bought))):
                if bought[i]["item"] == e["item"]:
                    del bought[i]
                    break
    return {"seen": seen[::-1], "bought": bought[::-1], "event_ids": len(ids)}


def is_right(answer, events):
    p = answer["partition"]
    expected = remembered([e for e in events if e["offset"] < answer["as_of"][p]])
    told = {k: answer[k] for k in expected}
    assert told == expected, (answer, expected)


def busiest(n):
    sql = f'SELECT "user" FROM events GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {n}'
    out = subprocess.run(["psql", "-XAtq", os.environ["TANDEM_POSTGRES"], "-c", sql], check=True, capture_output=True, text=True).stdout
    return out.split()


def watch(server, into, seconds):
    """Asks for some users all the time and keeps the answers."""
    users, end, n = busiest(12), time.monotonic() + float(seconds), 0
    with open(into, "w") as out:
        while time.monotonic() < end:
            out.write(json.dumps(get(server, f"/v1/users/{users[n % len(users)]}")) + "\n")
            n += 1


def verify(_server, answers):
    """Each answer against the events below its own as_of."""
    with open(answers) as lines:
        kept = [json.loads(line) for line in lines]
    events = {}
    for answer in kept:
        user = answer["user"]
        if user not in events:
            events[user] = rows(f"\"user\" = '{user}'")
        is_right(answer, events[user])
    batches = {a["batch"] for a in kept}
    assert len(kept) > 100 and len(batches) > 2, (len(kept), batches)
    print(len(kept), "answers of batch views", sorted(batches))


def now(server, degraded):
    """The same at once, of every user there is, with a Redis server away or not."""
    for user in busiest(20):
        answer = get(server, f"/v1/users/{user}")
        assert answer["degraded"] == (degraded == "degraded"), answer
        assert degraded != "degraded" or answer["as_of"] == answer["boundary"], answer
        is_right(answer, rows(f"\"user\" = '{user}'"))


def pages(server, path, n):
    """All pages of a path, and how many there were."""
    events, cursor, asked = [], "", 0
    while cursor is not None:
        answer = get(server, f"{path}n={n}{cursor and '&cursor='}{cursor}")
        assert len(answer["events"]) <= int(n), (path, n, answer)
        events += answer["events"]
        cursor, asked = answer["next"], asked + 1
        assert asked < 10000, path
    return events, asked


def histories(server):
    """Users' and items' events, page by page, against the table: all of them, each once, newest first."""
    for user in busiest(5):
        expected = rows(f"\"user\" = '{user}'")[::-1]
        assert len(expected) > 20, expected
        for n in (3, 7, 500):
            events, _ = pages(server, f"/v1/users/{user}/events?", n)
            assert events == expected, (user, n, len(events), len(expected))
        for kind in TYPES[1:]:
            events, _ = pages(server, f"/v1/users/{user}/events?type={kind}&", 5)
            assert events == [e for e in expected if e["type"] == kind], (user, kind)
    for item in ("item-00000", "item-00007", "nosuch"):
        expected = rows(f"item = '{item}'")
        for n in (13, 500):
            events, _ = pages(server, f"/v1/items/{item}/events?", n)
            assert sorted(events, key=lambda e: (e["partition"], e["offset"])) == expected, (item, n)
            for p in {e["partition"] for e in events}:
                offsets = [e["offset"] for e in events if e["partition"] == p]
                assert offsets == sorted(offsets, reverse=True), (item, p)
    answer = get(server, "/v1/items/item-00000/events?n=1")
    status = get(server, "/v1/status")
    assert answer["archived"] == status["archived"], (answer, status)


def export(server):
    for user in busiest(3):
        answer = get(server, f"/v1/users/{user}/export")
        expected = rows(f"\"user\" = '{user}'")
        is_right(answer, expected)
        assert answer["events"] == expected[::-1] and answer["next"] is None, (user, len(answer["events"]))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
