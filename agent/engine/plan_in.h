/* plan_in.h — shared by plan.c and plan_order.c, nobody else. */
#ifndef KEDGE_AGENT_ENGINE_PLAN_IN_H
#define KEDGE_AGENT_ENGINE_PLAN_IN_H

#include "agent/engine/plan.h"

/* Fill pl->order, n_order and changes from the keys; marks coupled keys and plans those that had their value already. */
int plan_order(struct plan *pl);

#endif
