"""The load: clients that post events until they are answered, and a feeder that loads Kafka without asking anybody.

A client repeats what was not answered, with the same ids, before it says anything else of those users: so duplicates are
real, and each lies within the user's last 32 events. The ledger keeps what was acknowledged and what was refused.
"""
import http.client
import json
import random
import threading
import time

START_MS = 1700000000000  # ts of the events: an hour and a half from here
SPAN_MS = 90 * 60 * 1000
USERS, FORGETFUL = 60, 6  # of a client: the first ones ask to be forgotten now and then
ITEMS = [f"i{n}" for n in range(30)] + ["a/b c", "ümläut", "%2F", 'q"\\uote']
TYPES = ["view"] * 8 + ["cart"] * 2 + ["purchase"] * 3 + ["refund", "impression", "click"]
LONGEST_S = 90  # so long an event may stay without an answer, whatever is killed meanwhile


class Ledger:
    """Ids by what the API said of them. An id that is in none of them was never sent or is being repeated."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged, self.refused = {}, set()  # acknowledged: id -> user

    def put(self, batch):
        with self.lock:
            if batch.good:
                self.acknowledged.update((e["event_id"], e["user"]) for e in batch.events)
            else:
                self.refused.update(e["event_id"] for e in batch.events)


def may_forget(user):
    return user.rpartition("-")[2] in map(str, range(FORGETFUL))


class Batch:
    def __init__(self, events, good):
        self.events, self.good = events, good


def spoil(event, chance):
    """Makes it no event, in one of the ways that the API must refuse with 422."""
    field, value = chance.choice([("type", "look"), ("user", ""), ("ts", -1), ("ts", 1.5), ("item", "x" * 65), ("quantity", 0),
                                  ("price", 10 ** 10), ("currency", "gbp"), ("country", "a\nb"), ("event_id", "e" * 65)])
    if field != "event_id":  # else nothing could be said of it afterwards
        event[field] = value
    else:
        event["device"] = 7


class Client(threading.Thread):
    def __init__(self, number, seed, deployment, journal, ledger):
        super().__init__(name=f"client-{number}", daemon=True)
        self.number, self.chance = number, random.Random(f"{seed} client {number}")
        self.deployment, self.journal, self.ledger = deployment, journal, ledger
        self.connection, self.sent, self.stopping = None, 0, threading.Event()

    # ---- what is posted ----

    def event(self, kind=None):
        chance, self.sent = self.chance, self.sent + 1
        user = int(USERS * chance.random() ** 2)
        event = {"event_id": f"c{self.number}-{self.sent}", "type": kind or chance.choice(TYPES), "user": f"c{self.number}-{user}",
                 "item": chance.choice(ITEMS[:1 + int(len(ITEMS) * chance.random())]), "ts": START_MS + chance.randrange(SPAN_MS)}
        if event["type"] in ("purchase", "refund"):
            event.update(price=chance.randrange(10000), currency=chance.choice(["GBP", "EUR"]), quantity=chance.randint(1, 3))
        if chance.random() < 0.5:
            event.update(country=chance.choice(["GB", "DE", "FR"]), device=chance.choice(["mobile", "desktop"]))
        return event

    def forget(self):
        event = self.event("forget")
        event["user"] = f"c{self.number}-{self.chance.randrange(FORGETFUL)}"
        del event["item"]
        return event

    def batch(self):
        chance = self.chance
        if chance.random() < 0.03:
            return Batch([self.forget()], True)
        events = [self.event() for _ in range(1 + int(14 * chance.random() ** 2))]
        if chance.random() < 0.08:
            spoil(chance.choice(events), chance)
            return Batch(events, False)
        if chance.random() < 0.1:  # twice in one body
            events.append(chance.choice(events))
            self.journal.count("repeated on purpose")
        return Batch(events, True)

    # ---- until it is answered ----

    def post(self, batch):
        """The status; None: no answer."""
        # An impatient client gives up while the server goes on, and comes again.
        patience = self.chance.choice([0.05, 1, 20, 20])
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(*self.deployment.address(), timeout=patience)
                self.connection.connect()
            self.connection.sock.settimeout(patience)
            self.connection.request("POST", "/v1/events", json.dumps(batch.events), {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            if self.connection:
                self.connection.close()
            self.connection = None
            return None, b""

    def post_until_answered(self, batch):
        began = time.monotonic()
        while True:
            status, body = self.post(batch)
            if status == (202 if batch.good else 422):
                break
            if status not in (None, 503):
                self.journal.violation(f"POST of a {'good' if batch.good else 'bad'} batch was answered {status}: {body[:300]!r} "
                                       f"to {json.dumps(batch.events)[:600]}")
                return
            if time.monotonic() - began > LONGEST_S:
                self.journal.violation(f"no answer to {batch.events[0]['event_id']} for {LONGEST_S} s, last status {status}")
                return
            self.journal.count("posted again")
            time.sleep(0.05 + 0.2 * self.chance.random())
        if batch.good:
            self.journal.acknowledgements.good()
            self.journal.count("acknowledged", len({e["event_id"] for e in batch.events}))
            if json.loads(body)["event_ids"] != [e["event_id"] for e in batch.events]:
                self.journal.violation(f"other event_ids than were sent: {body[:300]!r}")
        else:
            self.journal.count("refused", len(batch.events))
        self.ledger.put(batch)

    def run(self):
        while not self.stopping.is_set():
            batch = self.batch()
            self.post_until_answered(batch)
            if batch.good and self.chance.random() < 0.08:
                self.journal.count("repeated on purpose", len(batch.events))
                self.post_until_answered(batch)
            time.sleep(0.15 * self.chance.random())


class Feeder(threading.Thread):
    """tandem-feed, job after job, bad records and repeated ones among them. A killed job is begun again: the same ids."""
    EVENTS, RATES = 1500, [100, 300, 3000]

    def __init__(self, seed, deployment, journal):
        super().__init__(name="feeder", daemon=True)
        self.chance, self.seed, self.journal, self.stopping = random.Random(f"{seed} feed"), seed, journal, threading.Event()
        self.program = deployment.program("feed", "tandem-feed", "generate", "--to=kafka", f"--events={self.EVENTS}",
                                          "--users=300", "--items=30", "--bad-share=0.01",
                                          "--duplicate-share=0.03", f"--start={START_MS}")

    def run(self):
        job = 0
        while not self.stopping.is_set():
            self.program.start([f"--seed={self.seed * 1000 + job}", f"--rate={self.RATES[job % len(self.RATES)]}"])
            code = self.program.process.wait()
            self.journal.count(f"feeds ended with {code}")
            job += code == 0
            time.sleep(0.2 + self.chance.random())
