"""Configuration that many tests of the gateway share, and backends for it."""

import grpc

# @BACKENDS@ is the list of endpoints.
USER = """
listen: [{address: "127.0.0.1:@PORT@"}]
admin: {address: "127.0.0.1:@ADMIN@"}
workers: 2
schema: {descriptor_sets: ["@SET@"]}
upstreams:
  - name: user-service
    endpoints: @BACKENDS@
    timeout: 2s
routes:
  - annotations: user.v1.UserService
    upstream: user-service
tracing: {}
access_log: {path: "-"}
"""


def endpoints(*addresses):
    """YAML for a list of addresses, or of (address, weight)."""
    items = []
    for one in addresses:
        if isinstance(one, tuple):
            items.append(f'{{address: "{one[0]}", weight: {one[1]}}}')
        else:
            items.append(f'{{address: "{one}"}}')
    return "[" + ", ".join(items) + "]"


def user_backend(t, **more):
    """A backend whose GetUser answers a user of the id asked for."""
    methods = {"user.v1.UserService/GetUser": lambda request, context: user_answer(t, id=request.id)}
    methods.update({f"user.v1.UserService/{name}": function for name, function in more.items()})
    return t.backend(methods)


def user_answer(t, **fields):
    return t.protos.new("user.v1.GetUserResponse", user=t.protos.new("user.v1.User", **fields))


def user_gateway(t, *addresses, config=USER):
    return t.gateway(config, BACKENDS=endpoints(*addresses))


class Recorder:
    """A GetUser that keeps what came with each call."""

    def __init__(self, t):
        self._t = t
        self.metadata, self.requests, self.time_left = [], [], []
        self.initial, self.trailing = (), ()

    def __call__(self, request, context):
        self.requests.append(request)
        self.metadata.append([(one.key, one.value) for one in context.invocation_metadata()])
        self.time_left.append(context.time_remaining())
        context.send_initial_metadata(self.initial)
        context.set_trailing_metadata(self.trailing)
        return user_answer(self._t, id=request.id)

    def last(self):
        """The last call's metadata by name; a name that came twice is an error."""
        result = {}
        for name, value in self.metadata[-1]:
            if name in result:
                raise AssertionError(f"{name} came twice: {self.metadata[-1]}")
            result[name] = value
        return result


def fail(code, message, details=None):
    """A method that fails."""

    def method(_, context):
        if details is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(code, message)

    return method


OK = grpc.StatusCode.OK
