/* facts.h — what the host says about itself: kernel release, memory, processors.
 *
 * Local facts only; selectors and variants are resolved against them. No label comes from here: labels are the
 * root-owned configuration's.
 */
#ifndef KEDGE_AGENT_ENGINE_FACTS_H
#define KEDGE_AGENT_ENGINE_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

struct host_facts; /* policies/facts.h */

/* The running kernel's release as KERNEL(major, minor); 0 or KE_SYSTEM. */
int facts_kernel(uint32_t *ret);
/* "6.18.44-amd64" -> KERNEL(6, 18); KE_SYNTAX when it does not begin with two numbers. */
int facts_kernel_parse(const char *release, uint32_t *ret);
/* MemTotal of LEN bytes of /proc/meminfo's text, in bytes. KE_SYNTAX. */
int facts_memory_parse(const char *text, size_t len, uint64_t *ret);
/* All facts of the running host; the labels of *RET are left empty. KE_SYSTEM, KE_SYNTAX, KE_IO. */
int facts_read(struct host_facts *ret, struct fault *f);

#endif
