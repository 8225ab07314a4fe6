/* selector.c — reads, matches and writes selectors. Pure: facts come in as an argument.
 *
 * A selector is signed, so its reading must leave no choice: "LOW..HIGH", ">=X", "<=X" or "X" for kernels and
 * memory, and nothing else. Called by policy and rollout documents; matched by the keeper before adoption.
 */
#include "policies/selector.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/knowledge.h"

#define LABEL_NAME_MAX  63
#define LABEL_VALUE_MAX 128

/* A bound as text -> number, or false. */
typedef bool bound_reader(const char *text, size_t len, uint64_t *ret);

static bool digits_read(const char *text, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	if (len == 0 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		        __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
			return false;
	*ret = v;
	return true;
}

static bool kernel_read(const char *text, size_t len, uint64_t *ret)
{
	const char *dot = memchr(text, '.', len);
	uint64_t major, minor;
	if (!dot || !digits_read(text, (size_t)(dot - text), &major) ||
	        !digits_read(dot + 1, len - (size_t)(dot - text) - 1, &minor) || major == 0 || major > 999 ||
	        minor > 999)
		return false;
	*ret = KERNEL(major, minor);
	return true;
}

static bool memory_read(const char *text, size_t len, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	unsigned shift = unit && *unit ? 10u * (unsigned)(unit - units + 1) : 0;
	if (!digits_read(text, len - (shift != 0), ret) || *ret == 0 || *ret > UINT64_MAX >> shift)
		return false;
	*ret <<= shift;
	return true;
}

/* "LOW..HIGH", ">=LOW", "<=HIGH", "EXACTLY". */
static bool bounds_read(const char *s, bound_reader *reader, uint64_t *low, uint64_t *high)
{
	const char *dots = strstr(s, "..");
	*low = *high = 0;
	if (strncmp(s, ">=", 2) == 0)
		return reader(s + 2, strlen(s + 2), low);
	if (strncmp(s, "<=", 2) == 0)
		return reader(s + 2, strlen(s + 2), high);
	if (dots)
		return reader(s, (size_t)(dots - s), low) && reader(dots + 2, strlen(dots + 2), high) &&
		       *low <= *high;
	if (!reader(s, strlen(s), low))
		return false;
	*high = *low;
	return true;
}

static int read_bounds(const struct place *at, const char *member, bound_reader *reader, const char *todo,
        uint64_t *low, uint64_t *high, struct fault *f)
{
	const char *s;
	*low = *high = 0;
	int rc = read_opt_string(at, member, 64, &s, NULL, f);
	if (rc || !s)
		return rc;
	if (!bounds_read(s, reader, low, high))
		return place_fault(at, f, KE_SCHEMA, todo, "%s: '%s' is not a range", member, s);
	return 0;
}

static bool label_plain(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

static int read_labels(const struct place *at, struct selector *s, struct fault *f)
{
	struct place labels, item = { 0 };
	int rc = read_object(at, "labels", &labels, f);
	if (rc)
		return rc;
	size_t n = place_count(&labels);
	if (n > SELECTOR_MAX_LABELS)
		return place_fault(&labels, f, KE_TOOBIG, NULL, "more than %d labels", SELECTOR_MAX_LABELS);
	s->labels = calloc(n ? n : 1, sizeof s->labels[0]);
	if (!s->labels)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	while (place_next(&labels, &item)) {
		const char *value;
		rc = place_string(&item, 1, LABEL_VALUE_MAX, &value, f);
		if (rc)
			return rc;
		if (!*item.name || strlen(item.name) > LABEL_NAME_MAX || !label_plain(item.name) ||
		        !label_plain(value))
			return place_fault(
			        &item, f, KE_NAME, "use 1 to 63 printable ASCII characters", "not a label");
		struct label *l = &s->labels[s->n_labels++];
		l->name = strdup(item.name);
		l->value = strdup(value);
		if (!l->name || !l->value)
			return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	}
	return 0;
}

int selector_parse(const struct place *at, struct selector **ret, struct fault *f)
{
	static const char *const members[] = { "labels", "kernel", "memory", NULL };
	uint64_t low, high;
	struct selector *s = NULL;
	int rc = read_members(at, members, f);
	if (rc)
		return rc;
	s = calloc(1, sizeof *s);
	if (!s)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	if (read_has(at, "labels") && (rc = read_labels(at, s, f)))
		goto out;
	rc = read_bounds(at, "kernel", kernel_read, "write it like >=5.4 or 5.4..6.12", &low, &high, f);
	if (rc)
		goto out;
	s->kernel_min = (uint32_t)low;
	s->kernel_max = (uint32_t)high;
	rc = read_bounds(at, "memory", memory_read, "write it like >=4G or 4G..256G", &s->memory_min,
	        &s->memory_max, f);
	if (rc)
		goto out;
	*ret = s;
	s = NULL;
out:
	selector_free(s);
	return rc;
}

static const char *label_value(const struct host_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n_labels; i++)
		if (strcmp(facts->labels[i].name, name) == 0)
			return facts->labels[i].value;
	return NULL;
}

static bool within(uint64_t v, uint64_t low, uint64_t high)
{
	if (!low && !high)
		return true;
	return v && v >= low && (!high || v <= high);
}

int selector_check(const struct selector *s, const struct host_facts *facts, struct fault *f)
{
	if (!s)
		return 0;
	for (size_t i = 0; i < s->n_labels; i++) {
		const char *have = label_value(facts, s->labels[i].name);
		if (!have || strcmp(have, s->labels[i].value) != 0)
			return fault_set(f, KE_SELECTOR, "labels", NULL, "%s=%s is wanted, this host has %s",
			        s->labels[i].name, s->labels[i].value, have ? have : "no such label");
	}
	if (!within(facts->kernel, s->kernel_min, s->kernel_max))
		return fault_set(f, KE_SELECTOR, "kernel", NULL, "release %u.%u of this host is not meant",
		        facts->kernel >> 16, facts->kernel & 0xffff);
	if (!within(facts->memory_bytes, s->memory_min, s->memory_max))
		return fault_set(f, KE_SELECTOR, "memory", NULL,
		        "the %" PRIu64 " MiB of this host are not meant", facts->memory_bytes >> 20);
	return 0;
}

bool selector_match(const struct selector *s, const struct host_facts *facts)
{
	return selector_check(s, facts, NULL) == 0;
}

static void kernel_text(uint64_t v, char *buf, size_t size)
{
	snprintf(buf, size, "%" PRIu64 ".%" PRIu64, v >> 16, v & 0xffff);
}

static void memory_text(uint64_t v, char *buf, size_t size)
{
	unsigned unit = 0;
	for (; unit < 4 && v % 1024 == 0; unit++)
		v /= 1024;
	snprintf(buf, size, "%" PRIu64 "%.*s", v, unit != 0, &"?KMGT"[unit]);
}

static void bounds_print(struct jsonw *w, const char *name, uint64_t low, uint64_t high,
        void (*text)(uint64_t, char *, size_t))
{
	char a[32], b[32], both[80];
	if (!low && !high)
		return;
	text(low, a, sizeof a);
	text(high, b, sizeof b);
	if (!high)
		snprintf(both, sizeof both, ">=%s", a);
	else if (!low)
		snprintf(both, sizeof both, "<=%s", b);
	else
		snprintf(both, sizeof both, "%s..%s", a, b);
	jsonw_string(w, name, both);
}

void selector_print(const struct selector *s, struct jsonw *w, const char *name)
{
	jsonw_object(w, name);
	if (s->n_labels) {
		jsonw_object(w, "labels");
		for (size_t i = 0; i < s->n_labels; i++)
			jsonw_string(w, s->labels[i].name, s->labels[i].value);
		jsonw_object_end(w);
	}
	bounds_print(w, "kernel", s->kernel_min, s->kernel_max, kernel_text);
	bounds_print(w, "memory", s->memory_min, s->memory_max, memory_text);
	jsonw_object_end(w);
}

void selector_free(struct selector *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_labels; i++) {
		free(s->labels[i].name);
		free(s->labels[i].value);
	}
	free(s->labels);
	free(s);
}
