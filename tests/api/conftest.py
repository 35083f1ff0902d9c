"""A private Tandem with a shop's traffic in it, for all tests of this folder, and the document that it gives of itself."""
import os
import random
import shutil
import tempfile
import time

import pytest

from document import Document
from tandem import Tandem, free_port_base

SEED = int(os.environ.get("SEED") or time.time())


@pytest.fixture(scope="session")
def seed():
    return SEED


@pytest.fixture(scope="session")
def tandem(request):
    folder = tempfile.mkdtemp(prefix="tandem-api-", dir=os.environ.get("TMPDIR", "/var/tmp"))
    one = Tandem(folder)
    one.command("deploy/local/layers up", TANDEM_PORT_BASE=str(free_port_base(random.SystemRandom())))
    try:
        one.feed(SEED)
        yield one
    finally:
        one.command("deploy/local/stack down")
        if request.session.testsfailed:
            print(f"\nkept for you to look at: {folder}/log")
        else:
            one.command("deploy/local/stack wipe postgres")  # its data may lie elsewhere
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def document(tandem):
    return Document(tandem.get("/openapi.json").json())


def pytest_sessionfinish(session):
    stats = session.config.pluginmanager.get_plugin("terminalreporter").stats
    count = {kind: len(stats.get(kind, [])) for kind in ("passed", "failed", "error", "skipped")}
    session.config.counted = f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped"


def pytest_unconfigure(config):
    print(f"\nSEED={SEED}\n{getattr(config, 'counted', '0 passed, 1 failed, 0 skipped')}", flush=True)
