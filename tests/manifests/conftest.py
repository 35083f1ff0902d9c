"""What kustomize makes of deploy/kubernetes, and the last line of the tests."""
import functools
import os
import subprocess
import sys

import pytest
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KUBERNETES = os.path.join(ROOT, "deploy", "kubernetes")
OVERLAYS = sorted(os.listdir(os.path.join(KUBERNETES, "overlays")))
FOLDERS = ["base"] + [f"overlays/{name}" for name in OVERLAYS]
BIN = os.path.join(ROOT, os.environ.get("TANDEM_BIN", "build/bin"))


@functools.lru_cache
def built(folder):
    """What `kubectl apply -k` would send, as text."""
    kubectl = os.path.join(os.path.dirname(sys.executable), "kubectl")
    done = subprocess.run([kubectl, "kustomize", os.path.join(KUBERNETES, folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


class Objects(list):
    def of(self, kind):
        return [one for one in self if one["kind"] == kind]

    def pods(self):
        """(name, labels, specification) of each template of a pod."""
        for one in self:
            template = {"Deployment": lambda s: s["template"], "Job": lambda s: s["template"],
                        "CronJob": lambda s: s["jobTemplate"]["spec"]["template"]}.get(one["kind"])
            if template:
                pod = template(one["spec"])
                yield one["metadata"]["name"], pod["metadata"]["labels"], pod["spec"]


@pytest.fixture(params=FOLDERS)
def objects(request):
    return Objects(yaml.safe_load_all(built(request.param)))


@functools.lru_cache
def help_of(*command):
    """What a program says of a command, such as ("tandem-batch", "run")."""
    done = subprocess.run([os.path.join(BIN, command[0]), *command[1:], "--help"], capture_output=True, text=True, check=False,
                          env={k: v for k, v in os.environ.items() if not k.startswith("TANDEM_")})
    assert done.returncode == 0, f"{' '.join(command)} --help: {done.returncode} {done.stderr}"
    return done.stdout


def pytest_sessionfinish(session):
    stats = session.config.pluginmanager.get_plugin("terminalreporter").stats
    count = {kind: len(stats.get(kind, [])) for kind in ("passed", "failed", "error", "skipped")}
    session.config.counted = f"{count['passed']} passed, {count['failed'] + count['error']} failed, {count['skipped']} skipped"


def pytest_unconfigure(config):
    print(f"\n{getattr(config, 'counted', '0 passed, 1 failed, 0 skipped')}", flush=True)
