/* The `listen` block, with its `tls`. */
#include "config/keys.h"

#include "config/forms.h"
#include "config/key_table.h"

/* One certificate by itself, or a list. */
static void check_tls(struct gw_reader *r, const struct gw_yaml_node *mapping, void *base)
{
    struct gw_config_tls *tls = base;
    static const char *const pair[] = {"certificate", "key"};
    bool has_list = gw_yaml_get(mapping, GW_SLICE("certificates")) != NULL;
    for (size_t i = 0; i < COUNT(pair); i++) {
        const struct gw_yaml_node *value = gw_yaml_get(mapping, gw_slice_str(pair[i]));
        if (has_list && value != NULL)
            gw_diagnostics_add(r->errors, value->place,
                               "`%s` beside `certificates`, expected one or the other", pair[i]);
        else if (!has_list && value == NULL)
            gw_diagnostics_add(r->errors, mapping->place, "`%s` is missing in `tls`", pair[i]);
    }
    if (!has_list) {
        tls->certificates = &tls->only;
        tls->certificate_count = 1;
    }
    const struct gw_yaml_node *rule = gw_yaml_get(mapping, GW_SLICE("client_certificate"));
    if (rule != NULL && gw_yaml_get(mapping, GW_SLICE("client_ca")) == NULL)
        gw_diagnostics_add(
            r->errors, rule->place,
            "`client_certificate` without `client_ca`, expected the authorities that "
            "a client's certificate may come from");
}

#define AT(member) offsetof(struct gw_config_certificate, member)
static const struct gw_key certificate_keys[] = {
    {"certificate", gw_read_path, AT(certificate), .required = true},
    {"key", gw_read_path, AT(key), .required = true},
};
#undef AT
static const struct gw_block certificate_block = {
    "a certificate", sizeof(struct gw_config_certificate), KEYS(certificate_keys)};

static const struct gw_choice client_certificate_choices[] = {
    {"required", GW_CLIENT_CERTIFICATE_REQUIRED},
    {"optional", GW_CLIENT_CERTIFICATE_OPTIONAL},
};
static const struct gw_choice tls_version_choices[] = {{"1.2", 2}, {"1.3", 3}};

#define AT(member) offsetof(struct gw_config_tls, member)
static const struct gw_key tls_keys[] = {
    {"certificate", gw_read_path, AT(only.certificate)},
    {"key", gw_read_path, AT(only.key)},
    {"certificates", gw_read_blocks, AT(certificates), .block = &certificate_block, .min = 1,
     .count_offset = AT(certificate_count)},
    {"client_ca", gw_read_path, AT(client_ca)},
    {"client_certificate", gw_read_choice, AT(client_certificate), "required",
     CHOICES(client_certificate_choices)},
    {"min_version", gw_read_choice, AT(min_version), "'1.2'", CHOICES(tls_version_choices)},
};
#undef AT
static const struct gw_block tls_block = {"`tls`", KEYS(tls_keys), .check = check_tls};

#define AT(member) offsetof(struct gw_config_listener, member)
static const struct gw_key listener_keys[] = {
    {"address", gw_read_string, AT(address), .required = true, .form = &gw_address_form},
    {"tls", gw_read_block, AT(tls), .block = &tls_block},
};
#undef AT
const struct gw_block gw_listener_keys = {"a listener", sizeof(struct gw_config_listener),
                                          KEYS(listener_keys)};
