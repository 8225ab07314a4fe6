/* btf.h — where the running kernel keeps the members of its structs, read from its type information (BTF). */
#ifndef KEDGE_AGENT_BPF_BTF_H
#define KEDGE_AGENT_BPF_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define BTF_PATH      "/sys/kernel/btf/vmlinux"
#define BTF_MAX_BYTES (64U << 20)

struct btf;

/* The types in the LEN bytes at DATA, which must outlive *RET and are checked as far as they are used. KE_SYNTAX, KE_UNSUPPORTED
 * (another byte order or version), KE_NOMEM. btf_free() it. */
int btf_open(const void *data, size_t len, struct btf **ret, struct fault *f);
void btf_free(struct btf *b);
/* The offset in bytes of MEMBER in struct STRUCT_NAME, also when it lies in an unnamed struct or union of it; MEMBER may be
 * several names joined by '.', each a member of the one before ("sysctls.list"). KE_NOENT: no such struct or member, or
 * it does not begin at a byte. */
int btf_offset(const struct btf *b, const char *struct_name, const char *member, uint32_t *ret);

#endif
