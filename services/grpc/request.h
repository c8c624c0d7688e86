/* Request messages for protobuf-c, which checks less than proto3 asks for. Its strings are char *
 * without a length, so that "a\0b" would be read as "a"; it takes bytes that are not UTF-8; and it
 * recurses as deep as a message nests. So the bytes are looked at before it sees them. */
#ifndef GW_SERVICES_GRPC_REQUEST_H
#define GW_SERVICES_GRPC_REQUEST_H

#include <protobuf-c/protobuf-c.h>

#include "base/error.h"
#include "base/slice.h"

/* Deepest nesting, protobuf's own limit (protobuf.dev/programming-guides/proto-limits). */
#define GW_REQUEST_DEPTH_MAX 100

/* 0 where no string field of the message has a NUL or is not UTF-8, at whatever depth: repeated, in
 * maps and oneofs, and in occurrences that a later one replaces. -1 with GW_INVALID_ARGUMENT, the
 * field's path and its position where one has; with GW_INTERNAL where the bytes are no such message
 * or nest too deep. Neither bytes fields nor fields that `type` does not know are looked into. */
int gw_request_check(const ProtobufCMessageDescriptor *type, struct gw_slice bytes,
                     struct gw_error *error);

/* Checks and unpacks; NULL with an error. `allocator` as protobuf_c_message_unpack takes it; NULL
 * is the heap. */
ProtobufCMessage *gw_request_unpack(const ProtobufCMessageDescriptor *type, struct gw_slice bytes,
                                    ProtobufCAllocator *allocator, struct gw_error *error);

#endif
