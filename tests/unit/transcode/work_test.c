/* The work of the codec grows as its input does: each input here is written at one size and at four
 * times that, and the larger may take little more than its share. Work is counted, not timed: the
 * basic blocks that the codec goes through, which the compiler announces one by one, and the bytes
 * that it has the C library look at or move. A busy machine changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "codec.h"

#define SMALL_BYTES ((size_t)64 << 10)
#define GROWTH 4
/* What sorts takes a little more than its share. */
#define TOLERANCE 1.3

/* --- steps --- */

/* Of the C library, which looks at several bytes in the time of a basic block. */
#define BYTES_PER_STEP 16

static uint64_t steps;

static void count_bytes(size_t n)
{
    steps += 1 + n / BYTES_PER_STEP;
}

/* Called at each basic block of what is compiled for it. */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    steps++;
}

void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n)
{
    count_bytes(n);
    return __real_memcpy(to, from, n);
}

void *__real_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n)
{
    count_bytes(n);
    return __real_memmove(to, from, n);
}

void *__real_memset(void *to, int byte, size_t n);
void *__wrap_memset(void *to, int byte, size_t n);
void *__wrap_memset(void *to, int byte, size_t n)
{
    count_bytes(n);
    return __real_memset(to, byte, n);
}

void *__real_memchr(const void *in, int byte, size_t n);
void *__wrap_memchr(const void *in, int byte, size_t n);
void *__wrap_memchr(const void *in, int byte, size_t n)
{
    void *found = __real_memchr(in, byte, n);
    count_bytes(found != NULL ? (size_t)((const char *)found - (const char *)in) : n);
    return found;
}

int __real_memcmp(const void *a, const void *b, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n)
{
    count_bytes(n);
    return __real_memcmp(a, b, n);
}

size_t __real_strlen(const char *text);
size_t __wrap_strlen(const char *text);
size_t __wrap_strlen(const char *text)
{
    size_t n = __real_strlen(text);
    count_bytes(n);
    return n;
}

/* --- inputs --- */

struct input {
    const char *name, *type;
    bool is_json;
    /* Of about so many bytes. */
    void (*write)(struct gw_buf *out, size_t bytes);
    bool is_refused;
};

static void convert(const struct input *input, struct gw_slice in)
{
    struct gw_error error;
    gw_pool scratch;
    h2o_mem_init_pool(&scratch);
    struct gw_buf out = GW_BUF_HEAP;
    int rc =
        input->is_json
            ? gw_json_to_wire(schema, message(input->type), &options, in, &scratch, &out, &error)
            : gw_wire_to_json(schema, message(input->type), &options, in, &scratch, &out, &error);
    if ((rc != 0) != input->is_refused)
        fail_msg("%s: %s", input->name, rc != 0 ? error.message : "not refused");
    gw_buf_dispose(&out);
    h2o_mem_clear_pool(&scratch);
}

static uint64_t count_steps(const struct input *input, size_t bytes)
{
    struct gw_buf in = GW_BUF_HEAP;
    input->write(&in, bytes);
    steps = 0;
    convert(input, gw_buf_slice(&in));
    uint64_t counted = steps;
    assert_true(counted > bytes / BYTES_PER_STEP); /* else nothing was counted */
    gw_buf_dispose(&in);
    return counted;
}

static void expect_linear(const struct input *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t small = count_steps(&inputs[i], SMALL_BYTES);
        uint64_t large = count_steps(&inputs[i], GROWTH * SMALL_BYTES);
        if ((double)large > TOLERANCE * GROWTH * (double)small)
            fail_msg("%s: %llu steps, and %llu for %d times as much", inputs[i].name,
                     (unsigned long long)small, (unsigned long long)large, GROWTH);
    }
}

/* --- JSON --- */

static void repeat(struct gw_buf *out, size_t bytes, const char *before, const char *piece,
                   const char *after)
{
    gw_buf_append(out, gw_slice_str(before));
    for (size_t first = out->len; out->len < bytes;) {
        if (out->len > first)
            gw_buf_append_byte(out, ',');
        gw_buf_append(out, gw_slice_str(piece));
    }
    gw_buf_append(out, gw_slice_str(after));
}

