/* outlook.c — the plan against the listed fleet. Pure but for the drawing of salts, which is handed in. Hosts whose row cannot be
 * read are left out and so not counted. Called by the rollout commands with --forecast and --canaries. */
#include "server-stub/ctl/outlook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "policies/knowledge.h"

#define GROUPS_MAX 64
#define LABELS_MAX 64
#define FAULT      0.03 /* that is asked for where the gates name none */

static const char *text_of(const cJSON *at, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(at, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

/* ---- reading ---- */

/* What HOST last told of itself, and is it meant? */
static bool facts_of(const cJSON *row, const struct rollout *r, struct outlook_host *host)
{
	const cJSON *facts = cJSON_GetObjectItemCaseSensitive(row, "facts");
	const cJSON *memory = cJSON_GetObjectItemCaseSensitive(facts, "memory_bytes");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(facts, "labels");
	struct label labels[LABELS_MAX];
	unsigned major = 0, minor = 0;
	size_t n = 0;

	if (sscanf(text_of(row, "kernel"), "%4u.%4u", &major, &minor) == 2)
		snprintf(host->kernel, sizeof host->kernel, "%u.%u", major, minor);
	else
		snprintf(host->kernel, sizeof host->kernel, "?");
	if (cJSON_IsNumber(memory) && memory->valuedouble > 0)
		host->memory = (uint64_t)memory->valuedouble;
	if (!r->selector || !facts)
		return true;
	for (const cJSON *item = list ? list->child : NULL; item && n < LABELS_MAX; item = item->next)
		if (cJSON_IsString(item))
			labels[n++] = (struct label){ item->string, item->valuestring };
	const struct host_facts is = { .kernel = major ? KERNEL(major, minor) : 0,
		.memory_bytes = host->memory,
		.labels = labels,
		.n_labels = n };
	return selector_match(r->selector, &is);
}

int outlook_read(const struct cJSON *rows, const struct rollout *r, struct outlook *ret, struct fault *f)
{
	size_t room = (size_t)(cJSON_GetArraySize(rows) + 1);
	struct outlook o = { .hosts = calloc(room, sizeof *o.hosts) };

	if (!o.hosts)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	for (const cJSON *row = rows ? rows->child : NULL; row; row = row->next) {
		struct outlook_host *host = &o.hosts[o.n];
		const char *id = text_of(row, "id"), *state = text_of(row, "state");
		if (!*id || strlen(id) >= sizeof host->id || strcmp(state, "revoked") == 0)
			continue;
		o.enrolled++;
		*host = (struct outlook_host){ .online = strcmp(state, "online") == 0 };
		memcpy(host->id, id, strlen(id) + 1);
		o.n += facts_of(row, r, host);
	}
	*ret = o;
	return KE_OK;
}

void outlook_clear(struct outlook *o)
{
	free(o->hosts);
	*o = (struct outlook){ 0 };
}

/* ---- the salt ---- */

int outlook_salt(
        const struct outlook *o, struct rollout *r, int (*draw)(void *bytes, size_t len), struct fault *f)
{
	for (int tries = 0; tries < OUTLOOK_SALTS; tries++) {
		int64_t counts[ROLLOUT_MAX_WAVES] = { 0 };
		if (draw(r->salt, sizeof r->salt))
			return fault_set(f, KE_SYSTEM, NULL, NULL, "no random numbers");
		for (size_t i = 0; i < o->n; i++) {
			size_t wave;
			if (rollout_wave_of(r, o->hosts[i].id, &wave))
				counts[wave]++;
		}
		if (rollout_fits(r, counts, (int64_t)o->n))
			break;
	}
	return KE_OK;
}

/* ---- groups: hosts of one kernel release and memory class ---- */

struct group {
	char name[40];
	size_t n, taken;
};
struct groups {
	struct group rows[GROUPS_MAX];
	size_t n;
};

static const char *memory_class(uint64_t bytes)
{
	return bytes == 0              ? "?"
	       : bytes < (4ull << 30)  ? "<4G"
	       : bytes < (16ull << 30) ? "4-16G"
	       : bytes < (64ull << 30) ? "16-64G"
	                               : ">=64G";
}

static const char *group_name(const struct outlook_host *h, bool memory, char name[40])
{
	snprintf(name, 40, memory ? "%s %s" : "%s", h->kernel, memory_class(h->memory));
	return name;
}

static struct group *group_of(struct groups *g, const char *name)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->rows[i].name, name) == 0)
			return &g->rows[i];
	if (g->n == GROUPS_MAX)
		return &g->rows[GROUPS_MAX - 1]; /* the rest together */
	struct group *row = &g->rows[g->n++];
	*row = (struct group){ 0 };
	snprintf(row->name, sizeof row->name, "%s", name);
	return row;
}

