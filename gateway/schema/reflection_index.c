#include "schema/reflection_index.h"

#include "google/protobuf/descriptor.pb-c.h"

typedef Google__Protobuf__FileDescriptorProto File;
typedef Google__Protobuf__DescriptorProto Message;
typedef Google__Protobuf__EnumDescriptorProto Enum;
typedef Google__Protobuf__ServiceDescriptorProto Service;
typedef Google__Protobuf__FieldDescriptorProto Field;

struct builder {
    struct gw_reflection_index *index;
    struct gw_reflection_file *file;
    struct gw_error *error;
};

static int fail_nameless(struct builder *b, const char *kind)
{
    return gw_error_set(b->error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                        "%.*s: there is a nameless %s", GW_SLICE_ARG(b->file->name), kind);
}

/* Adds `scope.name` and gives that. */
static int add(struct builder *b, const char *kind, struct gw_slice scope, const char *name,
               struct gw_slice *ret_full_name)
{
    if (name == NULL || *name == '\0')
        return fail_nameless(b, kind);
    struct gw_slice full = gw_pool_printf(b->index->pool, "%.*s%s%s", GW_SLICE_ARG(scope),
                                          scope.len > 0 ? "." : "", name);
    gw_strmap_add(&b->index->by_symbol, full, b->file);
    if (ret_full_name != NULL)
        *ret_full_name = full;
    return 0;
}

static void add_extendee(struct builder *b, const char *extendee, int32_t number)
{
    gw_pool *pool = b->index->pool;
    struct gw_slice name = gw_slice_str(extendee[0] == '.' ? extendee + 1 : extendee);
    struct gw_reflection_extendee *e = gw_strmap_get(&b->index->extendees, name);
    if (e == NULL) {
        e = h2o_mem_alloc_pool(pool, sizeof(*e));
        *e = (struct gw_reflection_extendee){0};
        gw_strmap_add(&b->index->extendees, gw_pool_dup(pool, name), e);
    }
    /* Few extend the same message: room grows at powers of two. */
    if ((e->count & (e->count + 1)) == 0) {
        size_t room = 2 * e->count + 1;
        int32_t *numbers = h2o_mem_alloc_pool(pool, room * sizeof(*numbers));
        const struct gw_reflection_file **files = h2o_mem_alloc_pool(pool, room * sizeof(*files));
        h2o_memcpy(numbers, e->numbers, e->count * sizeof(*numbers));
        h2o_memcpy(files, e->files, e->count * sizeof(*files));
        e->numbers = numbers;
        e->files = files;
    }
    e->numbers[e->count] = number;
    e->files[e->count++] = b->file;
}

static int add_extensions(struct builder *b, struct gw_slice scope, Field **fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (add(b, "extension", scope, fields[i]->name, NULL) != 0)
            return -1;
        if (fields[i]->extendee == NULL)
            return fail_nameless(b, "extended message");
        add_extendee(b, fields[i]->extendee, fields[i]->number);
    }
    return 0;
}

static int add_enums(struct builder *b, struct gw_slice scope, Enum **enums, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (add(b, "enum", scope, enums[i]->name, NULL) != 0)
            return -1;
        /* As in C++, values stand beside their enum, not in it. */
        for (size_t v = 0; v < enums[i]->n_value; v++) {
            if (add(b, "enum value", scope, enums[i]->value[v]->name, NULL) != 0)
                return -1;
        }
    }
    return 0;
}

static int add_messages(struct builder *b, struct gw_slice scope, Message **messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Message *m = messages[i];
        struct gw_slice name = {0};
        if (add(b, "message", scope, m->name, &name) != 0)
            return -1;
        for (size_t f = 0; f < m->n_field; f++) {
            if (add(b, "field", name, m->field[f]->name, NULL) != 0)
                return -1;
        }
        for (size_t o = 0; o < m->n_oneof_decl; o++) {
            if (add(b, "oneof", name, m->oneof_decl[o]->name, NULL) != 0)
                return -1;
        }
        if (add_extensions(b, name, m->extension, m->n_extension) != 0 ||
            add_enums(b, name, m->enum_type, m->n_enum_type) != 0 ||
            add_messages(b, name, m->nested_type, m->n_nested_type) != 0)
            return -1;
    }
    return 0;
}

