#include "metrics/metrics.h"

#include <assert.h>
#include <stdlib.h>

#include "metrics/histogram.h"
#include "metrics/registry.h"

#define CACHE_LINE_BYTES 64
#define CELLS_PER_LINE (CACHE_LINE_BYTES / sizeof(uint64_t))

struct gw_metrics *gw_metrics_create(uint32_t shard_count)
{
    assert(shard_count > 0);
    struct gw_metrics *m = gw_alloc(sizeof(*m));
    m->shard_count = shard_count;
    return m;
}

void gw_metrics_destroy(struct gw_metrics *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->series.count; i++) {
        free((char *)m->series.items[i]->key.base);
        free(m->series.items[i]);
    }
    for (size_t i = 0; i < m->families.count; i++) {
        free(m->families.items[i].label_names);
        gw_vec_dispose(&m->families.items[i].series);
    }
    for (uint32_t i = 0; m->shards != NULL && i < m->shard_count; i++)
        free(m->shards[i].cells);
    gw_strmap_dispose(&m->by_key);
    gw_vec_dispose(&m->series);
    gw_vec_dispose(&m->families);
    free(m->shards);
    free(m);
}

static struct gw_metric_family *add_family(struct gw_metrics *m, enum gw_metric_kind kind,
                                           const char *name, const char *help,
                                           const struct gw_metric_label *labels, size_t label_count)
{
    struct gw_metric_family *family = gw_vec_push(&m->families);
    family->kind = kind;
    family->name = name;
    family->help = help;
    family->label_count = label_count;
    family->label_names = gw_alloc(label_count * sizeof(*family->label_names));
    for (size_t i = 0; i < label_count; i++)
        family->label_names[i] = labels[i].name;
    return family;
}

static bool has_labels(const struct gw_metric_family *family, const struct gw_metric_label *labels,
                       size_t label_count)
{
    if (family->label_count != label_count)
        return false;
    for (size_t i = 0; i < label_count; i++) {
        if (strcmp(family->label_names[i], labels[i].name) != 0)
            return false;
    }
    return true;
}

static struct gw_metric_family *family_of(struct gw_metrics *m, enum gw_metric_kind kind,
                                          const char *name, const char *help,
                                          const struct gw_metric_label *labels, size_t label_count)
{
    for (size_t i = 0; i < m->families.count; i++) {
        struct gw_metric_family *family = &m->families.items[i];
        if (strcmp(family->name, name) == 0) {
            assert(family->kind == kind && has_labels(family, labels, label_count));
            return family;
        }
    }
    return add_family(m, kind, name, help, labels, label_count);
}

bool gw_metrics_has_family(const struct gw_metrics *m, const char *name)
{
    for (size_t i = 0; i < m->families.count; i++) {
        if (strcmp(m->families.items[i].name, name) == 0)
            return true;
    }
    return false;
}

static void append_label_value(struct gw_buf *out, struct gw_slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.base[i];
        if (c == '\\' || c == '"' || c == '\n') {
            gw_buf_append_byte(out, '\\');
            c = c == '\n' ? 'n' : c;
        }
        gw_buf_append_byte(out, c);
    }
}

static struct gw_slice make_key(const char *family, const struct gw_metric_label *labels,
                                size_t label_count)
{
    struct gw_buf key = GW_BUF_HEAP;
    gw_buf_append(&key, gw_slice_str(family));
    for (size_t i = 0; i < label_count; i++) {
        gw_buf_append_byte(&key, i == 0 ? '{' : ',');
        gw_buf_append(&key, gw_slice_str(labels[i].name));
        gw_buf_append(&key, GW_SLICE("=\""));
        append_label_value(&key, labels[i].value);
        gw_buf_append_byte(&key, '"');
    }
    if (label_count > 0)
        gw_buf_append_byte(&key, '}');
    return gw_buf_slice(&key);
}

/* A histogram begins on a line of its own, so that its busy cells are two lines and not three. */
static gw_metric take_cells(struct gw_metrics *m, enum gw_metric_kind kind)
{
    if (kind == GW_HISTOGRAM)
        m->cell_count = (m->cell_count + CELLS_PER_LINE - 1) / CELLS_PER_LINE * CELLS_PER_LINE;
    gw_metric first = m->cell_count;
    m->cell_count += kind == GW_HISTOGRAM ? GW_HISTOGRAM_CELLS : 1;
    return first;
}

