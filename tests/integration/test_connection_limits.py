"""Clients that come too often: limits on connections, of all and of one address."""

import harness
from certificates import Authority
from gateway_config import USER, user_backend, user_gateway
from harness import expect, expect_equal, wait_for

GET = b"GET /v1/users/1 HTTP/1.1\r\nHost: x\r\n\r\n"


def client_from(port, address):
    """A connection from another address of the loopback."""
    return harness.socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(address, 0))


def is_served(connection):
    try:
        connection.sendall(GET)
        return connection.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def test_an_address_has_only_so_many_connections(t):
    gateway = user_gateway(t, user_backend(t).address, config=USER + "limits: {connections_per_address: 5}\n")
    mine = [client_from(gateway.port, "127.0.0.2") for _ in range(20)]
    served = [connection for connection in mine if is_served(connection)]
    expect_equal(len(served), 5, "connections of one address")
    expect(is_served(client_from(gateway.port, "127.0.0.3")), "another address is served")
    expect_equal(gateway.metrics().value("http_limits_total", limit="connections_per_address"), 15)
    expect_equal(gateway.metrics().value("http_connections_rejected_total"), 15)
    for connection in served[:3]:
        connection.close()
    wait_for("places", lambda: is_served(client_from(gateway.port, "127.0.0.2")))
    for connection in mine:
        connection.close()


def test_places_come_back_however_a_connection_ends(t):
    authority = Authority(t)
    certificate, key = authority.issue("server", "DNS:localhost")
    config = USER.replace('PORT@"}', f'PORT@", tls: {{certificate: {certificate}, key: {key}}}}}')
    config += "limits: {connections_per_address: 3, handshake_timeout: 300ms, header_timeout: 300ms}\n"
    gateway = user_gateway(t, user_backend(t).address, config=config)
    context = harness.ssl.create_default_context(cafile=authority.certificate)

    def served():
        try:
            with harness.RawClient(gateway.port, tls=context) as client:
                client.send(GET)
                return client.response().status == 200
        except OSError:
            return False

    for ending in b"garbage", b"\x16", b"":
        others = [harness.socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(3)]
        for connection in others:
            connection.sendall(ending)
        wait_for(f"a place after {ending}", served)
        for connection in others:
            connection.close()
    for _ in range(30):
        expect(served() or wait_for("a place", served), "served")


def test_a_trusted_proxy_brings_as_many_as_it_likes(t):
    config = USER + "limits: {connections_per_address: 2}\ntrusted_proxies: [127.0.0.2]\n"
    gateway = user_gateway(t, user_backend(t).address, config=config)
    connections = [client_from(gateway.port, "127.0.0.2") for _ in range(20)]
    expect_equal(sum(map(is_served, connections)), 20, "connections of the proxy")
    others = [client_from(gateway.port, "127.0.0.3") for _ in range(5)]
    expect_equal(sum(map(is_served, others)), 2, "connections of another")
    for connection in connections + others:
        connection.close()
