#include "config/reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/vec.h"
#include "config/units.h"

/* Of a value or name in a message. */
#define MAX_SHOWN 100

/* --- messages --- */

static const char *describe(struct gw_reader *r, const struct gw_yaml_node *value)
{
    if (gw_yaml_is_null(value))
        return "nothing";
    if (value->kind == GW_YAML_LIST)
        return value->count > 0 ? "a list" : "an empty list";
    if (value->kind == GW_YAML_MAPPING)
        return "a mapping";
    struct gw_slice text = value->text;
    bool cut = text.len > MAX_SHOWN;
    if (cut)
        text.len = MAX_SHOWN;
    return gw_pool_printf(r->scratch, "%s\"%.*s\"%s", value->quoted ? "the text " : "",
                          GW_SLICE_ARG(text), cut ? "..." : "")
        .base;
}

void gw_reader_mismatch(struct gw_reader *r, const struct gw_key *key,
                        const struct gw_yaml_node *value, const char *expected, ...)
{
    if (value->broken)
        return;
    char text[256];
    va_list args;
    va_start(args, expected);
    vsnprintf(text, sizeof(text), expected, args);
    va_end(args);
    gw_diagnostics_add(r->errors, value->place, "`%s`: expected %s, found %s", key->name, text,
                       describe(r, value));
}

const char *gw_reader_expected_names(struct gw_reader *r, struct gw_slice name,
                                     const char *const *names, size_t count)
{
    enum { MAX_NAMES = 20 };
    struct gw_buf out = gw_buf_in_pool(r->scratch);
    for (size_t i = 0; i < count && i < MAX_NAMES; i++)
        gw_buf_printf(&out, "%s`%s`",
                      i > 0       ? ", "
                      : count > 1 ? ", expected one of "
                                  : ", expected ",
                      names[i]);
    if (count > MAX_NAMES)
        gw_buf_append(&out, GW_SLICE(", ..."));
    char nearest[256];
    gw_buf_printf(&out, "%s", gw_nearest(nearest, sizeof(nearest), name, names, count));
    return gw_buf_terminate(&out);
}

/* --- scalars --- */

static bool is_text(const struct gw_yaml_node *value)
{
    return value->kind == GW_YAML_SCALAR && !value->broken;
}

static bool is_plain(const struct gw_yaml_node *value)
{
    return is_text(value) && !value->quoted;
}

static int parse_number(struct gw_slice text, uint64_t *ret_number)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.base[i] < '0' || text.base[i] > '9' || n > UINT64_MAX / 100)
            return -1;
        n = n * 10 + (uint64_t)(text.base[i] - '0');
    }
    *ret_number = n;
    return text.len > 0 ? 0 : -1;
}

void gw_read_number(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                    void *base)
{
    uint64_t n;
    bool is_zero =
        key->zero != NULL && is_text(value) && gw_slice_eq(value->text, gw_slice_str(key->zero));
    if (is_zero)
        *(uint32_t *)((char *)base + key->offset) = 0;
    else if (is_plain(value) && parse_number(value->text, &n) == 0 && n >= key->min &&
             n <= key->max)
        *(uint32_t *)((char *)base + key->offset) = (uint32_t)n;
    else
        gw_reader_mismatch(r, key, value, "%s%sa whole number from %u to %u",
                           key->zero ? key->zero : "", key->zero ? " or " : "", (unsigned)key->min,
                           (unsigned)key->max);
}

static void read_duration(struct gw_reader *r, const struct gw_key *key,
                          const struct gw_yaml_node *value, const char *or_else, void *base)
{
    uint64_t ms;
    char min[GW_UNIT_TEXT], max[GW_UNIT_TEXT];
    if (is_text(value) && gw_unit_duration_parse(value->text, &ms) == 0 && ms >= key->min &&
        ms <= key->max)
        *(uint64_t *)((char *)base + key->offset) = ms;
    else
        gw_reader_mismatch(r, key, value,
                           "%sa duration from %s to %s, written like 500ms, 5s, 2m or 1h", or_else,
                           gw_duration_format(min, key->min), gw_duration_format(max, key->max));
}

void gw_read_duration(struct gw_reader *r, const struct gw_key *key,
                      const struct gw_yaml_node *value, void *base)
{
    read_duration(r, key, value, "", base);
}

void gw_read_timeout(struct gw_reader *r, const struct gw_key *key,
                     const struct gw_yaml_node *value, void *base)
{
    if (is_text(value) && gw_slice_eq(value->text, GW_SLICE("none")))
        *(uint64_t *)((char *)base + key->offset) = GW_NO_TIMEOUT;
    else
        read_duration(r, key, value, "none or ", base);
}

