/* Sources to files. protobuf-c unpacks a file with one recursion a level of nesting and as much
 * memory as the bytes ask for, so the depth is measured first and its allocations are counted. */
#include "schema/loader.h"

#include "base/buf.h"
#include "schema/names.h"
#include "schema/raw.h"

/* Memory of the unpacked files, for each byte of the source; a dense legitimate set needs 20. */
#define UNPACKED_PER_BYTE 64
#define UNPACKED_SLACK ((size_t)64 << 10)
#define MAX_UNPACKED_BYTES ((size_t)1 << 30)
#define MAX_NESTING 100

/* Field numbers of descriptor.proto. */
enum {
    SET_FILE = 1,
    FILE_MESSAGE_TYPE = 4,
    FILE_SOURCE_CODE_INFO = 9,
    MESSAGE_NESTED_TYPE = 3,
};

struct budget {
    size_t left;
    bool is_exceeded;
};

static void *budget_alloc(void *data, size_t bytes)
{
    struct budget *budget = data;
    if (bytes > budget->left) {
        budget->is_exceeded = true;
        return NULL;
    }
    budget->left -= bytes;
    return gw_realloc(NULL, bytes);
}

static void budget_free(void *data, void *memory)
{
    (void)data;
    free(memory);
}

static int fail_source(struct gw_loader *loader, const struct gw_schema_source *source,
                       const char *what)
{
    return gw_error_set(loader->error, GW_INVALID_ARGUMENT, GW_NO_POSITION, "%s: %s", source->name,
                        what);
}

static int fail_not_a_set(struct gw_loader *loader, const struct gw_schema_source *source,
                          const char *at)
{
    size_t position = (size_t)(at - source->bytes.base);
    return gw_error_set(loader->error, GW_INVALID_ARGUMENT, position,
                        "%s: not a serialised google.protobuf.FileDescriptorSet (byte %zu)",
                        source->name, position);
}

/* A field that protobuf-c would recurse into: how deep a DescriptorProto nests, or -1 as soon as
 * that is too deep. What is malformed is left to protobuf-c. */
static int check_nesting(struct gw_slice message, unsigned depth)
{
    if (depth > MAX_NESTING)
        return -1;
    struct gw_raw_field field;
    while (gw_raw_next(&message, &field) > 0) {
        if (field.number == MESSAGE_NESTED_TYPE && field.type == GW_RAW_LEN &&
            check_nesting(field.payload, depth + 1) != 0)
            return -1;
    }
    return 0;
}

/* The file without its source_code_info: comments and positions, most of a set made with
 * --include_source_info. */
static int copy_file(struct gw_loader *loader, const struct gw_schema_source *source,
                     struct gw_slice bytes, struct gw_buf *out)
{
    struct gw_raw_field field;
    int got;
    while ((got = gw_raw_next(&bytes, &field)) > 0) {
        if (field.number == FILE_MESSAGE_TYPE && field.type == GW_RAW_LEN &&
            check_nesting(field.payload, 1) != 0)
            return fail_source(loader, source, "messages nested deeper than 100");
        if (field.number != FILE_SOURCE_CODE_INFO)
            gw_buf_append(out, field.whole);
    }
    return got == 0 ? 0 : fail_not_a_set(loader, source, bytes.base);
}

static int unpack_file(struct gw_loader *loader, const struct gw_schema_source *source,
                       struct gw_slice bytes, struct budget *budget,
                       Google__Protobuf__FileDescriptorProto **ret_proto)
{
    struct gw_buf copy = GW_BUF_HEAP;
    if (copy_file(loader, source, bytes, &copy) != 0) {
        gw_buf_dispose(&copy);
        return -1;
    }
    ProtobufCAllocator allocator = {budget_alloc, budget_free, budget};
    Google__Protobuf__FileDescriptorProto *proto = google__protobuf__file_descriptor_proto__unpack(
        &allocator, copy.len, (const uint8_t *)copy.base);
    gw_buf_dispose(&copy);
    if (proto == NULL) {
        return budget->is_exceeded ? fail_source(loader, source, "too large when unpacked")
                                   : fail_not_a_set(loader, source, bytes.base);
    }
    *ret_proto = proto;
    return 0;
}

static void free_file(Google__Protobuf__FileDescriptorProto *proto)
{
    ProtobufCAllocator allocator = {budget_alloc, budget_free, NULL};
    google__protobuf__file_descriptor_proto__free_unpacked(proto, &allocator);
}

