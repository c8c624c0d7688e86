#include "hooks/request/fields.h"

#include <ctype.h>
#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>

#include "hooks/request/request.h"

#define NAME_MAX_BYTES 256
/* Of all fields that the hooks of one call set, with 32 bytes for each. */
#define FIELD_BYTES_MAX ((size_t)64 << 10)

static const mrb_data_type fields_type = {"Sluice::Fields", NULL};

mrb_value gw_hook_fields_get(mrb_state *mrb, struct gw_hook_call *call, enum gw_hook_fields kind)
{
    enum gw_hook_thing thing = (enum gw_hook_thing)(GW_HOOK_THING_FIELDS + kind);
    mrb_value fields = gw_hook_thing(call, thing);
    if (!mrb_nil_p(fields))
        return fields;
    call->views[kind] = (struct gw_hook_view){call, kind};
    struct RClass *class = gw_hook_ruby_of(mrb)->fields_class;
    fields = mrb_obj_value(mrb_data_object_alloc(mrb, class, &call->views[kind], &fields_type));
    mrb_ary_set(mrb, call->things, thing, fields);
    return fields;
}

static struct gw_hook_view *view_of(mrb_state *mrb, mrb_value self)
{
    struct gw_hook_view *view = mrb_data_get_ptr(mrb, self, &fields_type);
    if (view == NULL)
        mrb_raise(mrb, E_RUNTIME_ERROR, "the request is over");
    return view;
}

/* --- names and values --- */

static bool is_token(unsigned char c)
{
    return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_value(struct gw_slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.base[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* In lower case, into a buffer of NAME_MAX_BYTES. False: no field can be called that. */
static bool lower(struct gw_slice name, char *to)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token((unsigned char)name.base[i]))
            return false;
        to[i] = (char)tolower((unsigned char)name.base[i]);
    }
    return true;
}

void gw_hook_field_copy(mrb_state *mrb, struct gw_hook_call *call, struct gw_slice name,
                        struct gw_slice value, struct gw_metadatum *ret_field)
{
    char lowered[NAME_MAX_BYTES];
    if (!lower(name, lowered))
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "%!l is no name of a field", name.base, name.len);
    if (!is_value(value))
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "%l: a control character in the value", name.base,
                   name.len);
    size_t bytes = name.len + value.len + 32;
    if (bytes > FIELD_BYTES_MAX - call->field_bytes)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "hooks have set over %d bytes of fields",
                   (int)FIELD_BYTES_MAX);
    call->field_bytes += bytes;
    ret_field->name = gw_hook_keep(mrb, call, gw_slice(lowered, name.len));
    ret_field->value = gw_hook_keep(mrb, call, value);
}

void gw_hook_field_put(mrb_state *mrb, struct gw_hook_call *call, enum gw_hook_fields kind,
                       struct gw_slice name, struct gw_slice value, bool is_added)
{
    struct gw_metadatum field = {.indexing = GW_INDEX_NEVER};
    gw_hook_field_copy(mrb, call, name, value, &field);
    const struct gw_hook_host_ops *ops = call->host->ops;
    gw_hook_hold(mrb);
    const char *refusal = is_added ? ops->add_field(call->host, kind, field.name, field.value)
                                   : ops->set_field(call->host, kind, field.name, field.value);
    gw_hook_release(mrb);
    if (refusal != NULL)
        mrb_raisef(mrb, E_ARGUMENT_ERROR, "%l: %s", field.name.base, field.name.len, refusal);
}

/* --- reading --- */

static mrb_value find(mrb_state *mrb, const struct gw_hook_view *view, struct gw_slice name)
{
    struct gw_hook_host *host = view->call->host;
    mrb_value found = mrb_nil_value();
    size_t cursor = 0;
    struct gw_slice n, v;
    while (host->ops->next_field(host, view->kind, &cursor, &n, &v)) {
        if (!gw_slice_eq(n, name))
            continue;
        if (mrb_nil_p(found)) {
            found = gw_hook_string(mrb, v);
        } else {
            mrb_str_cat_lit(mrb, found, ", ");
            mrb_str_cat(mrb, found, v.base, v.len);
        }
    }
    return found;
}