void gw_read_size(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                  void *base)
{
    uint64_t bytes;
    char min[GW_UNIT_TEXT], max[GW_UNIT_TEXT];
    if (is_text(value) && gw_unit_size_parse(value->text, &bytes) == 0 && bytes >= key->min &&
        bytes <= key->max)
        *(uint64_t *)((char *)base + key->offset) = bytes;
    else
        gw_reader_mismatch(r, key, value, "a size from %s to %s, written like 64KiB or 4MiB",
                           gw_size_format(min, key->min), gw_size_format(max, key->max));
}

void gw_read_bool(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                  void *base)
{
    bool is_true = is_plain(value) && gw_slice_eq(value->text, GW_SLICE("true"));
    bool is_false = is_plain(value) && gw_slice_eq(value->text, GW_SLICE("false"));
    if (is_true || is_false)
        *(bool *)((char *)base + key->offset) = is_true;
    else
        gw_reader_mismatch(r, key, value, "true or false");
}

void gw_read_fraction(struct gw_reader *r, const struct gw_key *key,
                      const struct gw_yaml_node *value, void *base)
{
    /* strtod alone would take "inf", "nan" and hexadecimal digits. */
    if (is_plain(value) && value->text.len > 0 &&
        strspn(value->text.base, "0123456789.eE+-") == value->text.len) {
        char *end;
        double n = strtod(value->text.base, &end);
        if (*end == '\0' && n >= 0 && n <= 1) {
            *(double *)((char *)base + key->offset) = n;
            return;
        }
    }
    gw_reader_mismatch(r, key, value, "a number from 0 to 1");
}

/* --- texts --- */

static bool read_text(struct gw_reader *r, const struct gw_key *key,
                      const struct gw_yaml_node *value, struct gw_string *out)
{
    bool fits = is_text(value) && !gw_yaml_is_null(value) && value->text.len > 0 &&
                (key->form == NULL || key->form->fits(value->text));
    if (!fits) {
        gw_reader_mismatch(r, key, value, "%s", key->form ? key->form->expected : "a text");
        return false;
    }
    *out = (struct gw_string){gw_pool_dup(r->pool, value->text).base, value->place};
    return true;
}

static bool read_relative_path(struct gw_reader *r, const struct gw_key *key,
                               const struct gw_yaml_node *value, struct gw_string *out)
{
    if (!read_text(r, key, value, out))
        return false;
    const char *slash = strrchr(r->config->file, '/');
    if (slash != NULL && out->text[0] != '/' && strcmp(out->text, "-") != 0)
        out->text = gw_pool_printf(r->pool, "%.*s/%s", (int)(slash - r->config->file),
                                   r->config->file, out->text)
                        .base;
    return true;
}

void gw_read_string(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                    void *base)
{
    read_text(r, key, value, (struct gw_string *)((char *)base + key->offset));
}

void gw_read_path(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                  void *base)
{
    read_relative_path(r, key, value, (struct gw_string *)((char *)base + key->offset));
}

typedef bool (*text_fn)(struct gw_reader *r, const struct gw_key *key,
                        const struct gw_yaml_node *value, struct gw_string *out);

static void read_list(struct gw_reader *r, const struct gw_key *key,
                      const struct gw_yaml_node *value, void *base, text_fn read)
{
    struct gw_string_list *list = (struct gw_string_list *)((char *)base + key->offset);
    list->items = h2o_mem_alloc_pool(r->pool, (value->count + 1) * sizeof(*list->items));
    for (const struct gw_yaml_entry *e = value->first; e != NULL; e = e->next)
        list->count += read(r, key, e->value, &list->items[list->count]);
}

void gw_read_strings(struct gw_reader *r, const struct gw_key *key,
                     const struct gw_yaml_node *value, void *base)
{
    if (value->kind == GW_YAML_LIST)
        read_list(r, key, value, base, read_text);
    else
        gw_reader_mismatch(r, key, value, "a list of texts");
}

void gw_read_paths(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                   void *base)
{
    if (value->kind == GW_YAML_LIST && value->count > 0)
        read_list(r, key, value, base, read_relative_path);
    else
        gw_reader_mismatch(r, key, value, "a list of at least one path");
}

/* --- choices --- */

static void read_chosen(struct gw_reader *r, const struct gw_key *key,
                        const struct gw_yaml_node *value, unsigned *flags)
{
    if (!is_text(value) || gw_yaml_is_null(value)) {
        gw_reader_mismatch(r, key, value, "a name");
        return;
    }
    const char **names = h2o_mem_alloc_pool(r->scratch, key->choice_count * sizeof(*names));
    for (size_t i = 0; i < key->choice_count; i++) {
        names[i] = key->choices[i].name;
        if (gw_slice_eq(value->text, gw_slice_str(names[i]))) {
            *flags |= key->choices[i].value;
            return;
        }
    }
    gw_diagnostics_add(r->errors, value->place, "`%s`: unknown name %s%s", key->name,
                       describe(r, value),
                       gw_reader_expected_names(r, value->text, names, key->choice_count));
}

