/* A descriptor set from anywhere: it loads or is refused, and what was loaded is sound. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "schema/loader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_field(const struct gw_message_type *m, const struct gw_field *f)
{
    assert(gw_message_field_by_number(m, f->number) == f);
    assert(gw_message_field_by_name(m, f->name) != NULL);
    assert(gw_message_field_by_name(m, f->json_name) != NULL);
    assert((f->message != NULL) == (f->type == GW_TYPE_MESSAGE || f->type == GW_TYPE_GROUP));
    assert((f->enum_type != NULL) == (f->type == GW_TYPE_ENUM));
    assert(f->oneof < (int32_t)m->oneof_count);
    assert(!f->is_repeated || !f->has_presence);
    if (f->is_map)
        assert(f->is_repeated && f->message->field_count == 2);
    if (f->enum_type != NULL) {
        const struct gw_enum_value *first = &f->enum_type->values[0];
        assert(gw_enum_value_by_name(f->enum_type, first->name) == first);
        assert(gw_enum_value_by_number(f->enum_type, first->number)->number == first->number);
    }
}

static void check_message(const struct gw_message_type *m)
{
    for (uint32_t i = 0; i < m->field_count; i++) {
        assert(m->fields[i].index == i);
        check_field(m, &m->fields[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gw_error error = {.position = GW_NO_POSITION};
    struct gw_schema_source source = {gw_slice(data, size), "input"};
    struct gw_schema *schema = gw_schema_load(&source, 1, &error);
    if (schema == NULL) {
        assert(error.message[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < gw_schema_method_count(schema); i++) {
        const struct gw_method *method = gw_schema_method_at(schema, i);
        assert(gw_schema_method(schema, method->path) == method);
        for (size_t k = 0; k < method->rule_count; k++)
            assert(method->rules[k].path.len > 0 && method->rules[k].method.len > 0);
        assert(method->input != NULL && method->output != NULL);
    }
    for (size_t i = 0; i < schema->all_messages.count; i++)
        check_message(schema->all_messages.items[i]);
    gw_schema_destroy(schema);
    return 0;
}
