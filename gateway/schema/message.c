/* Messages and their fields. The rules are protoc's, as far as a table would be unsound without
 * them. */
#include "schema/loader.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "schema/names.h"

#define MAX_FIELD_NUMBER ((1 << 29) - 1)
/* Kept for protobuf's implementations. */
#define FIRST_RESERVED_NUMBER 19000
#define LAST_RESERVED_NUMBER 19999
/* MessageOptions.deprecated_legacy_json_field_conflicts */
#define OPTION_LEGACY_JSON_CONFLICTS 11

struct oneof_use {
    uint32_t member_count;
    bool is_synthetic;
    int32_t index; /* in the message's oneof_names, -1 where synthetic */
};

static int fail(struct gw_loader *loader, const struct gw_symbol *symbol, const char *what)
{
    return gw_loader_fail(loader, symbol->file, "%.*s %s", GW_SLICE_ARG(symbol->full_name), what);
}

/* For a field whose name is valid. */
static int fail_field(struct gw_loader *loader, const struct gw_symbol *symbol, const char *field,
                      const char *what)
{
    return gw_loader_fail(loader, symbol->file, "%.*s.%s %s", GW_SLICE_ARG(symbol->full_name),
                          field, what);
}

static bool is_packable(enum gw_type type)
{
    return type != GW_TYPE_STRING && type != GW_TYPE_BYTES && type != GW_TYPE_MESSAGE &&
           type != GW_TYPE_GROUP;
}

static bool is_map_entry(const struct gw_symbol *symbol)
{
    const Google__Protobuf__MessageOptions *options = symbol->message_proto->options;
    return options != NULL && options->map_entry;
}

static int count_oneof_members(struct gw_loader *loader, const struct gw_symbol *symbol,
                               struct oneof_use *uses)
{
    const Google__Protobuf__DescriptorProto *proto = symbol->message_proto;
    for (size_t i = 0; i < proto->n_field; i++) {
        const Google__Protobuf__FieldDescriptorProto *field = proto->field[i];
        if (!gw_name_is_valid(field->name))
            return fail(loader, symbol, "has a field without a valid name");
        if (!field->has_oneof_index) {
            if (field->proto3_optional)
                return fail_field(loader, symbol, field->name, "is optional, but in no oneof");
            continue;
        }
        if (field->oneof_index < 0 || (size_t)field->oneof_index >= proto->n_oneof_decl)
            return fail_field(loader, symbol, field->name, "is in a oneof that does not exist");
        uses[field->oneof_index].member_count++;
        uses[field->oneof_index].is_synthetic |= field->proto3_optional;
    }
    return 0;
}

/* Numbers the oneofs that a .proto file spells out; protoc wraps each `optional` field of proto3 in
 * one of its own, which nobody sees. */
static int link_oneofs(struct gw_loader *loader, const struct gw_symbol *symbol,
                       struct oneof_use **ret_uses)
{
    const Google__Protobuf__DescriptorProto *proto = symbol->message_proto;
    struct gw_message_type *m = symbol->message;
    struct oneof_use *uses = gw_pool_zeroed(&loader->scratch, proto->n_oneof_decl, sizeof(*uses));
    if (count_oneof_members(loader, symbol, uses) != 0)
        return -1;
    m->oneof_names =
        gw_pool_zeroed(&loader->schema->pool, proto->n_oneof_decl, sizeof(*m->oneof_names));
    for (size_t i = 0; i < proto->n_oneof_decl; i++) {
        const char *name = proto->oneof_decl[i]->name;
        if (!gw_name_is_valid(name))
            return fail(loader, symbol, "has a oneof without a valid name");
        if (uses[i].member_count == 0)
            return fail_field(loader, symbol, name, "is a oneof without fields");
        if (uses[i].is_synthetic && uses[i].member_count > 1)
            return fail_field(loader, symbol, name, "is the oneof of several optional fields");
        uses[i].index = uses[i].is_synthetic ? -1 : (int32_t)m->oneof_count;
        if (!uses[i].is_synthetic)
            m->oneof_names[m->oneof_count++] =
                gw_pool_dup(&loader->schema->pool, gw_slice_str(name));
    }
    *ret_uses = uses;
    return 0;
}