static void fill(struct gw_buf *out, size_t bytes, char byte)
{
    while (out->len < bytes)
        gw_buf_append_byte(out, byte);
}

/* `"@type"` behind what is within, at each level. */
static void nest_anys(struct gw_buf *out, size_t bytes, int depth)
{
    gw_buf_append(out, GW_SLICE("{\"any\":"));
    for (int i = 0; i < depth; i++)
        gw_buf_append(out, GW_SLICE("{\"any\":"));
    gw_buf_append(out, GW_SLICE("{\"@type\":\"t/test.v1.WellKnown\",\"values\":["));
    for (bool is_comma = false; out->len < bytes; is_comma = true)
        gw_buf_append(out, is_comma ? GW_SLICE(",{\"a\":[1]}") : GW_SLICE("{\"a\":[1]}"));
    gw_buf_append(out, GW_SLICE("]}"));
    for (int i = 0; i < depth; i++)
        gw_buf_append(out, GW_SLICE(",\"@type\":\"t/test.v1.WellKnown\"}"));
    gw_buf_append_byte(out, '}');
}

static void anys_with_type_last(struct gw_buf *out, size_t bytes)
{
    nest_anys(out, bytes, 40);
}

static void one_any(struct gw_buf *out, size_t bytes)
{
    nest_anys(out, bytes, 0);
}

static void many_anys_with_type_last(struct gw_buf *out, size_t bytes)
{
    repeat(out, bytes, "{\"anys\":[",
           "{\"anys\":[{\"value\":\"1s\",\"@type\":\"t/google.protobuf.Duration\"}],"
           "\"@type\":\"t/test.v1.WellKnown\"}",
           "]}");
}

static void map_keys(struct gw_buf *out, size_t bytes)
{
    gw_buf_append(out, GW_SLICE("{\"stringToString\":{"));
    for (unsigned i = 0; out->len < bytes; i++)
        gw_buf_printf(out, "%s\"k%u\":\"\"", i > 0 ? "," : "", i);
    gw_buf_append(out, GW_SLICE("}}"));
}

static void field_mask(struct gw_buf *out, size_t bytes)
{
    gw_buf_append(out, GW_SLICE("{\"fieldMask\":\"a"));
    while (out->len < bytes)
        gw_buf_append(out, GW_SLICE(",userName.b"));
    gw_buf_append(out, GW_SLICE("\"}"));
}

static void long_number(struct gw_buf *out, size_t bytes)
{
    gw_buf_append(out, GW_SLICE("{\"doubleValue\":1."));
    fill(out, bytes, '7');
    gw_buf_append_byte(out, '}');
}

static void long_quoted_number(struct gw_buf *out, size_t bytes)
{
    gw_buf_append(out, GW_SLICE("{\"int64Value\":\""));
    fill(out, bytes, '0');
    gw_buf_append(out, GW_SLICE("1\"}"));
}

static void numbers(struct gw_buf *out, size_t bytes)
{
    repeat(out, bytes, "{\"doubleValues\":[", "2.2250738585072011e-308", "]}");
}

static void escapes(struct gw_buf *out, size_t bytes)
{
    gw_buf_append(out, GW_SLICE("{\"stringValue\":\""));
    while (out->len < bytes)
        gw_buf_append(out, GW_SLICE("\\ud83d\\ude00\\n"));
    gw_buf_append(out, GW_SLICE("\"}"));
}

static void base64(struct gw_buf *out, size_t bytes)
{
    gw_buf_append(out, GW_SLICE("{\"bytesValue\":\""));
    while (out->len < bytes)
        gw_buf_append(out, GW_SLICE("-_8A"));
    gw_buf_append(out, GW_SLICE("\"}"));
}

