"""What test_access asks of every route of a server, by its own list (GET /v1): python3 http_checks.py CHECK SERVER [KEY...]"""

import gzip
import http.client
import json
import socket
import sys

ORIGIN = "https://shop.example"


def ask(server, method, path, headers=None, body=None):
    connection = http.client.HTTPConnection(server, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        endless = "text/event-stream" in (answer.getheader("Content-Type") or "")
        return answer.status, answer.headers, b"" if endless else answer.read()
    finally:
        connection.close()


def key_header(key):
    return {"Authorization": f"Bearer {key}"} if key else {}


def routes_of(server, key=None):
    status, _, body = ask(server, "GET", "/v1", key_header(key))
    assert status == 200, (status, body)
    routes = json.loads(body)["routes"]
    assert len(routes) > 10, routes
    return routes


def path_of(route):
    return "/".join("x" if part.startswith("{") else part for part in route["path"].split("/"))


def body_of(route):
    return None if route["method"] in ("GET", "DELETE") else "{"


def roles(server, write, read, admin, revoked):
    """Every route by every key: 401 without a good one, 403 where its role is not enough, else neither."""
    keys = {"none": None, "revoked": revoked, "foreign": "tdm_" + "0" * 12 + "_" + "A" * 43, "write": write, "read": read, "admin": admin}
    enough = {"anyone": set(keys), "write": {"write", "admin"}, "read": {"read", "admin"}, "admin": {"admin"}}
    asked = 0
    for route in routes_of(server, admin):
        for name, key in keys.items():
            status, headers, body = ask(server, route["method"], path_of(route), key_header(key), body_of(route))
            if name in enough[route["role"]]:
                good = status not in (401, 403)
            elif name in ("none", "revoked", "foreign"):
                good = status == 401 and headers["WWW-Authenticate"].startswith("Bearer ")
            else:
                good = status == 403 and json.loads(body)["detail"].startswith(f"the key's role is {name}")
            assert good, (route, name, status, body)
            asked += 1
    seen = {route["role"] for route in routes_of(server, admin)}
    assert seen == set(enough), seen
    print(asked, "calls")


def headers(server):
    """What every answer has, whatever the route says to it."""
    for route in routes_of(server):
        status, got, body = ask(server, route["method"], path_of(route), {"X-Request-ID": "mine-1"}, body_of(route))
        where = (route, status, dict(got))
        assert got["X-Request-ID"] == "mine-1" and got["X-Content-Type-Options"] == "nosniff", where
        assert got["Cache-Control"] and got["Content-Security-Policy"], where
        if "json" in got["Content-Type"]:
            assert got["Content-Security-Policy"].startswith("default-src 'none'"), where
        if status >= 400:
            assert json.loads(body)["request_id"] == "mine-1", where
        if "/users/" in route["path"]:
            assert got["Cache-Control"] == "no-store", where
    _, got, _ = ask(server, "GET", "/healthz", {"X-Request-ID": "not \"mine\""})
    _, other, _ = ask(server, "GET", "/healthz")
    assert len({got["X-Request-ID"], other["X-Request-ID"], 'not "mine"'}) == 3, (dict(got), dict(other))


def head(server):
    """HEAD of every GET: the same status and length, no byte of a body, and the connection goes on."""
    host, port = server.rsplit(":", 1)
    for route in routes_of(server):
        if route["method"] != "GET" or "stream" in route["path"]:
            continue
        path = path_of(route)
        status, got, body = ask(server, "GET", path)
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(f"HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            all_of_it = b"".join(iter(lambda: client.recv(65536), b""))
        first, second = all_of_it.split(b"\r\n\r\n", 1)
        assert first.startswith(b"HTTP/1.1 %d " % status), (route, first)
        assert second.startswith(b"HTTP/1.1 200 OK\r\n") and second.endswith(b'{"alive":true}\n'), (route, second)
        told = {line.split(b": ")[0]: line.split(b": ")[1] for line in first.split(b"\r\n")[1:]}
        if "no-cache" in got["Cache-Control"]:  # others differ from moment to moment
            assert told[b"Content-Length"] == b"%d" % len(body), (route, first, len(body))
        streamed = "Content-Length" not in got  # an export: nobody knows its length before its end
        assert streamed or b"Content-Length" in told, (route, first)


def options(server, closed_server):
    """OPTIONS of every path: 204 and its methods; for a page of an allowed origin what a preflight asks, for others nothing."""
    for route in routes_of(server):
        path = path_of(route)
        asks = {"Origin": ORIGIN, "Access-Control-Request-Method": route["method"], "Access-Control-Request-Headers": "authorization"}
        for where, origin, allowed in ((server, ORIGIN, True), (server, "https://evil.example", False), (closed_server, ORIGIN, False)):
            status, got, body = ask(where, "OPTIONS", path, asks | {"Origin": origin})
            told = (route, where, origin, status, dict(got))
            assert status == 204 and not body and route["method"] in got["Allow"].split(", ") and "OPTIONS" in got["Allow"], told
            assert got["Access-Control-Allow-Origin"] == (origin if allowed else None), told
            assert not allowed or route["method"] in got["Access-Control-Allow-Methods"].split(", "), told
            assert not allowed or "Authorization" in got["Access-Control-Allow-Headers"], told
            assert where == closed_server or "Origin" in got["Vary"], told
            assert "Access-Control-Allow-Credentials" not in got, told
    status, got, _ = ask(server, "GET", "/healthz", {"Origin": ORIGIN})
    assert status == 200 and got["Access-Control-Allow-Origin"] == ORIGIN and "ETag" in got["Access-Control-Expose-Headers"]
    status, got, _ = ask(server, "OPTIONS", "/nosuch")
    assert status == 404, status


def encoding(server):
    """gzip only to who takes it; what is unpacked is what is sent plain; another ETag for each, and 304 for who has it."""
    status, plain, body = ask(server, "GET", "/v1/views")
    assert status == 200 and "Content-Encoding" not in plain and len(body) >= 1024 and plain["Vary"] == "Accept-Encoding"
    for accepts, packed in (("gzip", True), ("*", True), ("gzip;q=0", False), ("br", False), ("identity", False)):
        _, got, out = ask(server, "GET", "/v1/views", {"Accept-Encoding": accepts})
        assert (got["Content-Encoding"] == "gzip") == packed, (accepts, dict(got))
        assert (gzip.decompress(out) if packed else out) == body, accepts
        assert (got["ETag"] == plain["ETag"]) == (not packed), (accepts, dict(got))
        status, again, nothing = ask(server, "GET", "/v1/views", {"Accept-Encoding": accepts, "If-None-Match": got["ETag"]})
        assert status == 304 and not nothing and again["ETag"] == got["ETag"] and again["Vary"] == got["Vary"], (accepts, status)
        status, _, _ = ask(server, "GET", "/v1/views", {"Accept-Encoding": accepts, "If-None-Match": '"other"'})
        assert status == 200, status
    _, small, _ = ask(server, "GET", "/healthz", {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small, dict(small)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