/* type, message and enum_type. */
static int link_field_type(struct gw_loader *loader, const struct gw_symbol *symbol,
                           const Google__Protobuf__FieldDescriptorProto *proto,
                           struct gw_field *field)
{
    if (proto->has_type && ((int)proto->type < GW_TYPE_DOUBLE || (int)proto->type > GW_TYPE_SINT64))
        return fail_field(loader, symbol, proto->name, "is of a type that does not exist");
    bool is_named = proto->type_name != NULL && *proto->type_name != '\0';
    field->type = (enum gw_type)proto->type;
    if (proto->has_type && field->type != GW_TYPE_MESSAGE && field->type != GW_TYPE_GROUP &&
        field->type != GW_TYPE_ENUM)
        return is_named ? fail_field(loader, symbol, proto->name, "is a scalar and names a type")
                        : 0;
    if (!proto->has_type && !is_named)
        return fail_field(loader, symbol, proto->name, "has no type");

    char user[GW_FULL_NAME_MAX_BYTES + GW_NAME_MAX_BYTES + 2];
    int len = snprintf(user, sizeof(user), "%.*s.%s", GW_SLICE_ARG(symbol->full_name), proto->name);
    const struct gw_symbol *target;
    if (gw_loader_resolve(loader, symbol->file, gw_slice(user, (size_t)len), proto->type_name,
                          &target) != 0)
        return -1;
    field->message = target->message;
    field->enum_type = target->enum_type;
    if (!proto->has_type)
        field->type = target->message != NULL ? GW_TYPE_MESSAGE : GW_TYPE_ENUM;
    if ((field->type == GW_TYPE_ENUM ? (void *)target->enum_type : (void *)target->message) == NULL)
        return gw_loader_fail(loader, symbol->file, "%s: %s is no %s", user, proto->type_name,
                              field->type == GW_TYPE_ENUM ? "enum" : "message");
    if (target->message != NULL && is_map_entry(target)) {
        field->is_map = true;
        if (target->parent != symbol || !field->is_repeated || field->type != GW_TYPE_MESSAGE)
            return fail_field(loader, symbol, proto->name, "is a malformed map");
    }
    return 0;
}

static struct gw_slice json_key(gw_pool *pool, struct gw_slice name)
{
    struct gw_buf key = GW_BUF_HEAP;
    gw_buf_append_json_string(&key, name);
    gw_buf_append_byte(&key, ':');
    struct gw_slice copy = gw_pool_dup(pool, gw_buf_slice(&key));
    gw_buf_dispose(&key);
    return copy;
}

static int link_json_name(struct gw_loader *loader, const struct gw_symbol *symbol,
                          const Google__Protobuf__FieldDescriptorProto *proto,
                          struct gw_field *field)
{
    gw_pool *pool = &loader->schema->pool;
    struct gw_slice chosen = gw_slice_str(proto->json_name);
    if (gw_utf8_check(chosen) != chosen.len)
        return fail_field(loader, symbol, proto->name, "has a json_name that is not UTF-8");
    field->json_name =
        chosen.base != NULL ? gw_pool_dup(pool, chosen) : gw_json_name(pool, field->name);
    field->json_key = json_key(pool, field->json_name);
    field->name_key = json_key(pool, field->name);
    return 0;
}

static int link_default(struct gw_loader *loader, const struct gw_symbol *symbol,
                        const Google__Protobuf__FieldDescriptorProto *proto, struct gw_field *field)
{
    struct gw_slice text = gw_slice_str(proto->default_value);
    if (text.base == NULL)
        return 0;
    if (symbol->file->is_proto3)
        return fail_field(loader, symbol, proto->name, "has a default, which proto3 does not know");
    if (field->is_repeated || !gw_default_is_valid(field, text))
        return fail_field(loader, symbol, proto->name, "has a default that is not of its type");
    field->default_text = gw_pool_dup(&loader->schema->pool, text);
    return 0;
}