static void enums(struct gw_buf *out, size_t bytes)
{
    repeat(out, bytes, "{\"colors\":[", "\"COLOR_NEGATIVE\"", "]}");
}

static void structs(struct gw_buf *out, size_t bytes)
{
    repeat(out, bytes, "{\"value\":[", "{\"a\":{\"b\":[[],{}]}}", "]}");
}

static void deep_lists(struct gw_buf *out, size_t bytes)
{
    gw_buf_append(out, GW_SLICE("{\"values\":["));
    for (bool is_comma = false; out->len < bytes; is_comma = true)
        gw_buf_append(out, is_comma ? GW_SLICE(",[[[[[[[[[[]]]]]]]]]]")
                                    : GW_SLICE("[[[[[[[[[[]]]]]]]]]]"));
    gw_buf_append(out, GW_SLICE("]}"));
}

static void a_tree_around_a_text(struct gw_buf *out, size_t bytes)
{
    for (int i = 0; i < 90; i++)
        gw_buf_append(out, GW_SLICE("{\"left\":"));
    gw_buf_append(out, GW_SLICE("{\"name\":\""));
    fill(out, bytes, 'x');
    gw_buf_append(out, GW_SLICE("\"}"));
    fill(out, out->len + 90, '}');
}

static void white_space(struct gw_buf *out, size_t bytes)
{
    fill(out, bytes, ' ');
    gw_buf_append(out, GW_SLICE("{}"));
}

static void an_unknown_field(struct gw_buf *out, size_t bytes)
{
    gw_buf_append(out, GW_SLICE("{\""));
    fill(out, bytes, 'x');
    gw_buf_append(out, GW_SLICE("\":1}"));
}

static void an_error_at_the_end(struct gw_buf *out, size_t bytes)
{
    repeat(out, bytes, "{\"stringValues\":[\n", "\"\"\n", ",5]}");
}

static void json_takes_no_more_than_its_share(void **state)
{
    (void)state;
    static const struct input inputs[] = {
        {"Any in Any, type last", "test.v1.WellKnown", true, anys_with_type_last},
        {"many Anys, type last", "test.v1.WellKnown", true, many_anys_with_type_last},
        {"map keys", "test.v1.Maps", true, map_keys},
        {"field mask", "test.v1.WellKnown", true, field_mask},
        {"a long number", "test.v1.Scalars", true, long_number, .is_refused = true},
        {"a long quoted number", "test.v1.Scalars", true, long_quoted_number, .is_refused = true},
        {"numbers", "test.v1.Repeated", true, numbers},
        {"escapes", "test.v1.Scalars", true, escapes},
        {"base64", "test.v1.Scalars", true, base64},
        {"enums", "test.v1.Repeated", true, enums},
        {"structs", "test.v1.WellKnown", true, structs},
        {"lists in lists", "test.v1.WellKnown", true, deep_lists},
        {"a tree around a text", "test.v1.Tree", true, a_tree_around_a_text},
        {"white space", "test.v1.Scalars", true, white_space},
        {"an unknown field", "test.v1.Scalars", true, an_unknown_field, .is_refused = true},
        {"an error at the end", "test.v1.Repeated", true, an_error_at_the_end, .is_refused = true},
    };
    expect_linear(inputs, sizeof(inputs) / sizeof(*inputs));
}

/* The same text, nested 40 times and not at all, takes about the same. */
static void the_depth_of_anys_does_not_multiply_the_work(void **state)
{
    (void)state;
    static const struct input flat = {"", "test.v1.WellKnown", true, one_any};
    static const struct input nested = {"", "test.v1.WellKnown", true, anys_with_type_last};
    uint64_t of_flat = count_steps(&flat, GROWTH * SMALL_BYTES);
    uint64_t of_nested = count_steps(&nested, GROWTH * SMALL_BYTES);
    if (of_nested > 3 * of_flat)
        fail_msg("%llu steps, without nesting %llu", (unsigned long long)of_nested,
                 (unsigned long long)of_flat);
}

/* --- wire --- */

