/* Routes to the files of a folder, answered by libh2o's file handler: index.html for a folder,
 * types by extension, Last-Modified, ETag and ranges. Symbolic links are followed. */
#ifndef GW_FRONTEND_FILES_H
#define GW_FRONTEND_FILES_H

#include "frontend/exchange_internal.h"

struct gw_files;

/* NULL where no route leads to files. `h2o` is initialised, and outlives it. */
struct gw_files *gw_files_create(h2o_globalconf_t *h2o, const struct gw_snapshot *snapshot);
/* NULL is allowed. */
void gw_files_destroy(struct gw_files *files);

/* Answers; x->route leads to files. */
void gw_files_serve(struct gw_exchange *x);
/* The same behind on_response. */
void gw_files_send(struct gw_exchange *x);

#endif
