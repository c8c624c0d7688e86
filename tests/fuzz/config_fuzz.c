/* A configuration file: any text either loads or gives errors, never both. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    struct gw_diagnostics errors = {0};
    struct gw_config *config = gw_config_parse("conf/f.yaml", gw_slice(data, size), &errors);
    if ((config == NULL) != (errors.count > 0))
        abort();
    gw_diagnostics_print(&errors, nowhere);
    gw_diagnostics_dispose(&errors);
    gw_config_destroy(config);
    return 0;
}
