"""A server by grpcio for the client's tests: methods on bytes. Prints its port; ends when stdin does."""

import sys
import threading
from concurrent import futures

import grpc

lock = threading.Lock()
seen = {"cancelled": 0, "yielded": 0}


def echo(request, context):
    metadata = context.invocation_metadata()
    context.send_initial_metadata([(k, v) for k, v in metadata if k.startswith("x-")])
    context.set_trailing_metadata([("x-tail", "t"), ("x-tail-bin", b"\x00\x01\x02")])
    return request


def fail(request, context):
    context.set_trailing_metadata([("grpc-status-details-bin", b"\x08\x05\x12\x02no"), ("x-tail", "t")])
    context.abort(grpc.StatusCode.NOT_FOUND, "no \u00e9t\u00e9 100%")


def remaining(request, context):
    return str(context.time_remaining()).encode()


def sleep(request, context):
    done = threading.Event()
    context.add_callback(done.set)
    done.wait(20)
    with lock:
        seen["cancelled"] += 1
    return b""


def count(request, context):
    number, size = map(int, request.split())
    with lock:
        seen["yielded"] = 0
    for i in range(number):
        with lock:
            seen["yielded"] += 1
        yield b"%08d" % i + b"." * (size - 8)


def look(request, context):
    with lock:
        return str(seen[request.decode()]).encode()


def collect(requests, context):
    messages = list(requests)
    return b"%d %d" % (len(messages), sum(map(len, messages)))


def chat(requests, context):
    for request in requests:
        yield request.upper()


def big(request, context):
    return b"b" * int(request)


HANDLERS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Remaining": grpc.unary_unary_rpc_method_handler(remaining),
    "Sleep": grpc.unary_unary_rpc_method_handler(sleep),
    "Look": grpc.unary_unary_rpc_method_handler(look),
    "Big": grpc.unary_unary_rpc_method_handler(big),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}


def main():
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16),
        options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.v1.Test", HANDLERS)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0)


main()
