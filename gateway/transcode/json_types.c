#include "transcode/json_types.h"

#include "base/vec.h"

struct typed_object {
    const char *begin;   /* behind its brace */
    const char *type_at; /* NULL: it has no "@type", but one within may have */
};

struct gw_json_types {
    const char *begin, *end; /* what was looked through */
    struct typed_object *items;
    size_t count, capacity;
    size_t next; /* they are asked for in the order of the text */
};

static void dispose(void *types)
{
    gw_vec_dispose((struct gw_json_types *)types);
}

static int look_through(struct gw_json_reader *r);

static int look_through_members(struct gw_json_reader *r, char close)
{
    size_t index = r->types->count;
    int more;
    if (close == '}')
        gw_vec_push(r->types)->begin = r->at;
    for (bool is_first = true; (more = gw_json_next(r, close, is_first)) > 0; is_first = false) {
        struct gw_slice key;
        if (close == '}') {
            if (gw_json_read_string(r, &key) != 0 || gw_json_colon(r) != 0)
                return -1;
            struct typed_object *object = &r->types->items[index];
            if (object->type_at == NULL && gw_slice_eq(key, GW_SLICE("@type")))
                object->type_at = r->at;
        }
        if (look_through(r) != 0)
            return -1;
    }
    if (close == '}' && index + 1 == r->types->count && r->types->items[index].type_at == NULL)
        r->types->count--;
    return more;
}

static int look_through(struct gw_json_reader *r)
{
    char c = gw_json_peek(r);
    if (c != '{' && c != '[')
        return gw_json_skip(r);
    if (gw_json_enter(r) != 0)
        return -1;
    r->at++;
    int rc = look_through_members(r, c == '{' ? '}' : ']');
    gw_json_leave(r);
    return rc;
}

static int begin(struct gw_json_reader *r)
{
    if (r->types == NULL) {
        r->types = h2o_mem_alloc_shared(r->pool, sizeof(*r->types), dispose);
        *r->types = (struct gw_json_types){0};
    }
    r->types->count = r->types->next = 0;
    r->types->begin = r->at;
    int rc = look_through_members(r, '}');
    r->types->end = r->at;
    r->at = r->types->begin;
    return rc;
}

int gw_json_find_type(struct gw_json_reader *r, const char **ret_at)
{
    struct gw_json_types *types = r->types;
    if (types == NULL || r->at < types->begin || r->at >= types->end) {
        if (begin(r) != 0)
            return -1;
        types = r->types;
    }
    while (types->next < types->count && types->items[types->next].begin < r->at)
        types->next++;
    bool is_known = types->next < types->count && types->items[types->next].begin == r->at;
    *ret_at = is_known ? types->items[types->next].type_at : NULL;
    return 0;
}