static int add_services(struct builder *b, struct gw_slice scope, Service **services, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gw_slice name = {0};
        if (add(b, "service", scope, services[i]->name, &name) != 0)
            return -1;
        for (size_t m = 0; m < services[i]->n_method; m++) {
            if (add(b, "method", name, services[i]->method[m]->name, NULL) != 0)
                return -1;
        }
    }
    return 0;
}

static int add_file(struct builder *b, const File *f)
{
    gw_pool *pool = b->index->pool;
    if (f->name == NULL)
        return gw_error_set(b->error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "there is a nameless file");
    size_t length = protobuf_c_message_get_packed_size(&f->base);
    uint8_t *bytes = h2o_mem_alloc_pool(pool, length);
    protobuf_c_message_pack(&f->base, bytes);
    b->file->name = gw_pool_dup(pool, gw_slice_str(f->name));
    b->file->bytes = gw_slice(bytes, length);
    gw_strmap_add(&b->index->by_name, b->file->name, b->file);

    struct gw_slice package = gw_slice_str(f->package);
    if (add_messages(b, package, f->message_type, f->n_message_type) != 0 ||
        add_enums(b, package, f->enum_type, f->n_enum_type) != 0 ||
        add_extensions(b, package, f->extension, f->n_extension) != 0 ||
        add_services(b, package, f->service, f->n_service) != 0)
        return -1;
    return 0;
}

static int link_imports(struct builder *b, const File *f)
{
    struct gw_reflection_file *file = b->file;
    file->imports = h2o_mem_alloc_pool(b->index->pool, f->n_dependency * sizeof(*file->imports));
    for (size_t i = 0; i < f->n_dependency; i++) {
        struct gw_slice name = gw_slice_str(f->dependency[i]);
        const struct gw_reflection_file *import = gw_strmap_get(&b->index->by_name, name);
        if (import == NULL)
            return gw_error_set(b->error, GW_NOT_FOUND, GW_NO_POSITION,
                                "%s imports %s, which is missing", f->name, f->dependency[i]);
        file->imports[file->import_count++] = import;
    }
    return 0;
}

static int build(struct gw_reflection_index *index, Google__Protobuf__FileDescriptorSet *set,
                 struct gw_error *error)
{
    index->files = h2o_mem_alloc_pool(index->pool, set->n_file * sizeof(*index->files));
    index->file_count = set->n_file;
    for (size_t i = 0; i < set->n_file; i++) {
        index->files[i] = (struct gw_reflection_file){.position = i};
        if (add_file(&(struct builder){index, &index->files[i], error}, set->file[i]) != 0)
            return -1;
    }
    for (size_t i = 0; i < set->n_file; i++) {
        if (link_imports(&(struct builder){index, &index->files[i], error}, set->file[i]) != 0)
            return -1;
    }
    return 0;
}

int gw_reflection_index_init(struct gw_reflection_index *index, gw_pool *pool,
                             struct gw_slice descriptor_set, struct gw_error *error)
{
    *index = (struct gw_reflection_index){.pool = pool};
    Google__Protobuf__FileDescriptorSet *set = google__protobuf__file_descriptor_set__unpack(
        NULL, descriptor_set.len, (const uint8_t *)descriptor_set.base);
    if (set == NULL)
        return gw_error_set(error, GW_INVALID_ARGUMENT, GW_NO_POSITION,
                            "not a google.protobuf.FileDescriptorSet");
    int result = build(index, set, error);
    google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
    if (result != 0)
        gw_reflection_index_dispose(index);
    return result;
}

void gw_reflection_index_dispose(struct gw_reflection_index *index)
{
    gw_strmap_dispose(&index->by_name);
    gw_strmap_dispose(&index->by_symbol);
    gw_strmap_dispose(&index->extendees);
    *index = (struct gw_reflection_index){0};
}
