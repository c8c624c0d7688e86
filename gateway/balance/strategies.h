/* The strategies, for balancer.c's array. */
#ifndef GW_BALANCE_STRATEGIES_H
#define GW_BALANCE_STRATEGIES_H

#include "balance/balancer.h"

extern const struct gw_balancer_ops gw_round_robin; /* round_robin.c */
extern const struct gw_balancer_ops gw_random;      /* random.c */
extern const struct gw_balancer_ops gw_weighted;    /* weighted.c */

#endif
