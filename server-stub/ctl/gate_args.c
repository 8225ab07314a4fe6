/* gate_args.c — "--failed 3,5%" and its kind. Refuses what says two things at once, and shares finer than a plan can hold.
 * Called by the rollout commands. */
#include "server-stub/ctl/gate_args.h"

#include <string.h>

static const char *const options[] = { "soak", "answered", "evidence", "failed", "reverted", "contested",
	"drifted", "background", "excess", "no-gates", NULL };

bool gate_args_any(const struct args *a)
{
	for (size_t i = 0; options[i]; i++)
		if (args_has(a, options[i]))
			return true;
	return false;
}

/* LEN bytes of TEXT, "5%" or "0.5%", as per mille up to MOST. */
static int per_mille(const char *text, size_t len, int64_t most, int64_t *ret, struct fault *f)
{
	size_t digits = strspn(text, "0123456789"), at = digits;
	int64_t n = 0;

	for (size_t i = 0; i < digits && digits <= 3; i++)
		n = n * 10 + (text[i] - '0');
	n *= 10;
	if (digits && text[at] == '.' && text[at + 1] >= '0' && text[at + 1] <= '9') {
		n += text[at + 1] - '0';
		at += 2;
	}
	if (!digits || digits > 3 || at + 1 != len || text[at] != '%' || n > most)
		return fault_set(f, KE_USAGE, NULL, "write PERCENT% with at most one decimal",
		        "'%.*s' is no share of up to %lld.%lld %%", (int)len, text, (long long)most / 10,
		        (long long)most % 10);
	*ret = n;
	return KE_OK;
}

/* "3", "5%", "3,5%" or "none". */
static int limit(const char *text, struct gate_limit *ret, struct fault *f)
{
	struct gate_limit l = { GATES_NO_LIMIT, GATES_NO_LIMIT };
	int rc = KE_OK;

	if (strcmp(text, "none") == 0) {
		*ret = l;
		return KE_OK;
	}
	for (const char *p = text; !rc; p++) {
		size_t len = strcspn(p, ",");
		bool share = len && p[len - 1] == '%';
		char number[16];
		if ((share ? l.share : l.hosts) != GATES_NO_LIMIT || len >= sizeof number)
			return fault_set(f, KE_USAGE, NULL, "write N, PERCENT%, N,PERCENT% or none",
			        "'%.40s' is no limit", text);
		memcpy(number, p, len);
		number[len] = '\0';
		rc = share ? per_mille(p, len, 999, &l.share, f)
		           : args_int(number, 0, GATES_EVIDENCE_MAX, &l.hosts, f);
		p += len;
		if (!*p)
			break;
	}
	if (!rc)
		*ret = l;
	return rc;
}

/* "3%", or "none": nothing is judged by chance. */
static int excess(const char *text, struct gates *g, struct fault *f)
{
	if (strcmp(text, "none") == 0) {
		g->background = g->excess = GATES_NO_LIMIT;
		return KE_OK;
	}
	int rc = per_mille(text, strlen(text), GATES_HARM_MAX, &g->excess, f);
	return !rc && !g->excess ? fault_set(f, KE_USAGE, NULL, "write none to judge nothing by chance",
	                                   "0 %% is no excess")
	                         : rc;
}

static int one(const struct args *a, const char *name, struct gates *g, struct fault *f)
{
	const char *text = args_value(a, name);
	int rc = KE_OK;

	if (!text)
		return KE_OK;
	if (strcmp(name, "soak") == 0) {
		rc = args_duration(text, &g->soak, f);
		if (!rc && g->soak > GATES_SOAK_MAX)
			rc = fault_set(f, KE_RANGE, NULL, NULL, "more than a year");
	} else if (strcmp(name, "answered") == 0) {
		rc = per_mille(text, strlen(text), 1000, &g->answered, f);
	} else if (strcmp(name, "evidence") == 0) {
		rc = args_int(text, 0, GATES_EVIDENCE_MAX, &g->evidence, f);
	}
	if (strcmp(name, "background") == 0)
		rc = per_mille(text, strlen(text), GATES_HARM_MAX, &g->background, f);
	if (strcmp(name, "excess") == 0)
		rc = excess(text, g, f);
	for (enum gate i = 0; i < GATE_COUNT; i++)
		if (strcmp(name, gate_name(i)) == 0)
			rc = limit(text, &g->limits[i], f);
	if (rc)
		fault_at(f, "--%s", name);
	return rc;
}

int gate_args_read(const struct args *a, struct gates *ret, struct fault *f)
{
	bool none = args_has(a, "no-gates");
	struct gates g = none ? gates_none() : gates_default();
	int rc = KE_OK;

	for (size_t i = 0; !rc && options[i]; i++) {
		if (strcmp(options[i], "no-gates") == 0)
			continue;
		if (none && args_has(a, options[i]))
			return fault_set(f, KE_USAGE, options[i], NULL, "--no-gates leaves nothing to set");
		rc = one(a, options[i], &g, f);
	}
	if (!rc)
		*ret = g;
	return rc;
}
