/* Sources and files: what is refused before anything is linked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "set_text.h"

static struct gw_schema *load_bytes(const void *bytes, size_t len, struct gw_error *error)
{
    struct gw_schema_source source = {gw_slice(bytes, len), "a.binpb"};
    return gw_schema_load(&source, 1, error);
}

static void put_field(struct gw_buf *out, int number, struct gw_slice bytes)
{
    gw_buf_append_byte(out, (char)(number << 3 | 2));
    size_t n = bytes.len;
    for (; n > 0x7f; n >>= 7)
        gw_buf_append_byte(out, (char)(n | 0x80));
    gw_buf_append_byte(out, (char)n);
    gw_buf_append(out, bytes);
}

static void no_source_is_an_empty_schema(void **state)
{
    (void)state;
    struct gw_schema *schema = gw_schema_load(NULL, 0, NULL);
    assert_non_null(schema);
    assert_int_equal(gw_schema_method_count(schema), 0);
    assert_null(gw_schema_message(schema, GW_SLICE("a.B")));
    gw_schema_destroy(schema);
    gw_schema_destroy(NULL);
}

static void bytes_that_are_no_set_are_refused_with_their_place(void **state)
{
    (void)state;
    struct gw_error error;
    assert_null(load_bytes("", 0, &error));
    assert_string_equal(error.message, "a.binpb: empty, not a descriptor set");
    assert_null(load_bytes("{\"file\": []}", 12, &error));
    assert_string_equal(error.message,
                        "a.binpb: not a serialised google.protobuf.FileDescriptorSet (byte 0)");
    assert_int_equal(error.position, 0);
    /* A field that is no file, then a file longer than the set. */
    assert_null(load_bytes("\x10\x01\x0a\x05\x0a\x01", 6, &error));
    assert_string_equal(error.message,
                        "a.binpb: not a serialised google.protobuf.FileDescriptorSet (byte 2)");
    /* A number where the file should be. */
    assert_null(load_bytes("\x08\x01", 2, &error));
    assert_int_equal(error.position, 0);
    /* A file in which a string is a number. */
    assert_null(load_bytes("\x0a\x02\x08\x01", 4, &error));
    assert_int_equal(error.status, GW_INVALID_ARGUMENT);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct gw_buf set = set_encode("file {name: 'a.proto' syntax: 'proto3' package: 'p'"
                                   "  message_type {name: 'M' field {name: 'f' number: 1 type: "
                                   "TYPE_STRING options {packed: false}}}}");
    for (size_t len = 0; len < set.len; len++) {
        char *exact = malloc(len + 1);
        memcpy(exact, set.base, len);
        assert_null(load_bytes(exact, len, NULL));
        free(exact);
    }
    gw_buf_dispose(&set);
}

static void a_set_over_64_mib_is_refused(void **state)
{
    (void)state;
    size_t limit = (size_t)64 << 20;
    /* One field, unknown to FileDescriptorSet: up to the limit it is skipped. */
    char *bytes = calloc(1, limit + 1);
    memcpy(bytes, "\x12\xfb\xff\xff\x1f", 5);
    struct gw_error error;
    struct gw_schema *schema = load_bytes(bytes, limit, &error);
    assert_non_null(schema);
    gw_schema_destroy(schema);
    assert_null(load_bytes(bytes, limit + 1, &error));
    assert_string_equal(error.message, "a.binpb: larger than 64 MiB");
    free(bytes);
}

/* Two bytes each that protobuf-c would make 200 of. */
static void a_set_that_grows_too_much_is_refused(void **state)
{
    (void)state;
    struct gw_buf file = GW_BUF_HEAP, set = GW_BUF_HEAP;
    gw_buf_append(&file, GW_SLICE("\x0a\x01x"));
    for (int i = 0; i < 100000; i++)
        gw_buf_append(&file, GW_SLICE("\x22\x00"));
    put_field(&set, 1, gw_buf_slice(&file));
    struct gw_error error;
    assert_null(load_bytes(set.base, set.len, &error));
    assert_string_equal(error.message, "a.binpb: too large when unpacked");
    gw_buf_dispose(&file);
    gw_buf_dispose(&set);
}

/* Messages called M, each in the one before. */
static struct gw_schema *load_nested(int depth, struct gw_error *error)
{
    struct gw_buf message = GW_BUF_HEAP, file = GW_BUF_HEAP, set = GW_BUF_HEAP;
    put_field(&message, 1, GW_SLICE("M"));
    for (int i = 1; i < depth; i++) {
        struct gw_buf outer = GW_BUF_HEAP;
        put_field(&outer, 1, GW_SLICE("M"));
        put_field(&outer, 3, gw_buf_slice(&message));
        gw_buf_dispose(&message);
        message = outer;
    }
    put_field(&file, 1, GW_SLICE("a.proto"));
    put_field(&file, 4, gw_buf_slice(&message));
    put_field(&set, 1, gw_buf_slice(&file));
    struct gw_schema *schema = load_bytes(set.base, set.len, error);
    gw_buf_dispose(&message);
    gw_buf_dispose(&file);
    gw_buf_dispose(&set);
    return schema;
}

