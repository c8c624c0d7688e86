/* Ruby hooks: code beside the configuration that sees requests, answers and errors, and changes
 * them. This is all of it that others see, besides rehearsal.h: a set for the process and a VM for
 * each worker (engine/engine.h), a call for each request (request/call.h). */
#ifndef GW_HOOKS_HOOKS_H
#define GW_HOOKS_HOOKS_H

#include "hooks/engine/engine.h"
#include "hooks/request/call.h"

#endif
