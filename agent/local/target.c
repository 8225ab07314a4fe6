/* target.c — gathers what lint rules may know about the running host. Every fact is optional: a missing /proc file makes
 * rules silent, never wrong. */
#include "agent/local/target.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engine/facts.h"
#include "agent/engine/procsys.h"
#include "proto/fileio.h"

/* Canonical live value of a key; kept until target_clear(). */
static const char *current_value(void *ctx, const struct name *n)
{
	struct target *t = ctx;
	const char *raw;
	char *canonical;
	size_t len;

	if (procsys_read(t->engine->ps, n, &raw, &len) ||
	        value_observed(knowledge_shape(n), raw, len, &canonical))
		return NULL;
	char **more = realloc(t->values, (t->n_values + 1) * sizeof *more);
	if (!more) {
		free(canonical);
		return NULL;
	}
	t->values = more;
	t->values[t->n_values++] = canonical;
	return canonical;
}

/* Second column of /proc/net/softnet_stat: packets dropped for want of room, a line per CPU. */
static bool softnet_drops(uint64_t *ret)
{
	char *text;
	size_t len;
	uint64_t sum = 0;

	if (file_read("/proc/net/softnet_stat", 1 << 20, &text, &len, NULL))
		return false;
	for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char *end;
		strtoull(line, &end, 16);
		sum += strtoull(end, &end, 16);
	}
	file_free(text);
	*ret = sum;
	return true;
}

static uint64_t memory_bytes(void)
{
	char *text;
	size_t len;
	uint64_t bytes = 0;

	if (file_read("/proc/meminfo", 1 << 16, &text, &len, NULL))
		return 0;
	if (facts_memory_parse(text, len, &bytes))
		bytes = 0;
	file_free(text);
	return bytes;
}

static bool in_child_netns(void)
{
	struct stat own, init;

	return !stat("/proc/self/ns/net", &own) && !stat("/proc/1/ns/net", &init) &&
	       own.st_ino != init.st_ino;
}

void target_read(struct engine *e, struct target *ret)
{
	*ret = (struct target){ .engine = e };
	ret->lint = (struct lint_target){
		.kernel = e->kernel,
		.memory_bytes = memory_bytes(),
		.page_size = (uint32_t)sysconf(_SC_PAGESIZE),
		.child_netns = in_child_netns(),
		.current = current_value,
		.ctx = ret,
	};
	ret->lint.softnet_known = softnet_drops(&ret->lint.softnet_dropped);
}

void target_clear(struct target *t)
{
	for (size_t i = 0; i < t->n_values; i++)
		free(t->values[i]);
	free(t->values);
	*t = (struct target){ 0 };
}
