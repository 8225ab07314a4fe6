/* facts.h — what a host knows about itself when it decides whether a policy is meant for it.
 *
 * Local facts only (uname, memory, the root-owned labels of its own configuration): never what a server says. The
 * engine reads them; selectors and lint only look at them.
 */
#ifndef KEDGE_POLICIES_FACTS_H
#define KEDGE_POLICIES_FACTS_H

#include <stddef.h>
#include <stdint.h>

struct label {
	char *name;
	char *value;
};

struct host_facts {
	uint32_t kernel;            /* KERNEL(major, minor) of policies/knowledge.h; 0: not known */
	uint64_t memory_bytes;      /* MemTotal; 0: not known */
	unsigned cpus;              /* online CPUs; 0: not known */
	const struct label *labels; /* names are unique */
	size_t n_labels;
};

#endif
