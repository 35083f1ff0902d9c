"""checks: what must hold of a deployment by docker-compose.yml, in this order. Each may return a note; its docstring is its name."""
import json
import time

from stack import Failed, need, say, seconds_since, wait_for

OURS = ("serve", "speed", "archive", "nightly", "generator")
SERVERS = ("redis", "postgres", "kafka")
BACK_S = 180  # so soon everything is there again after a kill, on two slow cores
CREATED = "{{.Metadata.LastTagTime.Unix}}"


def comes_to_a_recommendation(stack):
    """`docker compose --profile demo up`, from a clean checkout to a recommendation"""
    now = time.time()
    stack.compose("up", "--detach", limit_s=2400)
    built = int(stack.docker("image", "inspect", "-f", CREATED, stack.project).stdout)
    up = seconds_since(stack.began)
    wait_for("the one-shot service first-run", lambda: stack.containers("first-run")[0]["State"]["Status"] == "exited", 600)
    ended = stack.containers("first-run")[0]["State"]["ExitCode"]
    need(ended == 0, f"first-run ended with {ended}")
    stack.key = stack.in_setup("cat", "/run/tandem/keys/admin")
    popular = [entry["item"] for entry in stack.answer("/v1/popular?hours=168&n=2")["items"]]
    answer = stack.answer("/v1/sessions/recommendations?n=5&fallback=0", {"items": popular})
    need(answer["items"] and answer["items"][0]["because"], f"nothing is recommended to who has seen {popular}: {answer}")
    need(answer["batch"] >= 1, "there was no batch run")
    took = seconds_since(stack.began)
    return f"{took:.0f} s, of them {max(0, built - now):.0f} s for the image; everything was up after {up:.0f} s"


def everything_is_up(stack):
    """every service is up and healthy, both instances of speed"""
    for service in OURS + SERVERS:
        wait_for(f"{service} is healthy", lambda s=service: stack.is_up(s), BACK_S)
    need(len(stack.containers("speed")) == 2, "there are not two instances of speed")
    stack.poster.start()


def nightly_has_run(stack):
    """`nightly` has made the first run by itself, and knows when the next one is due"""
    def told(text):
        return [line for line in stack.compose("logs", "--no-color", "nightly").stdout.splitlines() if text in line]
    wait_for("nightly tells when the next run is", lambda: told("next run at="), BACK_S)
    need(told('next run at=')[-1].split('at="')[1].split()[1].startswith("02:30"), f"it is not at 02:30: {told('next run')}")
    need(told("run ended exit=0"), "no run of its own ended well")


def only_the_api_is_published(stack):
    """only the API's port is published, on loopback, and nobody is answered without a key"""
    published = {}
    for service in stack.services():
        for container in stack.containers(service):
            for port, bound in (container["NetworkSettings"]["Ports"] or {}).items():
                if bound:
                    published[f"{service} {port}"] = [b["HostIp"] for b in bound]
    need(published == {"serve 8080/tcp": ["127.0.0.1"]}, f"published: {published}")
    need(stack.ask("/v1/status", key=False)[0] == 401, "an answer without a key")
    need(stack.ask("/", key=False)[0] == 200, "the console's page is not there")


def no_secret_is_in_an_environment(stack):
    """neither Postgres' password nor the key stands in a container's settings, in its environment, its arguments or in a log"""
    service = stack.in_setup("cat", "/run/tandem/secrets/pg_service.conf")
    password = service.split("password=")[1].strip()
    need(len(password) >= 40, "there is no password")
    for service in stack.services():
        for container in stack.containers(service):
            told = json.dumps(container)
            need(password not in told and stack.key not in told, f"a secret stands in the settings of {service}")
    for service in OURS:
        known = stack.compose("exec", "-T", service, "sh", "-c", "cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'").stdout
        need("TANDEM_POSTGRES=service=tandem" in known, f"the environment of {service} cannot be read")
        need(password not in known and stack.key not in known, f"a secret stands in the environment of {service}")
    logs = stack.compose("logs", "--no-color").stdout
    need(password not in logs and stack.key not in logs, "a secret stands in a log")


