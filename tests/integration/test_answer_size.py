"""What answers take: JSON that is much larger than its message has a bound; the memory of all answers that their
clients do not take has one, of a connection and of the process. A Beside goes on meanwhile."""

import time

import feed
import h2
import harness
from beside import MIB, Beside
from gateway_config import USER, endpoints, user_answer
from harness import expect, expect_equal, expect_error, expect_within, wait_for
from websocket import WebSocket

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]
