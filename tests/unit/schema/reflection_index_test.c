#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "schema/reflection_index.h"

typedef Google__Protobuf__FileDescriptorProto File;

static File file(const char *name)
{
    File f = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_PROTO__INIT;
    f.name = (char *)name;
    return f;
}

/* Packs the files and indexes them. */
static int index_files(struct gw_reflection_index *index, gw_pool *pool, File **files, size_t count,
                       struct gw_error *error)
{
    Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
    set.n_file = count;
    set.file = files;
    size_t length = google__protobuf__file_descriptor_set__get_packed_size(&set);
    uint8_t *bytes = malloc(length ? length : 1);
    google__protobuf__file_descriptor_set__pack(&set, bytes);
    int result = gw_reflection_index_init(index, pool, gw_slice(bytes, length), error);
    free(bytes);
    return result;
}

static void expect_refused(File **files, size_t count, const char *message)
{
    struct gw_reflection_index index;
    struct gw_error error;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    assert_int_equal(index_files(&index, &pool, files, count, &error), -1);
    assert_string_equal(error.message, message);
    gw_reflection_index_dispose(&index); /* harmless */
    h2o_mem_clear_pool(&pool);
}

static void bytes_that_are_no_descriptor_set_are_refused(void **state)
{
    (void)state;
    struct gw_reflection_index index;
    struct gw_error error;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    assert_int_equal(gw_reflection_index_init(&index, &pool, GW_SLICE("\x0a\x7f"), &error), -1);
    assert_string_equal(error.message, "not a google.protobuf.FileDescriptorSet");
    h2o_mem_clear_pool(&pool);
}

static void a_missing_import_is_named(void **state)
{
    (void)state;
    char *imports[] = {(char *)"b.proto", (char *)"c.proto"};
    File a = file("a.proto"), b = file("b.proto"), *files[] = {&a, &b};
    a.n_dependency = 2;
    a.dependency = imports;
    expect_refused(files, 2, "a.proto imports c.proto, which is missing");
}

static void what_has_no_name_is_refused(void **state)
{
    (void)state;
    File a = file(NULL), b = file("b.proto"), *nameless[] = {&a}, *files[] = {&b};
    expect_refused(nameless, 1, "there is a nameless file");

    Google__Protobuf__DescriptorProto message = GOOGLE__PROTOBUF__DESCRIPTOR_PROTO__INIT;
    Google__Protobuf__DescriptorProto *messages[] = {&message};
    b.n_message_type = 1;
    b.message_type = messages;
    expect_refused(files, 1, "b.proto: there is a nameless message");

    Google__Protobuf__FieldDescriptorProto extension =
        GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__INIT;
    Google__Protobuf__FieldDescriptorProto *extensions[] = {&extension};
    b.n_message_type = 0;
    b.n_extension = 1;
    b.extension = extensions;
    extension.name = (char *)"x";
    expect_refused(files, 1, "b.proto: there is a nameless extended message");
}

static void imports_may_come_later_and_in_circles(void **state)
{
    (void)state;
    char *imports_a[] = {(char *)"b.proto"}, *imports_b[] = {(char *)"a.proto"};
    File a = file("a.proto"), b = file("b.proto"), *files[] = {&a, &b};
    a.n_dependency = b.n_dependency = 1;
    a.dependency = imports_a;
    b.dependency = imports_b;
    struct gw_reflection_index index;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    assert_int_equal(index_files(&index, &pool, files, 2, NULL), 0);
    assert_ptr_equal(index.files[0].imports[0], &index.files[1]);
    assert_ptr_equal(index.files[1].imports[0], &index.files[0]);
    gw_reflection_index_dispose(&index);
    h2o_mem_clear_pool(&pool);
}

static void extensions_of_a_message_are_gathered_from_all_files(void **state)
{
    (void)state;
    enum { COUNT = 10 };
    File files[COUNT], *pointers[COUNT];
    Google__Protobuf__FieldDescriptorProto fields[COUNT], *field_pointers[COUNT];
    char names[COUNT][16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "f%d.proto", i);
        files[i] = file(names[i]);
        google__protobuf__field_descriptor_proto__init(&fields[i]);
        fields[i].name = (char *)"extension";
        fields[i].extendee = (char *)".p.Message";
        fields[i].has_number = true;
        fields[i].number = 100 + i;
        field_pointers[i] = &fields[i];
        files[i].n_extension = 1;
        files[i].extension = &field_pointers[i];
        pointers[i] = &files[i];
    }
    struct gw_reflection_index index;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    assert_int_equal(index_files(&index, &pool, pointers, COUNT, NULL), 0);
    const struct gw_reflection_extendee *e = gw_strmap_get(&index.extendees, GW_SLICE("p.Message"));
    assert_non_null(e);
    assert_int_equal(e->count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(e->numbers[i], 100 + i);
        assert_ptr_equal(e->files[i], &index.files[i]);
    }
    gw_reflection_index_dispose(&index);
    h2o_mem_clear_pool(&pool);
}

static void an_empty_set_is_one(void **state)
{
    (void)state;
    struct gw_reflection_index index;
    gw_pool pool;
    h2o_mem_init_pool(&pool);
    assert_int_equal(index_files(&index, &pool, NULL, 0, NULL), 0);
    assert_int_equal(index.file_count, 0);
    gw_reflection_index_dispose(&index);
    h2o_mem_clear_pool(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_no_descriptor_set_are_refused),
        cmocka_unit_test(a_missing_import_is_named),
        cmocka_unit_test(what_has_no_name_is_refused),
        cmocka_unit_test(imports_may_come_later_and_in_circles),
        cmocka_unit_test(extensions_of_a_message_are_gathered_from_all_files),
        cmocka_unit_test(an_empty_set_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
