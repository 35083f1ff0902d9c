"""What test_proxy sends through nginx: python3 proxy_checks.py CHECK PORT KEY"""

import http.client
import json
import socket
import ssl
import sys
import time


def connect(port):
    context = ssl.create_default_context(cafile=sys.argv[4])
    return context.wrap_socket(socket.create_connection(("127.0.0.1", int(port)), timeout=20), server_hostname="localhost")


def said(port, request):
    """All that is answered to these bytes, until the proxy closes or is silent for a second."""
    out = b""
    with connect(port) as client:
        client.sendall(request)
        client.settimeout(1)
        try:
            while more := client.recv(65536):
                out += more
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
    return out


def smuggle(port, key):
    """Requests of which two readers may find different ends: the second one, which deletes, is never carried out."""
    inner = f"DELETE /v1/users/smuggled HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n".encode()
    chunk = b"0\r\n\r\n" + inner
    head = f"POST /v1/views/read HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n".encode()
    attempts = {
        "length and chunks": head + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(chunk) + chunk,
        "chunks and length": head + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % len(chunk) + chunk,
        "two lengths": head + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner,
        "one length of two": head + b"Content-Length: 0, %d\r\n\r\n" % len(inner) + inner,
        "a length with a sign": head + b"Content-Length: +%d\r\n\r\n" % len(inner) + inner,
        "no such coding": head + b"Transfer-Encoding: xchunked\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner,
        "a space before the colon": head + b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n\r\n" % len(chunk) + chunk,
        "a space before the length's": head + b"Content-Length : %d\r\n\r\n" % len(inner) + inner,
        "a tab in the coding": head + b"Transfer-Encoding:\x0bchunked\r\nContent-Length: %d\r\n\r\n" % len(chunk) + chunk,
        "a folded coding": head + b"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % len(chunk) + chunk,
        "an underscore": head + b"Content_Length: 0\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner,
        "a zero byte": head + b"X: a\x00\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner,
        "a bare LF": head + b"X: y\nContent-Length: %d\r\n\r\n" % len(inner) + inner,
        "a head with a body": head.replace(b"POST /v1/views/read", b"HEAD /v1/views") + b"Content-Length: %d\r\n\r\n" % len(inner) + inner,
        "in a header": head + b"X: y\r\rDELETE /v1/users/smuggled HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    }
    for name, request in attempts.items():
        out = said(port, request)
        assert out.count(b"HTTP/1.1 ") == 1 and not out.startswith(b"HTTP/1.1 202"), (name, out)
        assert b'"event_id"' not in out, (name, out)
    assert said(port, inner).startswith(b"HTTP/1.1 202 "), "the request itself is a good one"
    print(len(attempts), "attempts")


def keep_alive(port, key):
    """Many requests over one TLS connection; a chunked body is sent on with its length."""
    context = ssl.create_default_context(cafile=sys.argv[4])
    connection = http.client.HTTPSConnection("localhost", int(port), context=context, timeout=20)
    for i in range(50):
        connection.request("GET", "/v1/views", headers={"X-API-Key": key, "X-Request-ID": f"through-{i}"})
        answer = connection.getresponse()
        assert answer.status == 200 and json.load(answer)["views"] and answer.headers["X-Request-ID"] == f"through-{i}"
        assert answer.headers["Strict-Transport-Security"] and answer.headers["X-Content-Type-Options"] == "nosniff"
    event = b'{"type":"view","user":"chunked","item":"i"}'
    connection.request("POST", "/v1/events", body=iter([event[:9], event[9:]]), headers={"X-API-Key": key}, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 202 and json.load(answer)["accepted"] == 1


def cancel(port, key):
    """Clients that go away while their posts wait."""
    event = b'{"type":"view","user":"cancelled","item":"i"}'
    head = f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: {len(event)}\r\n\r\n".encode()
    for _ in range(20):
        with connect(port) as client:
            client.sendall(head + event)
            time.sleep(0.05)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:4])
