/* The name that a client asks for (RFC 6066 section 3). Pure. */
#ifndef GW_TLS_SERVER_NAME_H
#define GW_TLS_SERVER_NAME_H

#include "base/slice.h"

#define GW_TLS_NAME_MAX 255

/* From the extension's content. Returns -1 when it is malformed, has no host name, or one that is
 * no host name. Lower case and terminated in `ret_name`. */
int gw_tls_server_name_parse(struct gw_slice extension, char ret_name[GW_TLS_NAME_MAX + 1]);

/* The same for a name as it stands in a certificate: a host name, or one with "*." before it. */
int gw_tls_server_name_normalize(struct gw_slice name, char ret_name[GW_TLS_NAME_MAX + 1]);

#endif
