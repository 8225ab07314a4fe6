/* oom.h — memory that runs out at a chosen allocation.
 *
 * A test program that links oom.c with -Wl,--wrap of malloc, calloc, realloc, strdup and free (tests/CMakeLists.txt does
 * so for test_*_oom) sees every allocation that kedge's own code makes, and those of cJSON after oom_hook_json(). The
 * allocations of libcrypto can fail too, after oom_hook_crypto(). What is allocated while nothing is armed never fails.
 */
#ifndef KEDGE_TESTS_OOM_H
#define KEDGE_TESTS_OOM_H

#include <stdbool.h>
#include <stddef.h>

enum oom_scope { OOM_OWN, OOM_CRYPTO }; /* kedge and cJSON; libcrypto only */

void oom_hook_json(void);
/* Before anything else calls libcrypto. False: too late. */
bool oom_hook_crypto(void);

/* The NTH allocation of SCOPE from now on (1: the next) fails, and with FOR_EVER all that follow. */
void oom_arm(enum oom_scope scope, size_t nth, bool for_ever);
/* No allocation fails any more. Did one fail? */
bool oom_disarm(void);
/* Allocations of kedge and cJSON that nobody has freed yet. */
size_t oom_live(void);

#endif