static void messages_nest_a_hundred_deep(void **state)
{
    (void)state;
    struct gw_error error;
    struct gw_schema *schema = load_nested(100, &error);
    assert_non_null(schema);
    assert_non_null(gw_schema_message(schema, GW_SLICE("M.M.M.M.M")));
    gw_schema_destroy(schema);
    assert_null(load_nested(101, &error));
    assert_string_equal(error.message, "a.binpb: messages nested deeper than 100");
    assert_null(load_nested(10000, &error));
    assert_string_equal(error.message, "a.binpb: messages nested deeper than 100");
}

static void a_missing_import_is_named_with_the_file_and_the_source(void **state)
{
    (void)state;
    set_refused("file {name: 'order.proto' dependency: 'user.proto'}",
                "a.binpb: order.proto imports user.proto, which the set lacks; compile with "
                "--include_imports");
    const char *const texts[] = {"file {name: 'user.proto'}",
                                 "file {name: 'order.proto' dependency: ['user.proto', 'x']}"};
    struct gw_error error;
    assert_null(set_load(texts, 2, &error));
    assert_string_equal(error.message, "b.binpb: order.proto imports x, which none of the sets "
                                       "has; compile with --include_imports");
}

static void an_import_may_come_from_another_set(void **state)
{
    (void)state;
    const char *const texts[] = {
        "file {name: 'order.proto' dependency: 'user.proto' message_type {name: 'Order'"
        "  field {name: 'user' number: 1 type: TYPE_MESSAGE type_name: '.User'}}}",
        "file {name: 'user.proto' message_type {name: 'User'}}"};
    struct gw_error error;
    struct gw_schema *schema = set_load(texts, 2, &error);
    assert_non_null(schema);
    assert_ptr_equal(gw_schema_message(schema, GW_SLICE("Order"))->fields[0].message,
                     gw_schema_message(schema, GW_SLICE("User")));
    gw_schema_destroy(schema);
}

static void the_same_file_twice_counts_once(void **state)
{
    (void)state;
    const char *const texts[] = {
        "file {name: 'a.proto' message_type {name: 'M'}}",
        "file {name: 'a.proto' message_type {name: 'M'} source_code_info {location {path: 4}}}"};
    struct gw_error error;
    struct gw_schema *schema = set_load(texts, 2, &error);
    assert_non_null(schema);
    gw_schema_destroy(schema);
}

static void two_different_files_of_one_name_are_refused(void **state)
{
    (void)state;
    const char *const texts[] = {"file {name: 'a.proto' message_type {name: 'M'}}",
                                 "file {name: 'a.proto' message_type {name: 'N'}}"};
    struct gw_error error;
    assert_null(set_load(texts, 2, &error));
    assert_string_equal(error.message,
                        "b.binpb: a.proto: differs from the file of that name in a.binpb");
}

static void of_protobufs_own_files_the_first_counts(void **state)
{
    (void)state;
    const char *const texts[] = {"file {name: 'google/protobuf/x.proto' message_type {name: 'M'}}",
                                 "file {name: 'google/protobuf/x.proto' message_type {name: 'N'}}"};
    struct gw_error error;
    struct gw_schema *schema = set_load(texts, 2, &error);
    assert_non_null(schema);
    assert_non_null(gw_schema_message(schema, GW_SLICE("M")));
    assert_null(gw_schema_message(schema, GW_SLICE("N")));
    gw_schema_destroy(schema);
}

static void file_names_are_printable(void **state)
{
    (void)state;
    static const char *const files[] = {"file {}", "file {name: ''}", "file {name: '\\n'}",
                                        "file {name: '\\377'}"};
    for (size_t i = 0; i < 4; i++)
        set_refused(files[i], "a.binpb: a file whose name is missing or not UTF-8 text");
    set_refused("file {name: 'a.proto' dependency: '\\x1b'}",
                "a.binpb: a.proto: an import that is not UTF-8 text");
}

static void other_syntaxes_are_refused_by_name(void **state)
{
    (void)state;
    set_refused(
        "file {name: 'a.proto' syntax: 'editions'}",
        "a.binpb: a.proto: its syntax is \"editions\"; \"proto2\" and \"proto3\" are known");
    set_refused("file {name: 'a.proto' syntax: '\\n'}",
                "a.binpb: a.proto: its syntax is \"?\"; \"proto2\" and \"proto3\" are known");
}

static void packages_and_definitions_have_names(void **state)
{
    (void)state;
    static const char *const packages[] = {"a..b", ".a", "a.", "1", "a b", "\\303\\251"};
    for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "file {name: 'a.proto' package: '%s'}", packages[i]);
        set_refused(text, "a.binpb: a.proto: its package is not a name");
    }
    static const char *const names[] = {"message_type {}", "enum_type {}", "service {}",
                                        "message_type {name: 'a.b'}", "message_type {name: '9'}"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "file {name: 'a.proto' package: 'p.q' %s}", names[i]);
        set_refused(text, "a.binpb: a.proto: a definition in \"p.q\" has no valid name");
    }
}

