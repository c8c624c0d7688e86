#include "metrics/metrics.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/vec.h"

/* A strict reader of the text format 0.0.4: fails on what a lenient one would let pass. */

struct sample {
    char *name;
    char *labels; /* as in the text, without `le` */
    char *le;     /* NULL where there is none */
    double value;
};

struct family {
    char *name, *type;
    GW_VEC(struct sample) samples;
};

struct exposition {
    GW_VEC(struct family) families;
};

static size_t name_length(const char *s, bool colons)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_' || (colons && s[n] == ':'))
        n++;
    assert_true(n > 0 && !isdigit((unsigned char)s[0]));
    return n;
}

static struct family *find_family(struct exposition *e, const char *name, size_t len)
{
    for (size_t i = 0; i < e->families.count; i++) {
        struct family *f = &e->families.items[i];
        if (strlen(f->name) == len && memcmp(f->name, name, len) == 0)
            return f;
    }
    return NULL;
}

static void read_comment(struct exposition *e, const char *line)
{
    size_t len = name_length(line + 7, true);
    const char *name = line + 7, *rest = name + len;
    assert_int_equal(*rest, ' ');
    if (strncmp(line, "# HELP ", 7) == 0) {
        assert_null(find_family(e, name, len));
        struct family *f = gw_vec_push(&e->families);
        f->name = strndup(name, len);
        for (const char *c = rest; (c = strchr(c, '\\')) != NULL; c += 2)
            assert_true(c[1] == '\\' || c[1] == 'n');
    } else {
        assert_int_equal(strncmp(line, "# TYPE ", 7), 0);
        struct family *f = find_family(e, name, len);
        assert_ptr_equal(f, &e->families.items[e->families.count - 1]);
        assert_null(f->type);
        f->type = strdup(rest + 1);
        assert_true(strcmp(f->type, "counter") == 0 || strcmp(f->type, "gauge") == 0 ||
                    strcmp(f->type, "histogram") == 0);
    }
}

/* {NAME="VALUE",...}; returns what follows the brace. */
static const char *read_labels(const char *at, struct sample *s)
{
    struct gw_buf labels = GW_BUF_HEAP;
    do {
        const char *name = ++at;
        size_t len = name_length(at, false);
        at += len;
        assert_int_equal(strncmp(at, "=\"", 2), 0);
        const char *value = at += 2;
        for (; *at != '"'; at++) {
            assert_true(*at != '\0' && *at != '\n');
            if (*at == '\\') {
                at++;
                assert_true(*at == '\\' || *at == '"' || *at == 'n');
            }
        }
        if (len == 2 && memcmp(name, "le", 2) == 0) {
            assert_null(s->le);
            s->le = strndup(value, (size_t)(at - value));
        } else {
            gw_buf_append(&labels, gw_slice(name, (size_t)(++at - name)));
            gw_buf_append_byte(&labels, ',');
            at--;
        }
        at++;
    } while (*at == ',');
    assert_int_equal(*at, '}');
    free(s->labels);
    s->labels = strdup(gw_buf_terminate(&labels));
    gw_buf_dispose(&labels);
    return at + 1;
}

static bool belongs(const struct family *f, const struct sample *s)
{
    if (strcmp(f->type, "histogram") != 0)
        return strcmp(f->name, s->name) == 0 && s->le == NULL;
    size_t len = strlen(f->name);
    if (strncmp(f->name, s->name, len) != 0)
        return false;
    const char *suffix = s->name + len;
    return s->le != NULL ? strcmp(suffix, "_bucket") == 0
                         : strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0;
}

static void read_sample(struct exposition *e, const char *line)
{
    assert_true(e->families.count > 0);
    struct family *f = &e->families.items[e->families.count - 1];
    assert_non_null(f->type);
    struct sample s = {.labels = strdup("")};
    size_t len = name_length(line, true);
    s.name = strndup(line, len);
    const char *at = line + len;
    if (*at == '{')
        at = read_labels(at, &s);
    assert_int_equal(*at++, ' ');
    assert_true(isdigit((unsigned char)*at) || *at == '-');
    char *end;
    s.value = strtod(at, &end);
    assert_int_equal(*end, '\0');
    assert_true(belongs(f, &s));
    for (size_t i = 0; i < f->samples.count; i++) {
        const struct sample *other = &f->samples.items[i];
        bool same_le =
            s.le == NULL ? other->le == NULL : other->le != NULL && strcmp(other->le, s.le) == 0;
        assert_false(same_le && strcmp(other->name, s.name) == 0 &&
                     strcmp(other->labels, s.labels) == 0);
    }
    *gw_vec_push(&f->samples) = s;
}

static const char *const le_texts[] = {
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
    "0.25",   "0.5",   "1",      "2.5",   "5",    "10",    "+Inf",
};
#define LE_COUNT (sizeof(le_texts) / sizeof(*le_texts))

