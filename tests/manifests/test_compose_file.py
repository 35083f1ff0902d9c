"""docker-compose.yml without an engine: its commands, options and variables are the programs' own, and nothing of ours is left open."""
import os
import re
import shlex

import pytest
import yaml
from commands import PROGRAMS, check_command, check_variables
from conftest import ROOT

with open(os.path.join(ROOT, "docker-compose.yml"), encoding="utf-8") as compose_file:
    COMPOSE = yaml.safe_load(compose_file)
SERVERS = {"kafka": "apache/kafka:4.3.1", "redis": "redis:7.0", "postgres": "postgres:15"}
OURS = sorted(set(COMPOSE["services"]) - set(SERVERS))


def filled(text):
    """As compose fills in what the environment does not say."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")


def with_conf(name):
    with open(os.path.join(ROOT, "deploy", "local", "conf", name), encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("service", OURS)
def test_the_command_and_its_variables_are_known(service):
    one = COMPOSE["services"][service]
    words = one.get("entrypoint", []) + shlex.split(filled(one["command"]))
    if words[:2] == ["bash", "-c"]:
        words = shlex.split(words[2].removeprefix("exec "))
    known = ""
    if words[0] in PROGRAMS:
        known = check_command(words)
    else:
        assert os.access(os.path.join(ROOT, "deploy", "docker", words[0]), os.X_OK)
    check_variables(one["environment"], known)


@pytest.mark.parametrize("service", OURS)
def test_our_containers_may_do_little_and_have_limits(service):
    one = COMPOSE["services"][service]
    assert one["read_only"] and one["cap_drop"] == ["ALL"] and one["security_opt"] == ["no-new-privileges:true"]
    assert set(one["deploy"]["resources"]["limits"]) == {"memory", "pids"}
    assert not any("assword" in str(value) for value in one["environment"].values())


def test_the_servers_are_the_public_images():
    assert {name: COMPOSE["services"][name]["image"] for name in SERVERS} == SERVERS


def test_only_the_api_is_published_and_on_loopback():
    assert {name: filled(one["ports"][0]) for name, one in COMPOSE["services"].items() if "ports" in one} == {
        "serve": "127.0.0.1:8080:8080"}
    assert COMPOSE["networks"]["servers"]["internal"] is True
    assert [name for name, one in COMPOSE["services"].items() if "outside" in one["networks"]] == ["serve"]


def test_kafka_is_as_durable_as_the_private_one():
    told = {k: str(v) for k, v in COMPOSE["services"]["kafka"]["environment"].items()}
    own = {"listener.security.protocol.map", "num.network.threads", "num.io.threads"}
    for line in with_conf("kafka.properties"):
        name, value = line.split("=", 1)
        if name not in own:
            assert told.get("KAFKA_" + name.upper().replace(".", "_")) == value, name


def test_redis_is_as_durable_as_the_private_one():
    told = [word.removeprefix("--") for word in COMPOSE["services"]["redis"]["command"][1:]]
    for line in with_conf("redis.conf"):
        if line.split()[0] not in ("bind", "protected-mode", "daemonize"):
            assert line in told, line


def test_postgres_is_as_durable_as_the_private_one():
    told = dict(word.removeprefix("-c").split("=", 1) for word in COMPOSE["services"]["postgres"]["command"][1:])
    for line in with_conf("postgresql.conf"):
        name, value = (part.strip().strip("'") for part in line.split("=", 1))
        if name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert told.get(name, "on") == value, name
        elif name not in ("listen_addresses", "max_connections", "log_line_prefix"):
            assert told.get(name) == value, name


def test_the_image_is_small_in_rights_and_pinned():
    with open(os.path.join(ROOT, "Dockerfile"), encoding="utf-8") as file:
        stages = re.split(r"^FROM ", file.read(), flags=re.MULTILINE)[1:]
    assert len(stages) == 3 and all(stage.startswith("debian:bookworm-slim") for stage in stages)
    last = stages[-1]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE) and re.search(r"^STOPSIGNAL SIGTERM$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*readyz", last, re.MULTILINE)
    installed = re.search(r"--no-install-recommends \\\n(.*?)>/dev/null", last, re.DOTALL)[1]
    packages = re.findall(r"[^\s\\]+", installed)
    assert len(packages) >= 10
    assert [p for p in packages if not re.fullmatch(r"'[a-z0-9.+-]+=[^']+\*'", p)] == ["tzdata"]  # no library, and old rules are wrong