static void a_name_has_at_most_255_bytes(void **state)
{
    (void)state;
    char name[257], text[400];
    memset(name, 'm', sizeof(name));
    name[255] = '\0';
    snprintf(text, sizeof(text), "file {name: 'a.proto' message_type {name: '%s'}}", name);
    struct gw_schema *schema = set_accepted(text);
    assert_non_null(gw_schema_message(schema, gw_slice(name, 255)));
    gw_schema_destroy(schema);
    name[255] = 'm';
    name[256] = '\0';
    snprintf(text, sizeof(text), "file {name: 'a.proto' message_type {name: '%s'}}", name);
    set_refused(text, "a.binpb: a.proto: a definition in \"\" has no valid name");
}

static void a_full_name_has_at_most_1023_bytes(void **state)
{
    (void)state;
    char package[1024], text[2048];
    for (size_t i = 0; i < sizeof(package) - 1; i++)
        package[i] = i % 128 == 127 ? '.' : 'p';
    package[1021] = '\0';
    static const char format[] = "file {name: 'a.proto' package: '%s' message_type {name: '%s'}}";
    snprintf(text, sizeof(text), format, package, "M");
    gw_schema_destroy(set_accepted(text));
    snprintf(text, sizeof(text), format, package, "MM");
    set_refused(text, "a.binpb: a.proto: the full name of MM is too long");
}

/* A set of one file with `count` empty services, or one service with `count` methods. */
static void load_many(int count, bool are_methods, struct gw_error *error)
{
    struct gw_buf many = GW_BUF_HEAP, file = GW_BUF_HEAP, set = GW_BUF_HEAP;
    if (are_methods)
        put_field(&many, 1, GW_SLICE("S"));
    for (int i = 0; i < count; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "\x0a\x07n%06x%s", (unsigned)i,
                           are_methods ? "\x12\x02.M\x1a\x02.M" : "");
        put_field(&many, are_methods ? 2 : 6, gw_slice(text, (size_t)len));
    }
    put_field(&file, 1, GW_SLICE("a.proto"));
    put_field(&file, 4, GW_SLICE("\x0a\x01M"));
    if (are_methods)
        put_field(&file, 6, gw_buf_slice(&many));
    else
        gw_buf_append(&file, gw_buf_slice(&many));
    put_field(&set, 1, gw_buf_slice(&file));
    assert_null(load_bytes(set.base, set.len, error));
    gw_buf_dispose(&many);
    gw_buf_dispose(&file);
    gw_buf_dispose(&set);
}

static void definitions_and_methods_are_at_most_a_million(void **state)
{
    (void)state;
    struct gw_error error;
    load_many(1 << 20, false, &error);
    assert_string_equal(error.message, "a.binpb: a.proto: more than 1048576 definitions");
    load_many((1 << 20) + 1, true, &error);
    assert_string_equal(error.message, "a.binpb: a.proto: more than 1048576 methods");
}

static void a_name_defined_twice_is_refused_with_both_files(void **state)
{
    (void)state;
    set_refused("file {name: 'a.proto' package: 'p' message_type {name: 'M'}}"
                "file {name: 'b.proto' package: 'p' enum_type {name: 'M'}}",
                "a.binpb: b.proto: defines p.M, which a.proto (a.binpb) defines too");
    set_refused("file {name: 'a.proto' package: 'p.M' message_type {name: 'N'}}"
                "file {name: 'b.proto' package: 'p' message_type {name: 'M' nested_type {name: "
                "'N'}}}",
                "a.binpb: b.proto: defines p.M.N, which a.proto (a.binpb) defines too");
    set_refused("file {name: 'a.proto' service {name: 'S'} service {name: 'S'}}",
                "a.binpb: a.proto: defines S, which a.proto (a.binpb) defines too");
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_source_is_an_empty_schema),
        cmocka_unit_test(bytes_that_are_no_set_are_refused_with_their_place),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_set_over_64_mib_is_refused),
        cmocka_unit_test(a_set_that_grows_too_much_is_refused),
        cmocka_unit_test(messages_nest_a_hundred_deep),
        cmocka_unit_test(a_missing_import_is_named_with_the_file_and_the_source),
        cmocka_unit_test(an_import_may_come_from_another_set),
        cmocka_unit_test(the_same_file_twice_counts_once),
        cmocka_unit_test(two_different_files_of_one_name_are_refused),
        cmocka_unit_test(of_protobufs_own_files_the_first_counts),
        cmocka_unit_test(file_names_are_printable),
        cmocka_unit_test(other_syntaxes_are_refused_by_name),
        cmocka_unit_test(packages_and_definitions_have_names),
        cmocka_unit_test(a_name_has_at_most_255_bytes),
        cmocka_unit_test(a_full_name_has_at_most_1023_bytes),
        cmocka_unit_test(definitions_and_methods_are_at_most_a_million),
        cmocka_unit_test(a_name_defined_twice_is_refused_with_both_files),
    };
    if (argc < 2)
        return 1;
    build_root = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
