/* Descriptor sets written as protobuf's text form, so that a test can say what no compiler would
 * write. protoc turns the text into bytes; it knows descriptor.proto, and raw_http.proto. */
#ifndef GW_TESTS_SCHEMA_SET_TEXT_H
#define GW_TESTS_SCHEMA_SET_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "schema/schema.h"

static const char *build_root;

/* On the heap; the caller disposes. */
static inline struct gw_buf set_encode(const char *text)
{
    char path[] = "/tmp/set_text_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    char command[8192];
    snprintf(command, sizeof(command),
             "protoc --descriptor_set_in=%s/tests/unit/schema/raw_http.binpb "
             "--encode=google.protobuf.FileDescriptorSet raw_http.proto < %s",
             build_root, path);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    struct gw_buf bytes = GW_BUF_HEAP;
    for (size_t n; (n = fread(gw_buf_reserve(&bytes, 4096), 1, 4096, out)) > 0;)
        bytes.len += n;
    int status = pclose(out);
    unlink(path);
    assert_int_equal(status, 0);
    return bytes;
}

/* Loads sets named "a.binpb", "b.binpb" ... */
static inline struct gw_schema *set_load(const char *const *texts, size_t count,
                                         struct gw_error *error)
{
    static const char *const names[] = {"a.binpb", "b.binpb"};
    struct gw_buf bytes[2];
    struct gw_schema_source sources[2];
    assert_true(count <= 2);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = set_encode(texts[i]);
        sources[i] = (struct gw_schema_source){gw_buf_slice(&bytes[i]), names[i]};
    }
    struct gw_schema *schema = gw_schema_load(sources, count, error);
    for (size_t i = 0; i < count; i++)
        gw_buf_dispose(&bytes[i]);
    return schema;
}

static inline struct gw_schema *set_accepted(const char *text)
{
    struct gw_error error = {0};
    struct gw_schema *schema = set_load(&text, 1, &error);
    if (schema == NULL)
        fail_msg("%s", error.message);
    return schema;
}

static inline void set_refused(const char *text, const char *message)
{
    struct gw_error error = {0};
    assert_null(set_load(&text, 1, &error));
    assert_string_equal(error.message, message);
    assert_int_equal(error.status, GW_INVALID_ARGUMENT);
}

#endif
