#!/usr/bin/env python3
"""Shows a running deployment to a person: similar items by layer, one user's recommendations, freshness.

usage: show.py http://127.0.0.1:29093
"""
import json
import statistics
import sys
import time
import urllib.parse
import urllib.request

BASE = sys.argv[1].rstrip("/")


def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def quoted(text):
    return urllib.parse.quote(text, safe="")


def title(entry):
    return (entry.get("title") or "")[:34]


def cut_of(answer):
    return f"batch {answer['batch']}, boundary {answer['boundary']}, as of {answer['as_of']}"


def show_similar(item):
    answers = {layer: call(f"/v1/items/{quoted(item)}/similar?n=5&layer={layer}&fallback=0") for layer in ("merged", "batch", "speed")}
    merged = answers["merged"]
    known = {layer: {e["item"]: e["count"] for e in call_row(item, layer)} for layer in ("batch", "speed")}
    print(f"\nsimilar to {item} {title(merged)}  ({cut_of(merged)})")
    print(f"   {'item':<14}{'title':<36}{'score':>7}{'batch':>8}{'speed':>8}{'merged':>8}   users who have seen both")
    for entry in merged["items"]:
        batch, speed = (known[layer].get(entry["item"], 0) for layer in ("batch", "speed"))
        print(f"   {entry['item']:<14}{title(entry):<36}{entry['score']:>7.3f}{batch:>8,}{speed:>+8,}{entry['count']:>8,}")


def call_row(item, layer):
    row = call(f"/v1/views/together/{quoted(item)}?layer={layer}&n=100000")
    return [{"item": c["member"], "count": c["value"]} for c in row["counters"]]


def show_recommendations(user):
    answer = call(f"/v1/users/{quoted(user)}/recommendations?n=5")
    print(f"\nrecommended to user {user}  ({cut_of(answer)})")
    for entry in answer["items"]:
        reasons = ", ".join(f"{b['item']} ({b['count']})" for b in entry["because"])
        print(f"   {entry['item']:<14}{title(entry):<36}{entry['score']:>7.3f}   because of {reasons}")


def freshness(item, rounds=50):
    """How long from POST /v1/events to an answer that counts the event, as a client sees it."""
    posted, visible = [], []
    for i in range(rounds):
        user = f"freshness-{time.time_ns()}"
        start = time.perf_counter()
        call("/v1/events", {"type": "view", "user": user, "item": item})
        accepted = time.perf_counter()
        while not call(f"/v1/users/{user}/recommendations?n=1&fallback=0")["items"]:
            if time.perf_counter() - start > 10:
                sys.exit("the event was not visible after 10 s: is tandem-speed running?")
        posted.append((accepted - start) * 1000)
        visible.append((time.perf_counter() - start) * 1000)
        call("/v1/events", {"type": "forget", "user": user})
    print(f"\nfreshness, {rounds} events: POST answered after {statistics.median(posted):.1f} ms (median);"
          f" POST to a changed answer {statistics.median(visible):.1f} ms (median), {max(visible):.1f} ms (worst)")


def wait_caught_up():
    """Until answers count what the log has now."""
    for _ in range(300):
        if not any(call("/v1/status")["lag"] or []):
            return
        time.sleep(0.1)


def main():
    wait_caught_up()
    top = call("/v1/views/item_users/all?n=3")["counters"]
    if not top:
        sys.exit("no events are counted yet")
    for _ in range(40):  # titles of a feed that has just ended are there after 2 s
        if title(call(f"/v1/items/{quoted(top[0]['member'])}/similar?n=1&fallback=0")):
            break
        time.sleep(0.1)
    for counter in top:
        show_similar(counter["member"])
    session = f"demo-visitor-{time.time_ns()}"
    call("/v1/events", [{"type": "view", "user": session, "item": c["member"]} for c in top[:2]])
    for _ in range(100):
        if len(call(f"/v1/users/{session}/recommendations?n=1&fallback=0")["items"]):
            break
        time.sleep(0.01)
    print(f"\na new visitor has just looked at {top[0]['member']} and {top[1]['member']}:", end="")
    show_recommendations(session)
    freshness(top[0]["member"])


main()
