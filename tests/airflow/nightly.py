"""The DAG in the real Airflow: a night that goes well, one whose archive is away, one whose data is refused. Run by tests/airflow/run, in
the environment of a private deployment."""
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from datetime import timedelta
from pathlib import Path

BIN = Path(os.environ["TANDEM_BIN"]).resolve()
LOCAL = Path(os.environ["TANDEM_LOCAL"]).resolve()
HOME = Path(tempfile.mkdtemp(prefix="tandem-airflow-"))
CALLED = HOME / "called"
ENVIRONMENT = HOME / "environment"
STEPS = ["extract", "aggregate", "check", "publish", "retire"]

(HOME / "dags").mkdir()
shutil.copy("deploy/airflow/tandem_nightly.py", HOME / "dags")
(HOME / "on-failure").write_text(f'#!/bin/sh\necho "$1" >>{CALLED}\n')
(HOME / "on-failure").chmod(0o755)
os.environ.update({
    "PATH": f"{Path(sys.executable).parent}:{BIN}:{os.environ['PATH']}",
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW_VAR_TANDEM_ENVIRONMENT": str(ENVIRONMENT),
    "AIRFLOW_VAR_TANDEM_ON_FAILURE": str(HOME / "on-failure"),
    "PYTHONWARNINGS": "ignore",
})
for name in [name for name in os.environ if name.startswith("TANDEM_")]:
    del os.environ[name]  # the tasks have them from the file


def environment(**more):
    """The deployment's file, and more."""
    lines = [line for line in (LOCAL / "env").read_text().splitlines() if "TANDEM_" in line]
    ENVIRONMENT.write_text("\n".join([*lines, *(f"TANDEM_{name.upper()}={value}" for name, value in more.items())]) + "\n")


def tandem(*command):
    said = subprocess.run(["bash", "-c", 'set -a; . "$0"; exec "$@"', ENVIRONMENT, *command], capture_output=True, text=True, check=True)
    return said.stdout


def newest_run():
    return json.loads(tandem("tandem-batch", "status", "--json"))["runs"][0]


def stack(*command):
    subprocess.run(["deploy/local/stack", *command], env={**os.environ, "TANDEM_LOCAL": str(LOCAL)}, check=True, capture_output=True)


def start_archive():
    command = 'set -a; . "$TANDEM_LOCAL/env"; exec deploy/local/stack spawn archive -- tandem-batch archive'
    subprocess.run(["bash", "-c", command], env={**os.environ, "TANDEM_LOCAL": str(LOCAL)}, check=True, capture_output=True)


def start_archive_after(file):
    while not file.exists():
        time.sleep(0.1)
    start_archive()


class Nights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["airflow", "db", "migrate"], check=True, capture_output=True)

    def setUp(self):
        CALLED.unlink(missing_ok=True)
        environment()

    def called(self):
        return CALLED.read_text().splitlines() if CALLED.exists() else []

    def night(self, retry_delay=timedelta(seconds=1)):
        """A run of the DAG: its state, and (state, tries) by task. Airflow's own way to run one, with a shorter wait for retries."""
        from airflow.dag_processing.dagbag import DagBag
        bag = DagBag(HOME / "dags", include_examples=False)
        self.assertEqual(bag.import_errors, {})
        dag = bag.dags["tandem_nightly"]
        for task in dag.tasks:
            task.retry_delay, task.retry_exponential_backoff = retry_delay, 0
        run = dag.test()
        return run.state, {task.task_id: (task.state, task.try_number) for task in run.get_task_instances()}

    def test_1_airflow_runs_every_step_and_a_new_batch_view_is_published(self):
        before = newest_run()
        done = subprocess.run(["airflow", "dags", "test", "tandem_nightly"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
        after = newest_run()
        self.assertEqual((after["n"], after["state"]), (before["n"] + 1, "done"))
        self.assertEqual(self.called(), [])
        print(*(line for line in (done.stdout + done.stderr).splitlines() if "state=" in line), sep="\n")

    def test_2_each_task_runs_once_and_again_it_is_harmless(self):
        before = newest_run()["n"]
        for nights in (1, 2):
            state, tasks = self.night()
            self.assertEqual((state, tasks), ("success", {step: ("success", 1) for step in STEPS}))
            self.assertEqual(newest_run()["n"], before + nights)

    def test_3_a_step_that_cannot_is_tried_again_and_then_somebody_is_called(self):
        before = newest_run()["n"]
        stack("stop", "archive")
        environment(wait_s=2)
        try:
            state, tasks = self.night()
        finally:
            start_archive()
        self.assertEqual(state, "failed")
        self.assertEqual(tasks["extract"], ("failed", 4))
        self.assertEqual({tasks[step][0] for step in STEPS[1:]}, {"upstream_failed"})
        self.assertEqual(self.called(), ["airflow tandem_nightly.extract"])
        environment()
        state, _ = self.night()  # the next night goes on there
        run = newest_run()
        self.assertEqual((state, run["n"], run["state"]), ("success", before + 1, "done"))

    def test_4_a_step_that_succeeds_at_its_second_try_calls_nobody(self):
        stack("stop", "archive")
        first, second = HOME / "first", HOME / "second"
        environment(wait_s=2)
        with ENVIRONMENT.open("a") as file:  # the second try has the time to wait until the archive is there
            file.write(f"if [ -e {first} ]; then touch {second}; TANDEM_WAIT_S=120; else touch {first}; fi\n")
        comes_back = threading.Thread(target=start_archive_after, args=(second,))
        comes_back.start()
        state, tasks = self.night()
        second.touch()  # had there been no second try: the thread ends
        comes_back.join()
        self.assertEqual((state, tasks["extract"]), ("success", ("success", 2)))
        self.assertEqual(self.called(), [])

    def test_5_what_another_try_cannot_mend_is_not_tried_again(self):
        environment(partitions=77)
        state, tasks = self.night()
        self.assertEqual((state, tasks["extract"]), ("failed", ("failed", 1)))
        self.assertEqual(self.called(), ["airflow tandem_nightly.extract"])


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromName("__main__"))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed, 0 skipped")
    shutil.rmtree(HOME)
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
