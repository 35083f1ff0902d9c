#!/usr/bin/env python3
"""Recommendations held against what the counters say, written from docs/api.md alone.

    ranked.py prepare URL     a catalogue, and users whose windows are known
    ranked.py scores URL      every `by`, `score` and `layer` of similar, sessions, recommendations, and trending and popular,
                              calculated again from POST /v1/views/read; and from what explain=1 shows
    ranked.py filters URL     every filter, against the catalogue that `prepare` made
    ranked.py fallback URL    the chain, link by link
    ranked.py hidden URL      items are hidden and shown again at random while readers ask: no answer shows an item whose hiding
                              was acknowledged before the request was sent      [--answers 100000]

Nothing else may change the counters meanwhile, but for `hidden`. Exit 1 with what is wrong.
"""
import argparse
import http.client
import json
import math
import random
import re
import sys
import threading
import time
import urllib.parse
import urllib.request

VIEWS = {"together": ("together", "item_users", 1), "bought_together": ("bought_together", "bought_users", 1),
         "next": ("next", "item_users", 2520)}
BLENDS = {"together": [("together", 1)], "bought_together": [("bought_together", 1)], "next": [("next", 1)],
          "blend": [("next", 0.5), ("together", 0.3), ("bought_together", 0.2)]}
NEAR = 1.1e-6
ITEMS = [f"item-{i:05d}" for i in range(120)]
USERS = [f"known-{u}" for u in range(8)]


class Api:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def __call__(self, path, body=None, method=None, kind="application/json"):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def rows(self, groups, layer="merged"):
        answer = self(f"/v1/views/read?layer={layer}", {"groups": groups})
        self.as_of = answer["as_of"]
        return {(g["view"], g["group"]): {c["member"]: c["value"] for c in g["counters"]} for g in answer["groups"]}


def query(**parameters):
    return "?" + urllib.parse.urlencode({k: v for k, v in parameters.items() if v is not None}, doseq=True)


def need(condition, *what):
    if not condition:
        sys.exit("ranked.py: " + " ".join(map(str, what)))


# ---- what the counters say ----

def llr(k11, k12, k21, k22):
    n = k11 + k12 + k21 + k22
    def part(k, row, column):
        return k * math.log(k * n / (row * column)) if k > 0 else 0
    return 2 * (part(k11, k11 + k12, k11 + k21) + part(k12, k11 + k12, k12 + k22) + part(k21, k21 + k22, k11 + k21)
                + part(k22, k21 + k22, k12 + k22))


def pair_score(kind, count, whole, users_a, users_b, users):
    if count <= 0 or users_a <= 0 or users_b <= 0:
        return 0
    c = count / whole
    if kind == "cosine":
        return c / math.sqrt(users_a * users_b)
    if kind == "count":
        return c
    k11 = min(c, users_a, users_b)
    if k11 * users <= users_a * users_b:
        return 0
    return llr(k11, users_a - k11, users_b - k11, max(0, users - users_a - users_b + k11))


def related(api, items, by, kind, layer):
    """item -> score, of all that the rows hold."""
    groups = [["users", "all"], ["item_users", "all"], ["bought_users", "all"]]
    groups += [[VIEWS[view][0], item] for view, _ in BLENDS[by] for item in items]
    rows = api.rows(groups, layer)
    scores = {}
    for view, weight in BLENDS[by]:
        pairs, users_view, whole = VIEWS[view]
        users = rows[users_view, "all"]
        for a in items:
            for b, count in rows[pairs, a].items():
                score = pair_score(kind, count, whole, users.get(a, 0), users.get(b, 0), rows["users", "all"].get("all", 0))
                scores[b] = scores.get(b, 0) + weight * score
    return scores


def same_ranking(shown, expected, n, what):
    """The best n of `expected`, scores as printed, largest first, ties by item."""
    order = [(-i["score"], i["item"].encode()) for i in shown]
    need(order == sorted(order), what, "is not in order", order)
    need(len(shown) <= n, what, "has too many")
    for i in shown:
        need(abs(i["score"] - expected.get(i["item"], 0)) <= NEAR * max(1, abs(i["score"])), what, i, "should be", expected.get(i["item"]))
    least = shown[-1]["score"] if len(shown) == n else 1e-6
    names = {i["item"] for i in shown}
    for item, score in expected.items():
        need(item in names or score <= least + NEAR * max(1, least), what, "lacks", item, score)
    return len(shown)


