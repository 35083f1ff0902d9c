"""Can the verdict fail? After a run that was exact: one thing at a time is made wrong, and each must be noticed."""
import copy
import subprocess

import verdict


def a_sample_with_counters(samples):
    return next(i for i, sample in enumerate(samples) if any(sample.told) and "/views/read" in sample.path)


def one_counter_more_in_a_sample(world, truth, ids):
    samples = copy.deepcopy(world.samples)
    row = next(row for row in samples[a_sample_with_counters(samples)].told if row)
    row[next(iter(row))] += 1
    return verdict.judge(samples, truth.rows, world.ledger, ids, truth.accepted)


def one_event_later_in_a_sample(world, _, ids):
    """As if an answer had said an as_of that it does not stand at."""
    samples = copy.deepcopy(world.samples[-20:])
    for sample in samples:
        sample.as_of = [max(0, offset - 40) for offset in sample.as_of]
    log = verdict.Log(world.deployment, len(samples[0].as_of))
    truth = verdict.Truth(log, samples)
    return verdict.judge(samples, truth.rows, world.ledger, ids, truth.accepted)


def an_acknowledged_event_that_is_lost(world, truth, ids):
    lost = next(iter(world.ledger.acknowledged))
    return verdict.judge([], [], world.ledger, {event: n for event, n in ids.items() if event != lost}, truth.accepted)


def an_acknowledged_event_that_counted_twice(world, truth, ids):
    event = next(e for e, user in world.ledger.acknowledged.items() if not verdict.load.may_forget(user))
    accepted = truth.accepted.copy()
    accepted[event] += 1
    return verdict.judge([], [], world.ledger, ids, accepted)


def a_refused_event_in_the_log(world, truth, ids):
    return verdict.judge([], [], world.ledger, {**ids, next(iter(world.ledger.refused)): 1}, truth.accepted)


def one_counter_more_in_redis(world, truth, _):
    """A row's entry is the length of the member, the member, the zigzag varint of what it adds (views/row.h)."""
    batch = world.status()["batch"]
    key = f"tandem:row:{batch}:item_users:all"
    port = world.deployment.environment["TANDEM_REDIS"].rpartition(":")[2]
    subprocess.run(["redis-cli", "-p", port, "-x", "APPEND", key], input=b"\x02i1\x02", check=True, stdout=subprocess.DEVNULL)
    log = verdict.Log(world.deployment, len(world.status()["as_of"]))
    return verdict.differences_of_answers(world.deployment.address(), truth, log)


BREAKS = [one_counter_more_in_a_sample, one_event_later_in_a_sample, an_acknowledged_event_that_is_lost,
          an_acknowledged_event_that_counted_twice, a_refused_event_in_the_log, one_counter_more_in_redis]


def run(world, _, truth, ids):
    """Passed and failed; the run itself is one that passed."""
    passed, failed = 1, 0
    for break_it in BREAKS:
        noticed = next(iter(break_it(world, truth, ids)), None)
        name = break_it.__name__.replace("_", " ")
        print(f"   self-test: {name}: {'noticed' if noticed else 'NOT NOTICED'}", flush=True)
        passed, failed = passed + bool(noticed), failed + (not noticed)
    return passed, failed