gw_metric gw_metrics_add(struct gw_metrics *m, enum gw_metric_kind kind, const char *family_name,
                         const char *help, const struct gw_metric_label *labels, size_t label_count)
{
    assert(m->shards == NULL);
    struct gw_metric_family *family = family_of(m, kind, family_name, help, labels, label_count);
    struct gw_slice key = make_key(family_name, labels, label_count);
    struct gw_metric_series *series = gw_strmap_get(&m->by_key, key);
    if (series != NULL) {
        free((char *)key.base);
        return series->first_cell;
    }
    series = gw_alloc(sizeof(*series));
    series->first_cell = take_cells(m, kind);
    series->kind = kind;
    series->key = key;
    if (label_count > 0) {
        series->labels = gw_slice_from(key, strlen(family_name) + 1);
        series->labels.len--;
    }
    gw_strmap_add(&m->by_key, key, series);
    *gw_vec_push(&family->series) = series;
    *gw_vec_push(&m->series) = series;
    return series->first_cell;
}

void gw_metrics_freeze(struct gw_metrics *m)
{
    assert(m->shards == NULL);
    size_t lines = m->cell_count / CELLS_PER_LINE + 1;
    m->shards = gw_alloc(m->shard_count * sizeof(*m->shards));
    for (uint32_t i = 0; i < m->shard_count; i++) {
        void *cells;
        if (posix_memalign(&cells, CACHE_LINE_BYTES, lines * CACHE_LINE_BYTES) != 0)
            h2o_fatal("no memory");
        memset(cells, 0, lines * CACHE_LINE_BYTES);
        m->shards[i].cells = cells;
    }
}

struct gw_metrics_shard *gw_metrics_shard(struct gw_metrics *m, uint32_t index)
{
    assert(m->shards != NULL && index < m->shard_count);
    return &m->shards[index];
}

uint64_t gw_metrics_cell(const struct gw_metrics *m, uint32_t cell)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; m->shards != NULL && i < m->shard_count; i++)
        sum += __atomic_load_n(&m->shards[i].cells[cell], __ATOMIC_RELAXED);
    return sum;
}

uint64_t gw_metrics_plain(const struct gw_metrics *m, enum gw_metric_kind kind, uint32_t cell)
{
    if (kind != GW_GAUGE_MAX)
        return gw_metrics_cell(m, cell);
    uint64_t most = 0;
    for (uint32_t i = 0; m->shards != NULL && i < m->shard_count; i++) {
        uint64_t n = __atomic_load_n(&m->shards[i].cells[cell], __ATOMIC_RELAXED);
        most = n > most ? n : most;
    }
    return most;
}

static int compare_cells(const void *key, const void *element)
{
    gw_metric wanted = *(const gw_metric *)key;
    gw_metric cell = (*(struct gw_metric_series *const *)element)->first_cell;
    return (wanted > cell) - (wanted < cell);
}

static enum gw_metric_kind kind_of(const struct gw_metrics *m, gw_metric number)
{
    struct gw_metric_series **series =
        bsearch(&number, m->series.items, m->series.count, sizeof(*m->series.items), compare_cells);
    assert(series != NULL);
    return (*series)->kind;
}

uint64_t gw_metrics_value(const struct gw_metrics *m, gw_metric series)
{
    enum gw_metric_kind kind = kind_of(m, series);
    if (kind != GW_HISTOGRAM)
        return gw_metrics_plain(m, kind, series);
    uint64_t count = 0;
    for (uint32_t i = 0; i < GW_HISTOGRAM_BUCKET_COUNT; i++)
        count += gw_metrics_cell(m, series + GW_HISTOGRAM_BUCKETS + i);
    return count;
}

uint64_t gw_metrics_quantile(const struct gw_metrics *m, gw_metric series, double q)
{
    assert(kind_of(m, series) == GW_HISTOGRAM);
    uint64_t counts[GW_HISTOGRAM_FINE_COUNT], total = 0;
    for (uint32_t i = 0; i < GW_HISTOGRAM_FINE_COUNT; i++) {
        counts[i] = gw_metrics_cell(m, series + GW_HISTOGRAM_FINE + i);
        total += counts[i];
    }
    if (total == 0)
        return 0;
    uint64_t below = 0;
    size_t i = 0;
    while (i + 1 < GW_HISTOGRAM_FINE_COUNT && (double)(below + counts[i]) < q * (double)total)
        below += counts[i++];
    return gw_histogram_fine_middle(i);
}