def same_explained(shown, kind, what):
    """What a person calculates from the numbers that are shown."""
    for i in shown:
        terms = i["explain"]["terms"]
        total = sum(t["weight"] * pair_score(kind, t["count"], t["whole"], t["users_a"], t["users_b"], t.get("users")) for t in terms)
        need(abs(total - i["score"]) <= NEAR * max(1, total), what, i, "explains", total)
        for because in i.get("because", []):
            part = sum(t["weight"] * pair_score(kind, t["count"], t["whole"], t["users_a"], t["users_b"], t.get("users"))
                       for t in terms if t["item"] == because["item"])
            need(abs(part - because["score"]) <= NEAR * max(1, part), what, because, "explains", part)


# ---- the commands ----

def catalogue():
    """Every third is of home/lights, every third of home, the rest of garden; prices by number; some not available."""
    for i, item in enumerate(ITEMS[:100]):
        record = {"item": item, "title": f"Thing {i}", "category": ["home/lights", "home", "garden"][i % 3],
                  "created_at": 1700000000000 + i * 1000}
        if i % 4:
            record |= {"price": i * 100, "currency": "EUR" if i % 2 else "GBP"}
        if i % 7 == 0:
            record["available"] = False
        if i % 11 == 0:
            record["hidden"] = True
        yield record


def window(user):
    chance = random.Random(user)
    return [chance.choice(ITEMS[:60]) for _ in range(14)]


def prepare(api, _):
    body = "\n".join(json.dumps(record) for record in catalogue()).encode()
    answer = api("/v1/items/import", body, kind="application/x-ndjson")
    need(answer["imported"] == 100, answer)
    events = [{"type": "purchase" if i % 5 == 4 else "view", "user": user, "item": item, "country": "NZ"}
              for user in USERS for i, item in enumerate(window(user))]
    api("/v1/events", events)


def distinct(items):
    return list(dict.fromkeys(reversed(items)))


def scores(api, options):
    hidden = {r["item"] for r in catalogue() if r.get("hidden")}
    missing = hidden | {r["item"] for r in catalogue() if r.get("available") is False}
    chance, n, checked = random.Random(options.seed), 20, 0
    for by in BLENDS:
        for kind in ("cosine", "llr", "count"):
            for layer in ("merged", "batch", "speed"):
                asked = query(n=n, by=by, score=kind, layer=layer, fallback=0, explain=1)
                item = chance.choice(ITEMS[:40])
                session = [chance.choice(ITEMS) for _ in range(5)]
                user = chance.choice(USERS)
                answers = [(f"/v1/items/{item}/similar", None, [item], {item}),
                           ("/v1/sessions/recommendations", {"items": session}, distinct(session), set(session)),
                           (f"/v1/users/{user}/recommendations", None, distinct(window(user)), set(window(user)))]
                for path, body, items, left_out in answers:
                    if path.startswith("/v1/users") and layer == "batch":
                        continue  # what was seen at the boundary is another window: nothing of it is known here
                    answer = api(path + asked, body)
                    sources = items if "similar" in path else [i for i in items if i not in hidden]
                    expected = related(api, [i for i in sources if i not in hidden], by, kind, layer)
                    need(layer == "batch" or answer["as_of"] == api.as_of, "counters move")
                    expected = {i: s for i, s in expected.items() if i not in left_out and i not in missing}
                    what = f"{path}{asked} {body}"
                    checked += same_ranking(answer["items"], expected, n, what)
                    same_explained(answer["items"], kind, what)
                    if "users" in path:
                        need(answer["seen"] == len(items), what, answer["seen"])
    need(checked > 500, "too little was checked:", checked)
    popular(api, missing)
    print(f"{checked} scores are what their counters make")


def popular(api, missing):
    for country in (None, "NZ"):
        answer = api("/v1/popular" + query(hours=5, n=100, country=country, explain=1))
        last = answer["to"] // 3600000 - 1
        view = "popular_country" if country else "popular"
        hours = api.rows([[view, f"{h}/{country}" if country else str(h)] for h in range(last - 171, last + 1)])
        at = {int(group.split("/")[0]): row for (_, group), row in hours.items()}
        expected, before = {}, {}
        for h, row in at.items():
            for item, value in row.items():
                into = expected if h > last - 5 else before
                into[item] = into.get(item, 0) + value
        shown = {i: v for i, v in expected.items() if v > 0 and i not in missing}
        need(same_ranking(answer["items"], shown, 100, f"popular {country}") > 5, "too few are popular in", country)
        for i in answer["items"]:
            need(sum(h["count"] for h in i["explain"]["hours"]) == i["count"] == expected[i["item"]], "popular explains", i)
        trending = api("/v1/trending" + query(hours=5, days=6, n=100, country=country, explain=1))
        need(trending["hours"] == 5 and trending["hours_before"] == 144, trending)
        rates = {}
        for item, recent in expected.items():
            sum_before = max(0, sum(at[h].get(item, 0) for h in range(last - 148, last - 4)))
            if recent > 0 and item not in missing:
                rates[item] = (recent + 10) / (sum_before * 5 / 144 + 10)
        same_ranking(trending["items"], {i: r for i, r in rates.items() if r > 1}, 100, f"trending {country}")
        for i in trending["items"]:
            e = i["explain"]
            need(abs((e["recent"] + e["smooth"]) / (e["before"] * e["hours"] / e["hours_before"] + e["smooth"]) - i["score"]) < NEAR, i)


