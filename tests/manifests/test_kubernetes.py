"""deploy/kubernetes: valid, restricted, and in step with the programs."""
import glob
import os
import re

import kubernetes_validate
import pytest
import yaml
from commands import check_command, check_variables
from conftest import FOLDERS, KUBERNETES, built

# From the oldest that has all that is used (preStop.sleep: 1.30) to the newest whose schema there is.
VERSIONS = [f"1.{minor}" for minor in range(30, 38)]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_kustomize_builds_fits_the_schema_of(version, folder):
    objects = list(yaml.safe_load_all(built(folder)))
    assert len(objects) >= 13
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_is_listed(folder):
    with open(os.path.join(KUBERNETES, folder, "kustomization.yaml"), encoding="utf-8") as file:
        text = yaml.safe_load(file)
    listed = {os.path.basename(r) for r in text["resources"]} | {p["path"] for p in text.get("patches", [])}
    there = {os.path.basename(path) for path in glob.glob(os.path.join(KUBERNETES, folder, "*.yaml"))}
    assert there - {"kustomization.yaml"} <= listed


def test_commands_options_and_variables_are_the_programs_own(objects):
    config = objects.of("ConfigMap")[0]["data"]
    for _, _, pod in objects.pods():
        for container in pod["containers"]:
            known = check_command(container["command"] + container.get("args", []))
            check_variables(list(config) + [e["name"] for e in container.get("env", [])], known)


def test_no_pod_may_do_more_than_the_standard_restricted_allows(objects):
    for name, _, pod in objects.pods():
        whole = pod["securityContext"]
        assert whole["runAsNonRoot"] is True and whole["runAsUser"] == 10001, name
        assert whole["seccompProfile"]["type"] == "RuntimeDefault", name
        assert not pod.get("hostNetwork") and not pod.get("hostPID") and not pod.get("hostIPC"), name
        assert all(set(v) - {"name"} <= {"secret", "configMap", "emptyDir"} for v in pod["volumes"]), name
        assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False, name
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"], name


def test_secrets_come_as_files_only(objects):
    assert not objects.of("Secret")
    for name, _, pod in objects.pods():
        assert [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v] == ["tandem-postgres"], name
        for container in pod["containers"]:
            assert not any("secretRef" in source for source in container.get("envFrom", [])), name
            assert not any("valueFrom" in variable for variable in container.get("env", [])), name
    told = objects.of("ConfigMap")[0]["data"]
    assert told["TANDEM_POSTGRES"] == "service=tandem" and "assword" not in str(told)


def test_what_runs_on_is_probed_and_may_be_disrupted_one_by_one(objects):
    budgets = [b["spec"]["selector"]["matchLabels"] for b in objects.of("PodDisruptionBudget")]
    assert len(objects.of("Deployment")) == 3
    for deployment in objects.of("Deployment"):
        pod = deployment["spec"]["template"]
        container = pod["spec"]["containers"][0]
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in ports
        assert deployment["spec"]["replicas"] >= 2
        assert sum(chosen.items() <= pod["metadata"]["labels"].items() for chosen in budgets) == 1


def test_services_and_policies_choose_pods_that_are_there(objects):
    labels = [of_pod for _, of_pod, _ in objects.pods()]
    for service in objects.of("Service"):
        assert any(service["spec"]["selector"].items() <= of.items() for of in labels)
    for policy in objects.of("NetworkPolicy"):
        chosen = policy["spec"]["podSelector"]
        wanted = chosen.get("matchLabels", {}).items()
        assert any(wanted <= of.items() for of in labels), policy["metadata"]["name"]
        for one in chosen.get("matchExpressions", []):
            assert set(one["values"]) <= {of[one["key"]] for of in labels}


def test_by_default_nothing_goes_in_or_out(objects):
    whole = next(p for p in objects.of("NetworkPolicy") if "matchExpressions" not in p["spec"]["podSelector"]
                 and "app.kubernetes.io/component" not in p["spec"]["podSelector"].get("matchLabels", {}))
    assert whole["spec"]["policyTypes"] == ["Ingress", "Egress"] and "ingress" not in whole["spec"]
    ports = {port["port"] for rule in whole["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 9092, 6379, 5432}


def test_one_nightly_run_at_a_time_that_gives_up_before_it_is_killed(objects):
    job = objects.of("CronJob")[0]["spec"]
    run = job["jobTemplate"]["spec"]
    command = " ".join(run["template"]["spec"]["containers"][0]["command"])
    deadline_s = int(re.search(r"--deadline-s=(\d+)", command)[1])
    assert job["concurrencyPolicy"] == "Forbid" and job["startingDeadlineSeconds"] > 0
    assert deadline_s + 60 <= run["activeDeadlineSeconds"] < 24 * 3600
    refused = run["podFailurePolicy"]["rules"][0]["onExitCodes"]
    assert refused["values"] == [2, 3, 4, 5, 6]
    assert refused["containerName"] == run["template"]["spec"]["containers"][0]["name"]
