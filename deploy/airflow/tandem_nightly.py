"""Tandem's nightly run as a DAG of Airflow 3: a task for each step, each `tandem-batch run --step STEP`.

A step that is done already ends at once with 0, so a task that is retried or cleared is harmless; a run that was left open goes
on. Copy this file into the DAGs folder of a worker that has tandem-batch. Variables of Airflow, all with a default:

    tandem_environment  the file that says where the servers are: /etc/tandem/environment (the worker's user: in group tandem)
    tandem_on_failure   a program of yours that calls somebody, with the task's name: /etc/tandem/on-failure
"""
import os
import subprocess
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator, Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException

STEPS = ("extract", "aggregate", "check", "publish", "retire")
DEADLINE_S = 5 * 3600
# It ends by itself at the deadline, with 6; Airflow ends it if it did not. Retries are Airflow's.
COMMAND = ("tandem-batch", "run", "--retries=0", f"--deadline-s={DEADLINE_S}", "--step")
WITH_ENVIRONMENT = ("bash", "-c", 'set -a; . "$0"; set +a; exec "$@"')

# What another try cannot mend.
WRONG_USE, DRIFTED, CHECK_FAILED = 2, 4, 5
FINAL = {
    WRONG_USE: "the configuration is wrong: nothing was done",
    DRIFTED: "batch and speed layer had counted differently: docs/operations.md, 'drift'",
    CHECK_FAILED: "a check of the data failed and nothing is published: `tandem-batch status` shows which, "
                  "`tandem-batch run --accept-check NAME` goes on",
}


class TandemStep(BaseOperator):
    template_fields = ("environment",)

    def __init__(self, step, **more):
        super().__init__(task_id=step, **more)
        self.step, self.hook = step, None
        self.environment = "{{ var.value.get('tandem_environment', '/etc/tandem/environment') }}"

    def execute(self, context):
        self.hook = SubprocessHook()
        done = self.hook.run_command([*WITH_ENVIRONMENT, self.environment, *COMMAND, self.step])
        if done.exit_code in FINAL:
            raise AirflowFailException(f"exit {done.exit_code}: {FINAL[done.exit_code]}")
        if done.exit_code:
            raise AirflowException(f"exit {done.exit_code}: the next try goes on there. Last line: {done.output}")

    def on_kill(self):
        if self.hook:
            self.hook.send_sigterm()


def call_somebody(context):
    """After the last try only."""
    task = context["task_instance"]
    program = Variable.get("tandem_on_failure", default="/etc/tandem/on-failure")
    if os.access(program, os.X_OK):
        subprocess.run([program, f"airflow {task.dag_id}.{task.task_id}"], check=True, timeout=60)
    else:
        task.log.warning("%s is not there: nobody is called", program)


with DAG(
    "tandem_nightly",
    description="Tandem: fold what is new into the batch view and publish it",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,  # a missed night is in the next one
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "execution_timeout": timedelta(seconds=DEADLINE_S + 600),
        "on_failure_callback": call_somebody,
    },
    tags=["tandem"],
) as dag:
    last = None
    for step in STEPS:
        task = TandemStep(step=step)
        if last:
            last >> task
        last = task