def filters(api, _):
    known = {r["item"]: r for r in catalogue()}

    def passes(item, category=None, min_price=None, max_price=None, currency=None, available=1, exclude=()):
        record = known.get(item)
        if item in exclude:
            return False
        if record is None:
            return category is None and min_price is None and max_price is None and currency is None
        if record.get("hidden") or (available and record.get("available") is False):
            return False
        if category and not any(f"{record['category']}/".startswith(f"{c}/") for c in category):
            return False
        if min_price is None and max_price is None and currency is None:
            return True
        return ("price" in record and (min_price or 0) <= record["price"] <= (max_price or 1 << 60)
                and (currency is None or record["currency"] == currency))

    paths = ["/v1/items/item-00001/similar", f"/v1/users/{USERS[0]}/recommendations", "/v1/popular", "/v1/trending", "/v1/latest",
             "/v1/boards/everything"]
    sets = [{}, {"category": ["home"]}, {"category": ["garden", "home/lights"]}, {"category": ["nothing"]}, {"min_price": 3000},
            {"max_price": 3000}, {"min_price": 1000, "max_price": 5000, "currency": "EUR"}, {"currency": "GBP"}, {"available": 0},
            {"exclude": ["item-00001", "item-00002", "item-00013"]}, {"category": ["home"], "available": 0, "max_price": 4000}]
    seen = set()
    for path in paths:
        more = {"fallback": 0} if "similar" in path or "recomm" in path else {"hours": 24} if path in ("/v1/popular", "/v1/trending") else {}
        everything = [i["item"] for i in api(path + query(n=100, available=0, **more))["items"]]
        for some in sets:
            shown = api(path + query(n=100, **some, **more))["items"]
            right = [i for i in everything if passes(i, **some)]
            names = [i["item"] for i in shown]
            if len(everything) < 100:
                need(names == right, path, some, names, right)
            for i in shown:
                record = known.get(i["item"], {})
                need(passes(i["item"], **some), path, some, i)
                for field in ("title", "price", "currency", "category"):
                    need(i.get(field) == record.get(field), path, i, record)
            seen |= set(names)
            page = [i["item"] for o in (0, 3, 6) for i in api(path + query(n=3, offset=o, **some, **more))["items"]]
            need(page == names[:9], path, some, "pages", page, names[:9])
    need(len(seen) > 40, "too little was shown")
    print("filters pass what they should")


def fallback(api, _):
    nobody = api("/v1/users/nobody/recommendations" + query(n=30, country="NZ"))
    links = [i["fallback"] for i in nobody["items"]]
    need(nobody["fallback"] == links[-1] and nobody["filled"] == 30 and nobody["seen"] == 0, nobody)
    need(links == sorted(links, key=["popular_country", "popular", "latest"].index) and links[0] == "popular_country", links)
    need(len({i["item"] for i in nobody["items"]}) == 30, "an item is there twice")
    in_country = [i["item"] for i in api("/v1/popular" + query(hours=24, n=30, country="NZ"))["items"]]
    need([i["item"] for i in nobody["items"]][:links.count("popular_country")] == in_country[:30], "popular in the country", in_country)
    page = [i["item"] for o in (0, 10, 20) for i in api("/v1/users/nobody/recommendations" + query(n=10, offset=o, country="NZ"))["items"]]
    need(page == [i["item"] for i in nobody["items"]], "pages of the chain")
    unknown = api("/v1/items/no-such-item/similar" + query(n=5))
    need(unknown["fallback"] == "popular" and unknown["filled"] == 5, unknown)
    need(api("/v1/items/no-such-item/similar" + query(fallback=0))["items"] == [], "fallback=0")
    session = api("/v1/sessions/recommendations" + query(n=100, by="bought_together"), {"items": ["item-00050"]})
    links = [i.get("fallback", "none") for i in session["items"]]
    need("session" in links and links == sorted(links, key=["none", "session", "popular_country", "popular", "latest"].index), links)
    need(session["filled"] == sum(link != "none" for link in links) and "item-00050" not in {i["item"] for i in session["items"]}, session)
    # a category that nobody has looked at: only the catalogue knows it
    for i in range(3):
        api(f"/v1/items/fresh-{i}", {"category": "fresh"}, method="PUT")
    newest = api("/v1/users/nobody/recommendations" + query(category="fresh"))
    need([i["item"] for i in newest["items"]] == [i["item"] for i in api("/v1/latest" + query(category="fresh"))["items"]], newest)
    need(newest["fallback"] == "latest" and newest["filled"] == 3, newest)
    empty = api("/v1/sessions/recommendations", {"items": []})
    need(empty["fallback"] == "popular" and len(empty["items"]) == 10, empty)
    print("the chain gives what it should")