static int read_syntax(struct gw_loader *loader, struct gw_schema_file *file)
{
    const char *syntax = file->proto->syntax;
    if (syntax == NULL || *syntax == '\0' || strcmp(syntax, "proto2") == 0)
        return 0;
    if (strcmp(syntax, "proto3") != 0) {
        bool is_printable = strlen(syntax) < 32 && gw_text_is_printable(syntax);
        return gw_loader_fail(loader, file,
                              "its syntax is \"%s\"; \"proto2\" and \"proto3\" are known",
                              is_printable ? syntax : "?");
    }
    file->is_proto3 = true;
    return 0;
}

/* Every release of protoc brings its own google/protobuf/descriptor.proto; sets made by two
 * releases must go together, so of those files the first counts. */
static bool is_own_of_protobuf(const struct gw_schema_file *file)
{
    return gw_slice_starts_with(gw_slice_str(file->name), GW_SLICE("google/protobuf/"));
}

static bool is_same_file(const struct gw_schema_file *a, const struct gw_schema_file *b)
{
    size_t size = google__protobuf__file_descriptor_proto__get_packed_size(a->proto);
    if (google__protobuf__file_descriptor_proto__get_packed_size(b->proto) != size)
        return false;
    uint8_t *packed = gw_alloc(2 * size);
    google__protobuf__file_descriptor_proto__pack(a->proto, packed);
    google__protobuf__file_descriptor_proto__pack(b->proto, packed + size);
    bool is_same = memcmp(packed, packed + size, size) == 0;
    free(packed);
    return is_same;
}

/* Takes proto. */
static int add_file(struct gw_loader *loader, const struct gw_schema_source *source,
                    Google__Protobuf__FileDescriptorProto *proto)
{
    if (!gw_text_is_printable(proto->name)) {
        free_file(proto);
        return fail_source(loader, source, "a file whose name is missing or not UTF-8 text");
    }
    struct gw_schema_file *file = gw_pool_zeroed(&loader->scratch, 1, sizeof(*file));
    *file = (struct gw_schema_file){.source = source, .name = proto->name, .proto = proto};
    struct gw_schema_file *known =
        gw_strmap_add(&loader->files_by_name, gw_slice_str(file->name), file);
    if (known == file) {
        *gw_vec_push(&loader->files) = file;
        return read_syntax(loader, file);
    }
    int result = 0;
    if (!is_own_of_protobuf(file) && !is_same_file(known, file))
        result = gw_loader_fail(loader, file, "differs from the file of that name in %s",
                                known->source->name);
    free_file(proto);
    return result;
}

static int read_source(struct gw_loader *loader, const struct gw_schema_source *source)
{
    struct gw_slice rest = source->bytes;
    if (rest.len == 0)
        return fail_source(loader, source, "empty, not a descriptor set");
    if (rest.len > GW_SCHEMA_SOURCE_MAX_BYTES)
        return fail_source(loader, source, "larger than 64 MiB");
    struct budget budget = {.left = UNPACKED_PER_BYTE * rest.len + UNPACKED_SLACK};
    if (budget.left > MAX_UNPACKED_BYTES)
        budget.left = MAX_UNPACKED_BYTES;
    struct gw_raw_field field;
    int got;
    while ((got = gw_raw_next(&rest, &field)) > 0) {
        if (field.number != SET_FILE)
            continue;
        if (field.type != GW_RAW_LEN)
            return fail_not_a_set(loader, source, field.whole.base);
        Google__Protobuf__FileDescriptorProto *proto = NULL;
        if (unpack_file(loader, source, field.payload, &budget, &proto) != 0 ||
            add_file(loader, source, proto) != 0)
            return -1;
    }
    return got == 0 ? 0 : fail_not_a_set(loader, source, rest.base);
}

static int check_imports(struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->files.count; i++) {
        const struct gw_schema_file *file = loader->files.items[i];
        for (size_t k = 0; k < file->proto->n_dependency; k++) {
            const char *import = file->proto->dependency[k];
            if (!gw_text_is_printable(import))
                return gw_loader_fail(loader, file, "an import that is not UTF-8 text");
            if (gw_strmap_get(&loader->files_by_name, gw_slice_str(import)) == NULL) {
                return gw_error_set(loader->error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                                    "%s: %s imports %s, which %s; compile with --include_imports",
                                    file->source->name, file->name, import,
                                    gw_loader_lacks(loader));
            }
        }
    }
    return 0;
}

int gw_loader_read(struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->source_count; i++) {
        if (read_source(loader, &loader->sources[i]) != 0)
            return -1;
    }
    return check_imports(loader);
}

void gw_loader_free_files(struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->files.count; i++)
        free_file(loader->files.items[i]->proto);
    gw_vec_dispose(&loader->files);
    gw_strmap_dispose(&loader->files_by_name);
}