/* Each series: all buckets, ascending and cumulative, then _sum, then _count, as the last bucket.
 */
static void check_histogram(const struct family *f)
{
    assert_int_equal(f->samples.count % (LE_COUNT + 2), 0);
    for (size_t at = 0; at < f->samples.count; at += LE_COUNT + 2) {
        const struct sample *s = &f->samples.items[at];
        for (size_t i = 0; i < LE_COUNT; i++) {
            assert_string_equal(s[i].le, le_texts[i]);
            assert_string_equal(s[i].labels, s[0].labels);
            assert_true(i == 0 || s[i].value >= s[i - 1].value);
        }
        assert_non_null(strstr(s[LE_COUNT].name, "_sum"));
        assert_non_null(strstr(s[LE_COUNT + 1].name, "_count"));
        assert_string_equal(s[LE_COUNT].labels, s[0].labels);
        assert_string_equal(s[LE_COUNT + 1].labels, s[0].labels);
        assert_true(s[LE_COUNT + 1].value == s[LE_COUNT - 1].value);
    }
}

static struct exposition read_exposition(const char *text)
{
    struct exposition e = {0};
    assert_int_equal(text[strlen(text) - 1], '\n');
    char *copy = strdup(text);
    for (char *line = copy, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        *end = '\0';
        if (line[0] == '#')
            read_comment(&e, line);
        else
            read_sample(&e, line);
    }
    free(copy);
    for (size_t i = 0; i < e.families.count; i++) {
        assert_non_null(e.families.items[i].type);
        if (strcmp(e.families.items[i].type, "histogram") == 0)
            check_histogram(&e.families.items[i]);
    }
    return e;
}

static void dispose_exposition(struct exposition *e)
{
    for (size_t i = 0; i < e->families.count; i++) {
        struct family *f = &e->families.items[i];
        for (size_t k = 0; k < f->samples.count; k++) {
            free(f->samples.items[k].name);
            free(f->samples.items[k].labels);
            free(f->samples.items[k].le);
        }
        gw_vec_dispose(&f->samples);
        free(f->name);
        free(f->type);
    }
    gw_vec_dispose(&e->families);
}

/* Adds, by name, the value that a family without labels must have. */
static double value_of(struct exposition *e, const char *name)
{
    struct family *f = find_family(e, name, strlen(name));
    assert_non_null(f);
    assert_int_equal(f->samples.count, 1);
    return f->samples.items[0].value;
}

static struct gw_buf expose(const struct gw_metrics *m)
{
    struct gw_buf out = GW_BUF_HEAP;
    gw_metrics_expose(m, &out);
    gw_buf_terminate(&out);
    return out;
}

static struct gw_metric_label label(const char *name, const char *value)
{
    return (struct gw_metric_label){name, gw_slice_str(value)};
}

static void families_of_all_kinds_read_back(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(2);
    struct gw_metric_label get[] = {label("route", "/v1/users/{id}"), label("code", "200")};
    struct gw_metric_label post[] = {label("route", "/v1/users"), label("code", "400")};
    gw_metric a = gw_metrics_add(m, GW_COUNTER, "requests_total", "Requests.", get, 2);
    gw_metric h = gw_metrics_add(m, GW_HISTOGRAM, "request_seconds", "Time.", get, 1);
    gw_metric b = gw_metrics_add(m, GW_COUNTER, "requests_total", "Requests.", post, 2);
    gw_metric g = gw_metrics_add(m, GW_GAUGE, "temperature", "Now.", NULL, 0);
    gw_metric bare = gw_metrics_add(m, GW_HISTOGRAM, "bare_seconds", "No labels.", NULL, 0);
    gw_metrics_freeze(m);
    gw_count(gw_metrics_shard(m, 0), a, 3);
    gw_count(gw_metrics_shard(m, 1), b, 4);
    gw_gauge_set(gw_metrics_shard(m, 0), g, -2);
    gw_observe(gw_metrics_shard(m, 0), h, 1500000);
    gw_observe(gw_metrics_shard(m, 1), h, 20000000000);
    gw_observe(gw_metrics_shard(m, 1), bare, 1);

    struct gw_buf out = expose(m);
    static const char begin[] =
        "# HELP requests_total Requests.\n"
        "# TYPE requests_total counter\n"
        "requests_total{route=\"/v1/users/{id}\",code=\"200\"} 3\n"
        "requests_total{route=\"/v1/users\",code=\"400\"} 4\n"
        "# HELP request_seconds Time.\n"
        "# TYPE request_seconds histogram\n"
        "request_seconds_bucket{route=\"/v1/users/{id}\",le=\"0.0005\"} 0\n"
        "request_seconds_bucket{route=\"/v1/users/{id}\",le=\"0.001\"} 0\n"
        "request_seconds_bucket{route=\"/v1/users/{id}\",le=\"0.0025\"} 1\n";
    assert_memory_equal(out.base, begin, sizeof(begin) - 1);
    assert_non_null(strstr(out.base, "le=\"+Inf\"} 2\n"
                                     "request_seconds_sum{route=\"/v1/users/{id}\"} 20.001500000\n"
                                     "request_seconds_count{route=\"/v1/users/{id}\"} 2\n"));
    assert_non_null(strstr(out.base, "\ntemperature -2\n"));
    assert_non_null(strstr(out.base, "\nbare_seconds_bucket{le=\"0.0005\"} 1\n"));
    assert_non_null(strstr(out.base, "\nbare_seconds_sum 0.000000001\nbare_seconds_count 1\n"));
    struct exposition e = read_exposition(out.base);
    dispose_exposition(&e);
    gw_buf_dispose(&out);
    gw_metrics_destroy(m);
}

