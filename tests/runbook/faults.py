"""Faults, each with the alerts that it must raise. A fault is a generator: it brings itself about, yields, and takes away what the
runbook's commands leave. What the alert's section does must end the alert, or else the end of the fault."""
import contextlib
import os
import signal
import socket
import subprocess
import threading
import time


@contextlib.contextmanager
def again_and_again(every_s, what):
    """In a thread of its own, while the body runs."""
    over = threading.Event()

    def work():
        while not over.wait(every_s):
            what()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def server_away(name):
    def fault(world):
        world.stack("kill", name)
        yield
    return fault


def a_killed_program(world):
    world.stack("kill", "serve")
    yield


def one_that_ends_again_and_again(world):
    for _ in range(5):
        world.stack("kill", "speed-1")
        world.layers_up()
        time.sleep(1.5)
    yield


def bodies_that_wait(world):
    """96 posts of nearly a MiB that do not end: they are held until --request-s is over."""
    head = f"POST /v1/events HTTP/1.1\r\nHost: {world.listen}\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n"
    body = head.encode() + b" " * 1048000
    host, _, port = world.listen.rpartition(":")
    sockets = [socket.create_connection((host, int(port)), timeout=10) for _ in range(96)]
    for s in sockets:
        s.sendall(body)
    yield
    for s in sockets:
        s.close()


def restart(world, name, **environment):
    world.stack("stop", name)
    world.layers_up(**environment)


def more_than_one_core_takes(world):
    restart(world, "speed-1", TANDEM_BATCH_EVENTS="1")
    world.feed(120000, 31)
    yield
    world.stack("stop", "speed-2")
    restart(world, "speed-1")


def connections_that_are_cut(world):
    with again_and_again(0.2, lambda: world.redis("client", "kill", "type", "normal")):
        yield


def a_moment_away(world):
    pid = world.pid("speed-1")
    os.kill(pid, signal.SIGSTOP)
    world.feed(2000, 32)
    time.sleep(8)
    os.kill(pid, signal.SIGCONT)
    yield


def a_producer_of_bad_records(world):
    with again_and_again(1, lambda: world.feed(300, 33, "--bad-share", "0.2")):
        yield


def no_archiver(world):
    world.stack("stop", "archive")
    world.feed(5000, 34)
    yield


def no_night(_):
    """Nothing: the night is 26 s long here (monitor.py)."""
    yield


def a_run_left_open(world):
    world.must(0, "tandem-batch", "run", "--step", "extract")
    yield


def events_of_the_future(world):
    world.must(0, "tandem-batch", "run")
    world.feed(3000, 35, "--start", str(int(time.time() + 86400) * 1000))
    world.wait_archived()
    world.must(5, "tandem-batch", "run")
    yield


def a_counter_in_redis(world):
    """A row's entry is the length of the member, the member, and twice what it adds (views/row.h)."""
    world.must(0, "tandem-batch", "run")
    batch = world.status()["batch"]
    world.redis("-x", "APPEND", f"tandem:row:{batch}:item_users:all", stdin=b"\x02i1\x02")
    world.must(4, "tandem-batch", "run")
    yield


def a_counter_in_postgres(world):
    world.sql(r"UPDATE view_row SET counters = '\x0378797a02'::bytea WHERE view = 'users'")
    world.must(4, "tandem-batch", "audit")
    yield


@contextlib.contextmanager
def load(world, connections):
    with open(os.path.join(world.folder, "wrk.log"), "wb") as log:
        wrk = subprocess.Popen(["wrk", "-t1", f"-c{connections}", "-d300s", f"http://{world.listen}/v1/popular?hours=24"], stdout=log, stderr=log)
    try:
        yield
    finally:
        wrk.kill()
        wrk.wait()


def more_than_the_bound(world):
    restart(world, "serve", TANDEM_CALLS="1")
    with load(world, 32):
        yield
    restart(world, "serve")


def a_slow_redis(world):
    with again_and_again(0.2, lambda: world.redis("client", "pause", "400", "all")), load(world, 2):
        yield


FAULTS = [
    (["TandemProcessDown"], a_killed_program),
    (["TandemRestarts"], one_that_ends_again_and_again),
    (["TandemMemoryHigh"], bodies_that_wait),
    (["TandemKafkaAway", "TandemServerErrors", "TandemEventsNotAcknowledged"], server_away("kafka")),
    (["TandemPostgresAway"], server_away("postgres")),
    (["TandemRedisAway", "TandemDegraded", "TandemSpeedUnclaimed"], server_away("redis-0")),
    (["TandemSpeedBehind"], more_than_one_core_takes),
    (["TandemSpeedFlaps"], connections_that_are_cut),
    (["TandemNotFresh"], a_moment_away),
    (["TandemBadRecords"], a_producer_of_bad_records),
    (["TandemArchiveBehind", "TandemArchiveIdle"], no_archiver),
    (["TandemBatchOld", "TandemRunMissing"], no_night),
    (["TandemRunFailed"], a_run_left_open),
    (["TandemCheckFailed"], events_of_the_future),
    (["TandemDrift"], a_counter_in_redis),
    (["TandemAuditDiffers"], a_counter_in_postgres),
    (["TandemOverloaded"], more_than_the_bound),
    (["TandemSlowAnswers"], a_slow_redis),
]