def containers_may_do_little(stack):
    """our containers run as nobody special on a root that cannot be written, without capabilities"""
    for service in OURS:
        for container in stack.containers(service):
            host = container["HostConfig"]
            need(container["Config"]["User"] == "10001:10001", f"{service} runs as {container['Config']['User']}")
            need(host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"], f"{service} may do more than it needs")
            need("no-new-privileges:true" in host["SecurityOpt"], f"{service} may get new privileges")
            need(host["Memory"] > 0 and host["PidsLimit"] > 0, f"{service} has no limits")
            need(container["Config"]["StopSignal"] == "SIGTERM", f"{service} is stopped with {container['Config']['StopSignal']}")
    tried = stack.compose("exec", "-T", "serve", "sh", "-c", "id -u; echo x >/usr/local/bin/x", check=False)
    need(tried.returncode != 0 and tried.stdout.split() == ["10001"] and "Read-only" in tried.stderr, f"it wrote: {tried}")


def a_second_up_changes_nothing(stack):
    """a second `up` makes no second key and no second password"""
    before = {s: [c["Id"] for c in stack.containers(s)] for s in OURS + SERVERS}
    secrets = stack.in_setup("cat", "/run/tandem/secrets/pg_service.conf")
    stack.compose("up", "--detach", limit_s=600)
    need({s: [c["Id"] for c in stack.containers(s)] for s in OURS + SERVERS} == before, "containers were made anew")
    need(stack.in_setup("cat", "/run/tandem/secrets/pg_service.conf") == secrets, "the password is another one")
    stack.answer("/v1/status")
    listed = stack.in_setup("tandem-serve", "key", "list").splitlines()
    need(len(listed) == 2, f"keys: {listed}")


def back_by_start(stack):
    """`docker compose kill` of each service in turn: started again, it goes on"""
    took = []
    for service in OURS + SERVERS:
        stack.compose("kill", service)
        need(not stack.is_up(service), f"{service} was not killed")
        began = time.monotonic()
        stack.compose("start", service, limit_s=BACK_S)
        wait_for(f"{service} is back", lambda s=service: stack.is_up(s), BACK_S)
        took.append(f"{service} {seconds_since(began):.0f} s")
    return ", ".join(took)


def back_by_itself(stack):
    """each container's process is killed in turn: it comes back by itself"""
    took = []
    for service in OURS + SERVERS:
        began = time.monotonic()
        before = stack.containers(service)[0]
        stack.docker("run", "--rm", "--pid=host", "--network=none", "--user=0:0", stack.project, "bash", "-c",
                     f"kill -9 {before['State']['Pid']}")
        wait_for(f"{service} is back", lambda s=service, b=before: is_another(stack, s, b) and stack.is_up(s), BACK_S)
        took.append(f"{service} {seconds_since(began):.0f} s")
    return ", ".join(took)


def is_another(stack, service, before):
    now = next(c for c in stack.containers(service) if c["Id"] == before["Id"])
    return now["State"]["StartedAt"] != before["State"]["StartedAt"]


def survives_down_and_up(stack):
    """a batch run, then `down` and `up`: the volumes hold everything"""
    done = stack.batch("run")
    need(done.returncode == 0, f"tandem-batch run: {done.returncode}: {done.stderr[-800:]}")
    number = stack.answer("/v1/status")["batch"]
    need(number >= 2, f"the batch view is {number}")
    codes = ends_well(stack)
    stack.compose("down", "--timeout", "60", limit_s=300)
    stack.compose("up", "--detach", limit_s=600)
    wait_for("the API is back", lambda: stack.try_to_answer("/v1/status").get("batch") == number, BACK_S)
    return codes


def ends_well(stack):
    stack.compose("stop", "--timeout", "60", limit_s=300)
    codes = {s: sorted({c["State"]["ExitCode"] for c in stack.containers(s)}) for s in OURS + SERVERS}
    wrong = {s: c for s, c in codes.items() if c != ([143] if s == "kafka" else [0])}
    need(not wrong, f"`docker compose stop`: exit codes {wrong}")
    return "all stop with 0, Kafka with 143"


def nothing_was_lost(stack):
    """every event that was acknowledged meanwhile is counted, once"""
    stack.poster.stop()
    sent = stack.poster.acknowledged
    need(sent > 100, f"only {sent} events were acknowledged")
    wait_for("the speed layer has caught up", lambda: not any(stack.answer("/v1/status")["lag"] or [1]), BACK_S)
    counted = stack.poster.counted()
    need(counted == sent, f"{sent} events were acknowledged, {counted} are counted")
    return f"{sent} events, {stack.poster.refused} times not answered and repeated"


def audit_finds_no_drift(stack):
    """`tandem-batch audit`: no counter differs"""
    done = stack.batch("audit")
    need(done.returncode == 0, f"audit: {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    last = done.stdout.strip().splitlines()[-1].split()
    need(last[0] == "all" and last[-1] == "0" and int(last[2].replace(",", "")) > 1000, f"audit: {done.stdout}")
    say(f"audit: {last[2]} counters, {last[3]} differ")


CHECKS = [comes_to_a_recommendation, everything_is_up, nightly_has_run, only_the_api_is_published, no_secret_is_in_an_environment,
          containers_may_do_little, a_second_up_changes_nothing, back_by_start, back_by_itself, survives_down_and_up,
          nothing_was_lost, audit_finds_no_drift]
