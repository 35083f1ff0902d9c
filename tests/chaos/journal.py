"""What happened in a chaos run: violations, faults from when to when, how long nothing good was answered. Thread-safe.

Times are seconds of time.monotonic().
"""
import threading
import time
from collections import Counter, defaultdict

AFTERMATH_S = 3  # so long after its end a fault may still be the reason for silence


class Fault:
    def __init__(self, kind):
        self.kind, self.begin, self.end = kind, time.monotonic(), None

    def overlaps(self, begin, end):
        return self.begin <= end and (self.end is None or begin <= self.end + AFTERMATH_S)


class Silence:
    """The stretches without something good, told by when the good things came."""
    SHORTEST_S = 0.25

    def __init__(self, what):
        self.what, self.lock, self.last, self.gaps = what, threading.Lock(), None, []

    def good(self):
        now = time.monotonic()
        with self.lock:
            if self.last is not None and now - self.last > self.SHORTEST_S:
                self.gaps.append((self.last, now))
            self.last = now


class Journal:
    def __init__(self):
        self.lock = threading.Lock()
        self.violations, self.faults, self.counts = [], [], Counter()
        self.answers = Silence("an answer")
        self.live_answers = Silence("a live answer")
        self.acknowledgements = Silence("an acknowledgement")

    def violation(self, text):
        with self.lock:
            self.violations.append(text)
            if len(self.violations) <= 20:
                print(f"chaos: VIOLATION: {text}", flush=True)

    def count(self, what, n=1):
        with self.lock:
            self.counts[what] += n

    def fault(self, kind):
        fault = Fault(kind)
        with self.lock:
            self.faults.append(fault)
        return fault

    def under_way_since(self, begin, kinds):
        """Was such a fault under way at any time from then on?"""
        with self.lock:
            return any(fault.kind in kinds and (fault.end is None or fault.end >= begin) for fault in self.faults)

    def kills(self):
        with self.lock:
            return Counter(fault.kind for fault in self.faults)

    def longest_recovery(self, silence):
        """The longest stretch without something good after all that was down was up again, in seconds."""
        longest = 0.0
        for begin, end in silence.gaps:
            faults = [fault for fault in self.faults if fault.overlaps(begin, end)]
            if all(fault.end is not None and fault.end < end for fault in faults):
                longest = max(longest, end - max([begin] + [fault.end for fault in faults]))
        return longest

    def longest(self, silence):
        """By the kinds of fault that were under way (joined by +): the longest stretch, in seconds."""
        longest = defaultdict(float)
        for begin, end in silence.gaps:
            kinds = "+".join(sorted({fault.kind for fault in self.faults if fault.overlaps(begin, end)})) or "no fault"
            longest[kinds] = max(longest[kinds], end - begin)
        return longest
