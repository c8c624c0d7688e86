#include "runtime/listener_tls.h"

#include <stdlib.h>

#include "base/mem.h"

struct reading {
    const struct gw_config_tls *tls;
    struct gw_diagnostics *errors;
};

static void on_fault(void *arg, enum gw_tls_part part, size_t index, const char *message)
{
    const struct reading *reading = arg;
    const struct gw_config_certificate *pair = &reading->tls->certificates[index];
    switch (part) {
    case GW_TLS_CERTIFICATE:
        gw_diagnostics_add(reading->errors, pair->certificate.place, "`certificate`: %s", message);
        break;
    case GW_TLS_KEY:
        gw_diagnostics_add(reading->errors, pair->key.place, "`key`: %s", message);
        break;
    case GW_TLS_CLIENT_CA:
        gw_diagnostics_add(reading->errors, reading->tls->client_ca.place, "`client_ca`: %s",
                           message);
        break;
    }
}

struct gw_tls_context *gw_listener_tls_create(const struct gw_config_listener *listener,
                                              const struct gw_slice *protocols,
                                              size_t protocol_count,
                                              const struct gw_tls_context *previous,
                                              struct gw_diagnostics *errors)
{
    const struct gw_config_tls *tls = &listener->tls;
    struct gw_tls_files *files = gw_alloc(tls->certificate_count * sizeof(*files));
    for (size_t i = 0; i < tls->certificate_count; i++)
        files[i] = (struct gw_tls_files){tls->certificates[i].certificate.text,
                                         tls->certificates[i].key.text};
    const struct gw_tls_options options = {
        .certificates = files,
        .certificate_count = tls->certificate_count,
        .client_ca = tls->client_ca.text,
        .client_may_have_none = tls->client_certificate == GW_CLIENT_CERTIFICATE_OPTIONAL,
        .min_version = tls->min_version == 3 ? GW_TLS_1_3 : GW_TLS_1_2,
        .protocols = protocols,
        .protocol_count = protocol_count,
    };
    struct reading reading = {tls, errors};
    struct gw_tls_context *context = gw_tls_context_create(&options, previous, on_fault, &reading);
    free(files);
    return context;
}
