/* gate_args.h — the options that become the gates of a rollout. */
#ifndef KEDGE_SERVER_CTL_GATE_ARGS_H
#define KEDGE_SERVER_CTL_GATE_ARGS_H

#include "policies/gates.h"
#include "server-stub/ctl/args.h"

/* The defaults, changed by --soak, --answered, --evidence, --failed, --reverted, --contested, --drifted, --background,
 * --excess; with --no-gates none at all. KE_USAGE, KE_RANGE: the fault names the option. */
int gate_args_read(const struct args *a, struct gates *ret, struct fault *f);
/* Is any of them given? */
bool gate_args_any(const struct args *a);

#endif