static void repeat_wire(struct gw_buf *out, size_t bytes, const char *hexadecimal)
{
    struct gw_slice piece = unhex(hexadecimal);
    while (out->len < bytes)
        gw_buf_append(out, piece);
}

static void nest_wire(struct gw_buf *out, size_t bytes, uint32_t number, int depth,
                      const char *hexadecimal)
{
    repeat_wire(out, bytes, hexadecimal);
    for (int i = 0; i < depth; i++) {
        struct gw_buf around = GW_BUF_HEAP;
        gw_wire_append_bytes_field(&around, number, gw_buf_slice(out));
        gw_buf_dispose(out);
        *out = around;
    }
}

static void wire_enums(struct gw_buf *out, size_t bytes)
{
    nest_wire(out, bytes, 16, 1, "02");
}

static void wire_apart(struct gw_buf *out, size_t bytes)
{
    repeat_wire(out, bytes, "1801 2001");
}

static void wire_oneofs(struct gw_buf *out, size_t bytes)
{
    repeat_wire(out, bytes, "0801 1201 61 2202 1801");
}

static void wire_map_keys(struct gw_buf *out, size_t bytes)
{
    for (uint64_t i = 0; out->len < bytes; i++) {
        struct gw_buf entry = GW_BUF_HEAP;
        gw_wire_append_varint_field(&entry, 1, i * 4096);
        gw_wire_append_bytes_field(out, 2, gw_buf_slice(&entry));
        gw_buf_dispose(&entry);
    }
}

static void wire_one_map_key(struct gw_buf *out, size_t bytes)
{
    repeat_wire(out, bytes, "0a03 0a01 61");
}

static void wire_entry_in_pieces(struct gw_buf *out, size_t bytes)
{
    nest_wire(out, bytes, 9, 1, "1202 1801");
}

static void wire_message_in_pieces(struct gw_buf *out, size_t bytes)
{
    repeat_wire(out, bytes, "1204 0a02 6161");
}

static void wire_unknown(struct gw_buf *out, size_t bytes)
{
    repeat_wire(out, bytes, "f87f01 fb7f fc7f");
}

static void wire_values(struct gw_buf *out, size_t bytes)
{
    nest_wire(out, bytes, 6, 1, "0a02 0800");
}

static void wire_field_mask(struct gw_buf *out, size_t bytes)
{
    nest_wire(out, bytes, 3, 1, "0a01 61");
}

static void wire_tree(struct gw_buf *out, size_t bytes)
{
    nest_wire(out, bytes, 2, 90, "0a00");
}

static void messages_take_no_more_than_their_share(void **state)
{
    (void)state;
    static const struct input inputs[] = {
        {"enums", "test.v1.Repeated", false, wire_enums},
        {"fields that come back", "test.v1.Scalars", false, wire_apart},
        {"oneofs", "test.v1.Choice", false, wire_oneofs},
        {"map keys", "test.v1.Maps", false, wire_map_keys},
        {"one map key", "test.v1.Maps", false, wire_one_map_key},
        {"a map's entry in pieces", "test.v1.Maps", false, wire_entry_in_pieces},
        {"a message in pieces", "test.v1.Tree", false, wire_message_in_pieces},
        {"unknown fields and groups", "test.v1.Scalars", false, wire_unknown},
        {"values", "test.v1.WellKnown", false, wire_values},
        {"field mask", "test.v1.WellKnown", false, wire_field_mask},
        {"a tree", "test.v1.Tree", false, wire_tree},
    };
    expect_linear(inputs, sizeof(inputs) / sizeof(*inputs));
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    codec_load_schema(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_takes_no_more_than_its_share, codec_setup,
                                        codec_teardown),
        cmocka_unit_test_setup_teardown(the_depth_of_anys_does_not_multiply_the_work, codec_setup,
                                        codec_teardown),
        cmocka_unit_test_setup_teardown(messages_take_no_more_than_their_share, codec_setup,
                                        codec_teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_schema_destroy(schema);
    return failed;
}
