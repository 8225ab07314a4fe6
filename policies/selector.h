/* selector.h — which hosts a policy or a rollout is meant for.
 *
 * {"labels": {"role": "web"}, "kernel": ">=5.4", "memory": "4G..256G"}: every member is optional, all that are there
 * have to hold, and none of them means every host. Ends are inclusive; 6.12 as an upper end includes 6.12.90.
 * Memory takes K, M, G, T (powers of 1024). A fact that the host does not know does not match.
 */
#ifndef KEDGE_POLICIES_SELECTOR_H
#define KEDGE_POLICIES_SELECTOR_H

#include <stdbool.h>

#include "policies/facts.h"
#include "proto/err.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

#define SELECTOR_MAX_LABELS 32

struct selector {
	struct label *labels; /* owned */
	size_t n_labels;
	uint32_t kernel_min, kernel_max; /* KERNEL(major, minor); 0: open */
	uint64_t memory_min, memory_max; /* bytes; 0: open */
};

/* Read the object AT. Unknown members are refused. *RET is newly allocated; selector_free() it. */
int selector_parse(const struct place *at, struct selector **ret, struct fault *f);
/* Does a host with FACTS match? A NULL selector matches every host. */
bool selector_match(const struct selector *s, const struct host_facts *facts);
/* The same as a code: 0, or KE_SELECTOR with a fault that says which part does not match. */
int selector_check(const struct selector *s, const struct host_facts *facts, struct fault *f);
/* Write S as the member NAME. */
void selector_print(const struct selector *s, struct jsonw *w, const char *name);
void selector_free(struct selector *s);

#endif
