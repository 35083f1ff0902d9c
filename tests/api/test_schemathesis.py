"""
schemathesis makes up requests from the document, right ones and wrong ones, with a key and without, and holds each answer against
it. These tests come last: they make a key, and what was made up is in the log.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def test_schemathesis_finds_nothing(tandem, seed):
    command = [os.path.join(os.path.dirname(sys.executable), "schemathesis"), "--config-file", os.path.join(HERE, "schemathesis.toml"),
               "run", "--header", f"Authorization: Bearer {tandem.lock()}", tandem.url + "/openapi.json", "--seed", str(seed), "--max-examples", os.environ.get("EXAMPLES") or "20"]
    env = tandem.environment(PYTHONPATH=HERE, SCHEMATHESIS_HOOKS="hooks", PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(command, cwd=tandem.folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=900)
    assert done.returncode == 0, f"SEED={seed}\n{done.stdout[-20000:]}"
    print(done.stdout[-1500:])


def test_after_all_that_no_counter_differs(tandem):
    tandem.wait_caught_up()
    said = tandem.command(f"{tandem.bin}/tandem-batch run && {tandem.bin}/tandem-batch audit").stdout
    assert said.rstrip().splitlines()[-1].split()[-1] == "0", said


def test_no_answer_had_a_status_that_its_route_does_not_have(tandem):
    undocumented = [line for line in tandem.log_of("serve").splitlines() if "answered with a status" in line]
    assert not undocumented, "\n".join(sorted(set(undocumented)))