static int larger_first(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->n != y->n ? (x->n < y->n ? 1 : -1) : strcmp(x->name, y->name);
}

/* ---- the waves ---- */

static void percent(struct buf *out, double share)
{
	buf_fmt(out, share > 0 && share < 0.001 ? "less than 0.1 %%" : "%.1f %%", 100 * share);
}

static void power_text(const struct gates *g, int64_t n, struct buf *out)
{
	double background = gates_background(g), fault = gates_harm(g) ? (double)g->excess / 1000 : FAULT;

	buf_str(out, "; sees a fault of ");
	percent(out, fault);
	buf_str(out, " with ");
	percent(out, gates_power(g, background + fault, n));
	buf_str(out, ", halts a good one with ");
	percent(out, gates_power(g, background, n));
}

static void wave_text(
        const struct outlook *o, const struct rollout *r, size_t wave, size_t *so_far, struct buf *out)
{
	struct groups g = { .n = 0 };
	size_t n = 0, online = 0, at;
	char name[40];

	for (size_t i = 0; i < o->n; i++)
		if (rollout_wave_of(r, o->hosts[i].id, &at) && at == wave) {
			n++;
			online += o->hosts[i].online;
			group_of(&g, group_name(&o->hosts[i], false, name))->n++;
		}
	*so_far += n;
	qsort(g.rows, g.n, sizeof g.rows[0], larger_first);
	buf_fmt(out, "wave %zu  %zu hosts (%zu so far), %zu online", wave + 1, n, *so_far, online);
	for (size_t i = 0; i < g.n; i++)
		buf_fmt(out, "%s%s: %zu", i ? ", " : "; kernels ", g.rows[i].name, g.rows[i].n);
	power_text(&r->gates, (int64_t)*so_far, out);
	buf_char(out, '\n');
}

void outlook_text(const struct outlook *o, const struct rollout *r, struct buf *out)
{
	size_t so_far = 0;

	buf_fmt(out, "fleet   %zu of %zu hosts are selected\n", o->n, o->enrolled);
	for (size_t i = 0; !r->standing && i < r->n_waves; i++)
		wave_text(o, r, i, &so_far, out);
}

/* ---- canaries ---- */

struct draw_order {
	const struct outlook_host *host;
	uint64_t place;
};

static int by_place(const void *a, const void *b)
{
	const struct draw_order *x = a, *y = b;

	return x->place != y->place ? (x->place < y->place ? -1 : 1) : strcmp(x->host->id, y->host->id);
}

/* Take the first of ORDER that belongs to GROUP and was not taken. */
static const struct outlook_host *take(struct draw_order *order, size_t n, const char *group)
{
	char name[40];

	for (size_t i = 0; i < n; i++)
		if (order[i].host && strcmp(group_name(order[i].host, true, name), group) == 0) {
			const struct outlook_host *h = order[i].host;
			order[i].host = NULL;
			return h;
		}
	return NULL;
}

void outlook_canaries(const struct outlook *o, const struct rollout *r, size_t n, struct buf *out)
{
	struct draw_order *order = calloc(o->n + 1, sizeof *order);
	struct groups g = { .n = 0 };
	size_t online = 0, found = 0;
	char name[40];

	for (size_t i = 0; order && i < o->n; i++)
		if (o->hosts[i].online) {
			order[online++] =
			        (struct draw_order){ &o->hosts[i], rollout_place(r->salt, o->hosts[i].id) };
			group_of(&g, group_name(&o->hosts[i], true, name))->n++;
		}
	if (order)
		qsort(order, online, sizeof *order, by_place);
	qsort(g.rows, g.n, sizeof g.rows[0], larger_first);
	buf_str(out, "canaries, in turns from each kernel release and memory class: --wave canary=");
	for (bool any = true; any && found < n;) {
		any = false;
		for (size_t i = 0; i < g.n && found < n; i++) {
			const struct outlook_host *h = take(order, online, g.rows[i].name);
			if (!h)
				continue;
			buf_fmt(out, "%s%s", found++ ? "," : "", h->id);
			g.rows[i].taken++;
			any = true;
		}
	}
	buf_str(out, found ? "\n" : "(no host is online)\n");
	for (size_t i = 0; i < g.n; i++)
		buf_fmt(out, "  %-16s %zu of %zu\n", g.rows[i].name, g.rows[i].taken, g.rows[i].n);
	free(order);
}
