/* Stands for the VM in tests of what is interrupted by nothing but exceptions: counts what is held.
 */
#ifndef TESTS_UNIT_HOOKS_HOLD_H
#define TESTS_UNIT_HOOKS_HOLD_H

#include "hooks/library/library.h"

static int held;

void gw_hook_hold(mrb_state *mrb)
{
    (void)mrb;
    held++;
}

void gw_hook_release(mrb_state *mrb)
{
    (void)mrb;
    held--;
}

#endif