static int check_label(struct gw_loader *loader, const struct gw_symbol *symbol,
                       const Google__Protobuf__FieldDescriptorProto *proto,
                       const struct gw_field *field)
{
    if ((int)proto->label < 1 || (int)proto->label > 3)
        return fail_field(loader, symbol, proto->name, "has a label that does not exist");
    if (proto->has_oneof_index && (field->is_repeated || field->is_required))
        return fail_field(loader, symbol, proto->name, "is in a oneof, but not singular");
    if (symbol->file->is_proto3 && field->is_required)
        return fail_field(loader, symbol, proto->name, "is required, which proto3 does not know");
    if (symbol->file->is_proto3 && field->type == GW_TYPE_GROUP)
        return fail_field(loader, symbol, proto->name, "is a group, which proto3 does not know");
    return 0;
}

static int link_field(struct gw_loader *loader, const struct gw_symbol *symbol,
                      const struct oneof_use *oneofs,
                      const Google__Protobuf__FieldDescriptorProto *proto, struct gw_field *field)
{
    bool is_proto3 = symbol->file->is_proto3;
    if (proto->number < 1 || proto->number > MAX_FIELD_NUMBER ||
        (proto->number >= FIRST_RESERVED_NUMBER && proto->number <= LAST_RESERVED_NUMBER))
        return gw_loader_fail(loader, symbol->file, "%.*s.%s has number %d, which is out of range",
                              GW_SLICE_ARG(symbol->full_name), proto->name, proto->number);
    field->name = gw_pool_dup(&loader->schema->pool, gw_slice_str(proto->name));
    field->number = (uint32_t)proto->number;
    field->is_repeated =
        proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    field->is_required =
        proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED;
    field->oneof = proto->has_oneof_index ? oneofs[proto->oneof_index].index : -1;
    if (link_field_type(loader, symbol, proto, field) != 0 ||
        check_label(loader, symbol, proto, field) != 0 ||
        link_json_name(loader, symbol, proto, field) != 0 ||
        link_default(loader, symbol, proto, field) != 0)
        return -1;
    field->has_presence = !field->is_repeated &&
                          (!is_proto3 || proto->has_oneof_index || field->type == GW_TYPE_MESSAGE);
    if (field->is_repeated && is_packable(field->type))
        field->is_packed =
            proto->options && proto->options->has_packed ? proto->options->packed : is_proto3;
    return 0;
}