# ---- hidden items ----

class Hidden:
    """Which items' hiding was acknowledged, each with a number that is never used again."""

    def __init__(self):
        self.lock, self.now, self.number = threading.Lock(), {}, 0

    def begin(self, item):
        with self.lock:
            self.number += 1
            self.now[item] = self.number

    def end(self, item):
        with self.lock:
            self.now.pop(item, None)

    def copy(self):
        with self.lock:
            return dict(self.now)


def hide_at_random(url, hidden, stop, seed, errors, counts):
    client, chance = http.client.HTTPConnection(url), random.Random(seed)
    mine = ITEMS[seed::2][:30]  # nobody else's
    while not stop.is_set():
        item = chance.choice(mine)
        hides = item not in hidden.now
        if not hides:
            hidden.end(item)  # from the moment it is sent it may be seen again
        client.request("PATCH", f"/v1/items/{item}", json.dumps({"hidden": hides}), {"Content-Type": "application/merge-patch+json"})
        answer = client.getresponse()
        answer.read()
        if answer.status != 200:
            errors.append(f"PATCH {item}: {answer.status}")
            return
        if hides:
            hidden.begin(item)
        counts["writes"] += 1
        time.sleep(chance.random() / 100)


def read_at_random(url, hidden, share, seed, errors, counts):
    client, chance = http.client.HTTPConnection(url), random.Random(seed)
    for i in range(share):
        paths = [f"/v1/items/{chance.choice(ITEMS[60:])}/similar?n=20", f"/v1/users/{chance.choice(USERS)}/recommendations?n=20",
                 "/v1/users/nobody/recommendations?n=30", "/v1/popular?n=30", "/v1/trending?n=30", "/v1/latest?n=30", "/v1/boards/everything?n=30"]
        path = paths[i % len(paths)]
        before = hidden.copy()
        client.request("GET", path)
        answer = client.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            errors.append(f"{path}: {answer.status} {body}")
            return
        asked = path.split("/")[3] if "similar" in path else None
        for item in set(re.findall(r"item-\d{5}", body)) - {asked}:
            if item in before and hidden.copy().get(item) == before[item]:
                errors.append(f"{path} shows {item}, which was hidden before: {body}")
                return
        counts["answers"] += 1
        counts["hidden"] += len(before)


def hide(api, options):
    for item in ITEMS[:60]:
        api(f"/v1/items/{item}", {"title": item}, method="PUT")
    url, hidden, stop, errors = api.url.split("//")[1], Hidden(), threading.Event(), []
    counts = {"writes": 0, "answers": 0, "hidden": 0}
    writers = [threading.Thread(target=hide_at_random, args=(url, hidden, stop, s, errors, counts)) for s in range(2)]
    readers = [threading.Thread(target=read_at_random, args=(url, hidden, options.answers // 4 + 1, s, errors, counts)) for s in range(4)]
    for thread in writers + readers:
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    for thread in writers:
        thread.join()
    need(not errors, *errors)
    need(counts["answers"] >= options.answers and counts["writes"] > 20, counts)
    print(f"{counts['answers']:,} answers beside {counts['writes']:,} changes, {counts['hidden'] / counts['answers']:.0f} items hidden at a time: none was shown")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"prepare": prepare, "scores": scores, "filters": filters, "fallback": fallback, "hidden": hide}
    parser.add_argument("command", choices=commands)
    parser.add_argument("url")
    parser.add_argument("--answers", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    commands[options.command](Api(options.url), options)


if __name__ == "__main__":
    main()
