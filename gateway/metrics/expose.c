/* Prometheus text format 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
#include <inttypes.h>

#include "metrics/histogram.h"
#include "metrics/metrics.h"
#include "metrics/process.h"
#include "metrics/registry.h"

static const char *const kind_names[] = {
    [GW_COUNTER] = "counter",
    [GW_GAUGE] = "gauge",
    [GW_GAUGE_MAX] = "gauge",
    [GW_HISTOGRAM] = "histogram",
};

static void expose_header(const struct gw_metric_family *family, struct gw_buf *out)
{
    gw_buf_printf(out, "# HELP %s ", family->name);
    for (const char *c = family->help; *c != '\0'; c++) {
        if (*c == '\\' || *c == '\n')
            gw_buf_append_byte(out, '\\');
        gw_buf_append_byte(out, *c == '\n' ? 'n' : *c);
    }
    gw_buf_printf(out, "\n# TYPE %s %s\n", family->name, kind_names[family->kind]);
}

/* FAMILY_SUFFIX{LABELS} and a space. */
static void expose_name(const struct gw_metric_family *family, const char *suffix,
                        const struct gw_metric_series *series, struct gw_buf *out)
{
    gw_buf_append(out, gw_slice_str(family->name));
    gw_buf_append(out, gw_slice_str(suffix));
    if (series->labels.len > 0) {
        gw_buf_append_byte(out, '{');
        gw_buf_append(out, series->labels);
        gw_buf_append_byte(out, '}');
    }
    gw_buf_append_byte(out, ' ');
}

static void expose_bucket(const struct gw_metric_family *family,
                          const struct gw_metric_series *series, const char *le, uint64_t count,
                          struct gw_buf *out)
{
    gw_buf_append(out, gw_slice_str(family->name));
    gw_buf_append(out, GW_SLICE("_bucket{"));
    gw_buf_append(out, series->labels);
    gw_buf_append(out, series->labels.len > 0 ? GW_SLICE(",le=\"") : GW_SLICE("le=\""));
    gw_buf_append(out, gw_slice_str(le));
    gw_buf_append(out, GW_SLICE("\"} "));
    gw_buf_append_u64(out, count);
    gw_buf_append_byte(out, '\n');
}

/* The count is that of the buckets as read here, so that the two agree while workers go on. */
static void expose_histogram(const struct gw_metrics *m, const struct gw_metric_family *family,
                             const struct gw_metric_series *series, struct gw_buf *out)
{
    gw_metric first = series->first_cell;
    uint64_t sum_ns = gw_metrics_cell(m, first + GW_HISTOGRAM_SUM_NS), count = 0;
    for (uint32_t i = 0; i < GW_HISTOGRAM_BUCKET_COUNT; i++) {
        count += gw_metrics_cell(m, first + GW_HISTOGRAM_BUCKETS + i);
        expose_bucket(family, series, gw_histogram_bounds_le[i], count, out);
    }
    expose_name(family, "_sum", series, out);
    gw_buf_printf(out, "%" PRIu64 ".%09" PRIu64 "\n", sum_ns / 1000000000, sum_ns % 1000000000);
    expose_name(family, "_count", series, out);
    gw_buf_append_u64(out, count);
    gw_buf_append_byte(out, '\n');
}

static void expose_plain(const struct gw_metrics *m, const struct gw_metric_family *family,
                         const struct gw_metric_series *series, struct gw_buf *out)
{
    uint64_t value = gw_metrics_plain(m, family->kind, series->first_cell);
    if (family->kind == GW_COUNTER && value == 0 && family->series.count > 1)
        return;
    gw_buf_append(out, series->key);
    gw_buf_append_byte(out, ' ');
    if (family->kind == GW_GAUGE)
        gw_buf_append_i64(out, (int64_t)value);
    else
        gw_buf_append_u64(out, value);
    gw_buf_append_byte(out, '\n');
}

void gw_metrics_expose(const struct gw_metrics *m, struct gw_buf *out)
{
    for (size_t i = 0; i < m->families.count; i++) {
        const struct gw_metric_family *family = &m->families.items[i];
        expose_header(family, out);
        for (size_t k = 0; k < family->series.count; k++) {
            if (family->kind == GW_HISTOGRAM)
                expose_histogram(m, family, family->series.items[k], out);
            else
                expose_plain(m, family, family->series.items[k], out);
        }
    }
    gw_metrics_expose_process(out);
}
