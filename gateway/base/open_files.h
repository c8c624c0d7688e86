/* How many descriptors the process may have, and has. */
#ifndef GW_BASE_OPEN_FILES_H
#define GW_BASE_OPEN_FILES_H

#include <stdint.h>

/* Raises the soft limit (RLIMIT_NOFILE) to the hard one, of which shells give much more; to a
 * million where the system would give any number. Returns the limit that holds. */
uint64_t gw_open_files_raise(void);
/* How many are open; without those above a gap in their numbers, which few processes inherit. */
uint64_t gw_open_files_count(void);

#endif