/* The name that was asked for, in `to`. */
static bool argument(mrb_state *mrb, mrb_value name, char *to, struct gw_slice *ret_name)
{
    name = mrb_obj_as_string(mrb, name);
    ret_name->base = to;
    ret_name->len = (size_t)RSTRING_LEN(name);
    return lower(gw_hook_slice_of(name), to);
}

static mrb_value fields_get(mrb_state *mrb, mrb_value self)
{
    char buffer[NAME_MAX_BYTES];
    struct gw_slice name;
    const struct gw_hook_view *view = view_of(mrb, self);
    return argument(mrb, mrb_get_arg1(mrb), buffer, &name) ? find(mrb, view, name)
                                                           : mrb_nil_value();
}

static mrb_value fields_has(mrb_state *mrb, mrb_value self)
{
    return mrb_bool_value(!mrb_nil_p(fields_get(mrb, self)));
}

static mrb_value fields_to_a(mrb_state *mrb, mrb_value self)
{
    const struct gw_hook_view *view = view_of(mrb, self);
    struct gw_hook_host *host = view->call->host;
    mrb_value pairs = mrb_ary_new(mrb);
    int arena = mrb_gc_arena_save(mrb);
    size_t cursor = 0;
    struct gw_slice name, value;
    while (host->ops->next_field(host, view->kind, &cursor, &name, &value)) {
        mrb_value pair = mrb_assoc_new(mrb, gw_hook_string(mrb, name), gw_hook_string(mrb, value));
        mrb_ary_push(mrb, pairs, pair);
        mrb_gc_arena_restore(mrb, arena);
    }
    return pairs;
}

/* --- changing --- */

static mrb_value remove_named(mrb_state *mrb, const struct gw_hook_view *view, struct gw_slice name)
{
    mrb_value was = find(mrb, view, name);
    gw_hook_hold(mrb);
    view->call->host->ops->remove_field(view->call->host, view->kind, name);
    gw_hook_release(mrb);
    return was;
}

static mrb_value fields_delete(mrb_state *mrb, mrb_value self)
{
    char buffer[NAME_MAX_BYTES];
    struct gw_slice name;
    const struct gw_hook_view *view = view_of(mrb, self);
    return argument(mrb, mrb_get_arg1(mrb), buffer, &name) ? remove_named(mrb, view, name)
                                                           : mrb_nil_value();
}

static mrb_value put(mrb_state *mrb, mrb_value self, bool is_added)
{
    mrb_value name, value;
    const struct gw_hook_view *view = view_of(mrb, self);
    mrb_get_args(mrb, "oo", &name, &value);
    name = mrb_obj_as_string(mrb, name);
    mrb_value text = mrb_obj_as_string(mrb, value);
    gw_hook_field_put(mrb, view->call, view->kind, gw_hook_slice_of(name), gw_hook_slice_of(text),
                      is_added);
    return value;
}

static mrb_value fields_set(mrb_state *mrb, mrb_value self)
{
    mrb_value name, value;
    char buffer[NAME_MAX_BYTES];
    struct gw_slice lowered;
    mrb_get_args(mrb, "oo", &name, &value);
    if (!mrb_nil_p(value))
        return put(mrb, self, false);
    if (argument(mrb, name, buffer, &lowered))
        remove_named(mrb, view_of(mrb, self), lowered);
    return value;
}

static mrb_value fields_add(mrb_state *mrb, mrb_value self)
{
    return put(mrb, self, true);
}

void gw_hook_fields_define(mrb_state *mrb)
{
    struct RClass *sluice = mrb_module_get(mrb, "Sluice");
    struct RClass *fields = mrb_define_class_under(mrb, sluice, "Fields", mrb->object_class);
    MRB_SET_INSTANCE_TT(fields, MRB_TT_DATA);
    mrb_undef_class_method(mrb, fields, "new");
    mrb_define_method(mrb, fields, "[]", fields_get, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, fields, "[]=", fields_set, MRB_ARGS_REQ(2));
    mrb_define_method(mrb, fields, "add", fields_add, MRB_ARGS_REQ(2));
    mrb_define_method(mrb, fields, "delete", fields_delete, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, fields, "key?", fields_has, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, fields, "has_key?", fields_has, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, fields, "include?", fields_has, MRB_ARGS_REQ(1));
    mrb_define_method(mrb, fields, "to_a", fields_to_a, MRB_ARGS_NONE());
}