static int compare_fields(const void *left, const void *right)
{
    const struct gw_field *a = left, *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int index_numbers(struct gw_loader *loader, const struct gw_symbol *symbol)
{
    struct gw_message_type *m = symbol->message;
    if (m->field_count == 0)
        return 0;
    qsort(m->fields, m->field_count, sizeof(*m->fields), compare_fields);
    for (uint32_t i = 0; i < m->field_count; i++) {
        m->fields[i].index = i;
        if (i > 0 && m->fields[i].number == m->fields[i - 1].number)
            return gw_loader_fail(loader, symbol->file, "%.*s has number %u twice: %.*s and %.*s",
                                  GW_SLICE_ARG(m->full_name), m->fields[i].number,
                                  GW_SLICE_ARG(m->fields[i - 1].name),
                                  GW_SLICE_ARG(m->fields[i].name));
    }
    uint64_t largest = m->fields[m->field_count - 1].number,
             limit = 4 * (uint64_t)m->field_count + 64;
    m->dense_count = (uint32_t)(largest < limit ? largest + 1 : limit);
    m->dense = gw_pool_zeroed(&loader->schema->pool, m->dense_count, sizeof(*m->dense));
    for (uint32_t i = 0; i < m->field_count && m->fields[i].number < m->dense_count; i++)
        m->dense[m->fields[i].number] = &m->fields[i];
    return 0;
}

static int check_names_differ(struct gw_loader *loader, const struct gw_symbol *symbol)
{
    struct gw_message_type *m = symbol->message;
    struct gw_strmap names = {0};
    int result = 0;
    for (uint32_t i = 0; i < m->field_count && result == 0; i++) {
        struct gw_field *field = &m->fields[i];
        const struct gw_field *first = gw_strmap_add(&names, field->name, field);
        if (first != field)
            result = gw_loader_fail(loader, symbol->file, "%.*s has field %.*s twice: %u and %u",
                                    GW_SLICE_ARG(m->full_name), GW_SLICE_ARG(field->name),
                                    first->number, field->number);
    }
    gw_strmap_dispose(&names);
    return result;
}

/* Whether fields may share a JSON name: proto2, and where the option of that meaning is set (which
 * is newer than the descriptor.proto that this is compiled with). */
static bool may_share_json_names(const struct gw_symbol *symbol)
{
    const Google__Protobuf__MessageOptions *options = symbol->message_proto->options;
    if (!symbol->file->is_proto3)
        return true;
    for (size_t i = 0; options != NULL && i < options->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *unknown = &options->base.unknown_fields[i];
        if (unknown->tag == OPTION_LEGACY_JSON_CONFLICTS && unknown->len == 1)
            return unknown->data[0] != 0;
    }
    return false;
}

/* JSON names first: where one field's name is another's JSON name, the JSON name counts, for that
 * is what the gateway itself writes. Of fields that share one, that with the smallest number has
 * it. */
static int index_names(struct gw_loader *loader, const struct gw_symbol *symbol)
{
    struct gw_message_type *m = symbol->message;
    if (check_names_differ(loader, symbol) != 0)
        return -1;
    for (uint32_t i = 0; i < m->field_count; i++) {
        struct gw_field *field = &m->fields[i];
        const struct gw_field *first = gw_strmap_add(&m->by_name, field->json_name, field);
        if (first != field && !may_share_json_names(symbol))
            return gw_loader_fail(loader, symbol->file,
                                  "%.*s has JSON name \"%.*s\" twice: %.*s and %.*s",
                                  GW_SLICE_ARG(m->full_name), GW_SLICE_ARG(field->json_name),
                                  GW_SLICE_ARG(first->name), GW_SLICE_ARG(field->name));
    }
    for (uint32_t i = 0; i < m->field_count; i++)
        gw_strmap_add(&m->by_name, m->fields[i].name, &m->fields[i]);
    return 0;
}

static int link_message(struct gw_loader *loader, const struct gw_symbol *symbol)
{
    const Google__Protobuf__DescriptorProto *proto = symbol->message_proto;
    struct gw_message_type *m = symbol->message;
    struct oneof_use *oneofs = NULL;
    if (link_oneofs(loader, symbol, &oneofs) != 0)
        return -1;
    m->fields = gw_pool_zeroed(&loader->schema->pool, proto->n_field, sizeof(*m->fields));
    for (size_t i = 0; i < proto->n_field; i++) {
        if (link_field(loader, symbol, oneofs, proto->field[i], &m->fields[i]) != 0)
            return -1;
        m->has_required |= m->fields[i].is_required;
        m->field_count++;
    }
    if (index_numbers(loader, symbol) != 0 || index_names(loader, symbol) != 0)
        return -1;
    return gw_loader_recognise(loader, symbol);
}

static bool is_map_key(enum gw_type type)
{
    return type != GW_TYPE_DOUBLE && type != GW_TYPE_FLOAT && type != GW_TYPE_BYTES &&
           type != GW_TYPE_MESSAGE && type != GW_TYPE_GROUP && type != GW_TYPE_ENUM;
}

static bool is_plain(const struct gw_field *field)
{
    return !field->is_repeated && !field->is_required && field->oneof < 0;
}

static int check_map_entry(struct gw_loader *loader, const struct gw_symbol *symbol)
{
    const struct gw_message_type *m = symbol->message;
    const struct gw_field *key = m->fields, *value = m->fields + 1;
    if (m->field_count != 2 || key->number != 1 || value->number != 2 ||
        !gw_slice_eq(key->name, GW_SLICE("key")) || !gw_slice_eq(value->name, GW_SLICE("value")) ||
        !is_plain(key) || !is_plain(value) || !is_map_key(key->type) ||
        value->type == GW_TYPE_GROUP)
        return fail(loader, symbol, "is a malformed map entry");
    return 0;
}

int gw_loader_link_messages(struct gw_loader *loader)
{
    for (size_t i = 0; i < loader->symbols.count; i++) {
        const struct gw_symbol *symbol = loader->symbols.items[i];
        if (symbol->message == NULL)
            continue;
        if (link_message(loader, symbol) != 0)
            return -1;
        if (is_map_entry(symbol) && check_map_entry(loader, symbol) != 0)
            return -1;
    }
    return 0;
}