void gw_read_choice(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                    void *base)
{
    read_chosen(r, key, value, (unsigned *)((char *)base + key->offset));
}

void gw_read_flags(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                   void *base)
{
    if (value->kind != GW_YAML_LIST) {
        gw_reader_mismatch(r, key, value, "a list of names");
        return;
    }
    for (const struct gw_yaml_entry *e = value->first; e != NULL; e = e->next)
        read_chosen(r, key, e->value, (unsigned *)((char *)base + key->offset));
}

/* --- blocks --- */

static const struct gw_key *find_key(const struct gw_block *block, struct gw_slice name)
{
    for (size_t i = 0; i < block->key_count; i++) {
        if (gw_slice_eq(name, gw_slice_str(block->keys[i].name)))
            return &block->keys[i];
    }
    return NULL;
}

static void report_unknown_key(struct gw_reader *r, const struct gw_block *block,
                               const struct gw_yaml_node *key)
{
    GW_VEC(const char *) names = {0};
    for (size_t i = 0; i < block->key_count; i++) {
        if (block->keys[i].read != NULL)
            *gw_vec_push(&names) = block->keys[i].name;
    }
    struct gw_slice shown =
        key->text.len > MAX_SHOWN ? gw_slice(key->text.base, MAX_SHOWN) : key->text;
    gw_diagnostics_add(r->errors, key->place, "unknown key `%.*s` in %s%s", GW_SLICE_ARG(shown),
                       block->title,
                       gw_reader_expected_names(r, key->text, names.items, names.count));
    gw_vec_dispose(&names);
}

static void check_keys(struct gw_reader *r, const struct gw_block *block,
                       const struct gw_yaml_node *mapping)
{
    for (const struct gw_yaml_entry *e = mapping->first; e != NULL; e = e->next) {
        const struct gw_key *key = find_key(block, e->key->text);
        if (key == NULL)
            report_unknown_key(r, block, e->key);
        else if (key->read == NULL)
            gw_diagnostics_add(r->errors, e->key->place, "`%s` is not supported yet", key->name);
    }
}

static void read_fallback(struct gw_reader *r, const struct gw_key *key, struct gw_place place,
                          void *base)
{
    struct gw_yaml_node *value =
        gw_yaml_parse(r->scratch, place.file, gw_slice_str(key->fallback), r->errors);
    value->place = place;
    key->read(r, key, value, base);
}

static void read_mapping(struct gw_reader *r, const struct gw_block *block,
                         const struct gw_yaml_node *mapping, void *base)
{
    check_keys(r, block, mapping);
    if (block->begin != NULL)
        block->begin(r, base);
    for (size_t i = 0; i < block->key_count; i++) {
        const struct gw_key *key = &block->keys[i];
        if (key->read == NULL)
            continue;
        const struct gw_yaml_node *value = gw_yaml_get(mapping, gw_slice_str(key->name));
        if (value != NULL)
            key->read(r, key, value, base);
        else if (key->required)
            gw_diagnostics_add(r->errors, mapping->place, "`%s` is missing in %s", key->name,
                               block->title);
        else if (key->fallback != NULL)
            read_fallback(r, key, mapping->place, base);
    }
    if (block->check != NULL)
        block->check(r, mapping, base);
}

void gw_read_block(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                   void *base)
{
    if (value->kind == GW_YAML_MAPPING)
        read_mapping(r, key->block, value, (char *)base + key->offset);
    else
        gw_reader_mismatch(r, key, value, "a mapping");
}

void gw_read_blocks(struct gw_reader *r, const struct gw_key *key, const struct gw_yaml_node *value,
                    void *base)
{
    if (value->kind != GW_YAML_LIST || value->count < key->min) {
        gw_reader_mismatch(r, key, value, key->min > 0 ? "a list of at least one" : "a list");
        return;
    }
    size_t size = key->block->size, count = 0;
    char *items = h2o_mem_alloc_pool(r->pool, (value->count + 1) * size);
    memset(items, 0, (value->count + 1) * size);
    for (const struct gw_yaml_entry *e = value->first; e != NULL; e = e->next) {
        if (e->value->kind == GW_YAML_MAPPING)
            read_mapping(r, key->block, e->value, items + size * count++);
        else
            gw_reader_mismatch(r, key, e->value, "a mapping for %s", key->block->title);
    }
    *(void **)((char *)base + key->offset) = items;
    *(size_t *)((char *)base + key->count_offset) = count;
}

void gw_read_file(struct gw_reader *r, const struct gw_block *block,
                  const struct gw_yaml_node *value, void *base)
{
    if (value->kind == GW_YAML_MAPPING)
        read_mapping(r, block, value, base);
    else
        gw_diagnostics_add(r->errors, value->place, "expected a mapping, found %s",
                           describe(r, value));
}
