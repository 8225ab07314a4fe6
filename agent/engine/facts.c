/* facts.c — kernel release from uname, memory from /proc/meminfo, processors from the affinity-free count. Read once at
 * start, by resolve and observe's callers; a fact that cannot be read is an error, never a guess. */
#include "agent/engine/facts.h"

#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "policies/facts.h"
#include "policies/knowledge.h"
#include "proto/fileio.h"

/* Digits at *AT, at most LIMIT; moves *AT behind them. */
static bool number_take(const char **at, const char *end, uint64_t limit, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = *at;

	if (p == end || !isdigit((unsigned char)*p))
		return false;
	for (; p < end && isdigit((unsigned char)*p); p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > limit)
			return false;
	}
	*at = p;
	*ret = v;
	return true;
}

int facts_kernel_parse(const char *release, uint32_t *ret)
{
	const char *at = release, *end = release + strlen(release);
	uint64_t major, minor;

	if (!number_take(&at, end, 0xffff, &major) || at == end || *at++ != '.' ||
	        !number_take(&at, end, 0xffff, &minor))
		return KE_SYNTAX;
	*ret = KERNEL(major, minor);
	return KE_OK;
}

int facts_kernel(uint32_t *ret)
{
	struct utsname u;

	if (uname(&u))
		return KE_SYSTEM;
	return facts_kernel_parse(u.release, ret);
}

int facts_memory_parse(const char *text, size_t len, uint64_t *ret)
{
	static const char word[] = "MemTotal:";
	const char *end = text + len, *at = text;

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = nl ? nl : end;
		if ((size_t)(line_end - at) > sizeof word && memcmp(at, word, sizeof word - 1) == 0) {
			uint64_t kib;
			at += sizeof word - 1;
			while (at < line_end && *at == ' ')
				at++;
			if (!number_take(&at, line_end, UINT64_MAX / 16384, &kib) || line_end - at != 3 ||
			        memcmp(at, " kB", 3) != 0)
				return KE_SYNTAX;
			*ret = kib * 1024;
			return KE_OK;
		}
		at = line_end + 1;
	}
	return KE_SYNTAX;
}

int facts_read(struct host_facts *ret, struct fault *f)
{
	struct host_facts facts = { 0 };
	char *text = NULL;
	size_t len = 0;

	int rc = facts_kernel(&facts.kernel);
	if (rc)
		return fault_set(f, rc, "uname", NULL, "the kernel release is not two numbers");
	rc = file_read("/proc/meminfo", 65536, &text, &len, f);
	if (rc)
		return rc;
	rc = facts_memory_parse(text, len, &facts.memory_bytes);
	file_free(text);
	if (rc)
		return fault_set(f, rc, "/proc/meminfo", NULL, "has no MemTotal in kB");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 1)
		return fault_set(f, KE_SYSTEM, "sysconf", NULL, "the number of processors is not known");
	facts.cpus = (unsigned)cpus;
	*ret = facts;
	return KE_OK;
}