static void label_values_and_help_are_escaped(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(1);
    struct gw_metric_label odd[] = {label("x", "a\\b\"c\nd\xc3\xa4{},="), label("y", "")};
    gw_metric c = gw_metrics_add(m, GW_COUNTER, "odd_total", "back\\slash\nline \"q\"", odd, 2);
    gw_metrics_freeze(m);
    gw_count(gw_metrics_shard(m, 0), c, 1);
    struct gw_buf out = expose(m);
    static const char begin[] = "# HELP odd_total back\\\\slash\\nline \"q\"\n"
                                "# TYPE odd_total counter\n"
                                "odd_total{x=\"a\\\\b\\\"c\\nd\xc3\xa4{},=\",y=\"\"} 1\n";
    assert_memory_equal(out.base, begin, sizeof(begin) - 1);
    struct exposition e = read_exposition(out.base);
    dispose_exposition(&e);
    gw_buf_dispose(&out);
    gw_metrics_destroy(m);
}

static void only_lone_counters_are_shown_at_zero(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(1);
    struct gw_metric_label a[] = {label("x", "a")}, b[] = {label("x", "b")};
    gw_metrics_add(m, GW_COUNTER, "many_total", "Many.", a, 1);
    gw_metric counted = gw_metrics_add(m, GW_COUNTER, "many_total", "Many.", b, 1);
    gw_metrics_add(m, GW_COUNTER, "one_total", "One.", a, 1);
    gw_metrics_add(m, GW_GAUGE, "level", "Level.", a, 1);
    gw_metrics_add(m, GW_GAUGE, "level", "Level.", b, 1);
    gw_metrics_freeze(m);
    gw_count(gw_metrics_shard(m, 0), counted, 1);
    struct gw_buf out = expose(m);
    assert_null(strstr(out.base, "many_total{x=\"a\"}"));
    assert_non_null(strstr(out.base, "many_total{x=\"b\"} 1\n"));
    assert_non_null(strstr(out.base, "one_total{x=\"a\"} 0\n"));
    assert_non_null(strstr(out.base, "level{x=\"a\"} 0\nlevel{x=\"b\"} 0\n"));
    gw_buf_dispose(&out);
    gw_metrics_destroy(m);
}

static void the_process_tells_about_itself(void **state)
{
    (void)state;
    struct gw_metrics *m = gw_metrics_create(1);
    gw_metrics_freeze(m);
    struct gw_buf before = expose(m);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    /* At least one tick of the CPU clock. */
    for (clock_t end = clock() + CLOCKS_PER_SEC / 50; clock() < end;)
        ;
    struct gw_buf after = expose(m);
    close(fds[0]);
    close(fds[1]);
    struct exposition a = read_exposition(before.base), b = read_exposition(after.base);
    assert_true(value_of(&b, "process_open_fds") == value_of(&a, "process_open_fds") + 2);
    assert_true(value_of(&b, "process_max_fds") >= value_of(&b, "process_open_fds"));
    assert_true(value_of(&b, "process_cpu_seconds_total") >
                value_of(&a, "process_cpu_seconds_total"));
    assert_true(value_of(&b, "process_threads") >= 1);
    assert_true(value_of(&b, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(&b, "process_virtual_memory_bytes") >=
                value_of(&b, "process_resident_memory_bytes"));
    double age = (double)time(NULL) - value_of(&b, "process_start_time_seconds");
    assert_true(age > -2 && age < 3600);
    dispose_exposition(&a);
    dispose_exposition(&b);
    gw_buf_dispose(&before);
    gw_buf_dispose(&after);
    gw_metrics_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_of_all_kinds_read_back),
        cmocka_unit_test(label_values_and_help_are_escaped),
        cmocka_unit_test(only_lone_counters_are_shown_at_zero),
        cmocka_unit_test(the_process_tells_about_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
