/* oracle.c — the judgement, written from the architecture's words and not from the keeper's code. The linker leads every
 * pwrite() of the program through here (--wrap), so that a value that was there for a moment only is seen too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/codec.h"
#include "tests/sim/oracle.h"

#define AHEAD     (30 * INT64_C(86400)) /* a clock further ahead than this is not used */
#define NEAR      (15 * 60)             /* a server's clock that differs by less agrees */
#define MADE      INT64_C(1795478400)   /* 2026-11-24, when the program was made */
#define ROUND     1000 /* seconds for which a round may be judged by the metadata of its beginning */
#define CONFIRMED 200  /* seconds after which a candidate has been confirmed, or has gone back */

struct oracle oracle;

ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
void __wrap_log_at(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The simulated machines lose no power. */
int __wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

int __wrap_fdatasync(int fd)
{
	(void)fd;
	return 0;
}

/* What keepers under attack have to say fills screens. */
void __wrap_log_at(int level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void oracle_violation(const struct oracle_host *h, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (oracle.violations++ < 20)
		printf("VIOLATION %s (role %s) at %lld: %s\n", h->sim->host, h->role,
		        (long long)oracle.true_time, text);
}

/* ---- the clock ---- */

static int64_t floor_now(const struct oracle_host *h)
{
	return h->floor + (h->sim->boot_ms - h->base_ms) / 1000;
}

int64_t oracle_date(const struct oracle_host *h)
{
	int64_t floor = floor_now(h);

	return h->sim->wall > floor ? h->sim->wall : floor;
}

bool oracle_ahead(const struct oracle_host *h)
{
	return h->sim->wall - floor_now(h) > AHEAD;
}

static int64_t floor_on_disk(const struct oracle_host *h)
{
	char path[PATH_MAX];
	int64_t seconds = 0;

	sim_path(h->sim, h->sim->t.state, "floor", path);
	const char *text = file_get(&h->sim->t, path);
	if (text[0] && !time_parse(text, strlen(text), &seconds))
		oracle_violation(h, "its clock floor is '%s'", text);
	return seconds;
}

void oracle_started(struct oracle_host *h)
{
	int64_t kept = floor_on_disk(h), wall = h->sim->wall;

	h->floor = kept > MADE ? kept : MADE;
	if (wall > h->floor && (!kept || wall - h->floor <= AHEAD))
		h->floor = wall;
	h->base_ms = h->sim->boot_ms;
	memset(h->may, 0, sizeof h->may);
	if (!h->root)
		h->root = 1;
}

void oracle_server_time(struct oracle_host *h, int64_t seconds)
{
	int64_t wall = h->sim->wall;

	if (seconds <= wall - NEAR || seconds >= wall + NEAR || wall <= floor_now(h))
		return;
	h->floor = wall;
	h->base_ms = h->sim->boot_ms;
}

/* ---- what it was given ---- */

void oracle_gave_root(struct oracle_host *h, int n)
{
	if (n != h->root + 1)
		return;
	h->root = n;
	h->keys = n - 1;        /* each new root of this fleet replaces the timestamp key */
	h->seen = h->maybe = 0; /* and makes its hosts forget what the old key signed */
}

void oracle_gave_timestamp(struct oracle_host *h, int state)
{
	const struct signed_state *s = &oracle.signer->states[state];

	if (s->keys == h->keys && state > h->seen && s->expires > oracle_date(h))
		h->seen = state;
}

void oracle_gave_damaged(struct oracle_host *h, int state)
{
	if (oracle.signer->states[state].keys == h->keys && state > h->maybe)
		h->maybe = state;
}

/* ---- the plans ---- */

static unsigned place_of(const struct signed_plan *p, const char *host)
{
	unsigned char text[16 + 64], digest[SHA256_LEN];
	size_t len = strlen(host);
	unsigned __int128 share = 0;

	memcpy(text, p->salt, 16);
	memcpy(text + 16, host, len);
	sha256(text, 16 + len, digest);
	for (size_t i = 0; i < 8; i++)
		share = share << 8 | digest[i];
	return (unsigned)(share * 1000 >> 64);
}

static bool wave_is_open(const struct signed_plan *p, const char *host, int64_t now)
{
	unsigned place = place_of(p, host);

	for (size_t i = 0; i < p->n_waves; i++) {
		const struct signed_wave *w = &p->waves[i];
		if (w->canary[0] ? strcmp(w->canary, host) != 0 : place >= w->share)
			continue;
		return now >= p->start + w->after && now < p->start + w->before;
	}
	return false;
}

/* Is P listed in publication STATE, and that one still in date? */
static bool listed(const struct signed_plan *p, int state, int64_t now)
{
	return state && state >= p->from && state < p->until &&
	       oracle.signer->states[state].expires > now - ROUND;
}

/* May H adopt P at this moment? */
static bool may_adopt(const struct oracle_host *h, const struct signed_plan *p)
{
	int64_t now = oracle_date(h);

	return !oracle_ahead(h) &&
	       (listed(p, h->seen, now) || (h->maybe > h->seen && listed(p, h->maybe, now))) &&
	       !p->wrong_hash && (!p->role || strcmp(p->role, h->role) == 0) &&
	       p->serial > h->rows[p->policy].serial && (p->standing || wave_is_open(p, h->sim->host, now));
}

static void note_what_it_may(struct oracle_host *h)
{
	for (size_t i = 0; i < oracle.signer->n_plans; i++)
		if (may_adopt(h, &oracle.signer->plans[i]))
			h->may[i] = oracle.true_time;
}

static bool might(const struct oracle_host *h, size_t plan)
{
	const struct signed_plan *p = &oracle.signer->plans[plan];

	return p->serial > h->rows[p->policy].serial && h->may[plan] &&
	       oracle.true_time - h->may[plan] < CONFIRMED;
}

/* What KEY is under VERSION of its policy; 0: the kernel's own value. */
static int64_t value_under(size_t key, int64_t version)
{
	return version ? signed_value(key, version) : strtoll(sim_keys[key].value, NULL, 10);
}

/* ---- writes ---- */

static void judge_write(struct oracle_host *h, const char *path, const char *value)
{
	char *end;
	int64_t number = strtoll(value, &end, 10);
	size_t key = 0;

	oracle.writes++;
	while (key < SIM_KEYS && strcmp(sim_keys[key].path, path) != 0)
		key++;
	if (key == SIM_KEYS || end == value || (*end && *end != '\n')) {
		oracle_violation(h, "'%s' was written to %s", value, path);
		return;
	}
	int policy = signed_owner(key);
	note_what_it_may(h);
	if (number == value_under(key, h->rows[policy].version))
		return; /* back to what is adopted */
	for (size_t i = 0; i < oracle.signer->n_plans; i++) {
		const struct signed_plan *p = &oracle.signer->plans[i];
		if (p->policy == policy && might(h, i) && number == value_under(key, p->version))
			return;
	}
	oracle_violation(h,
	        "%lld was written to %s; serial %lld, version %lld is adopted, publication %d seen",
	        (long long)number, path, (long long)h->rows[policy].serial,
	        (long long)h->rows[policy].version, h->seen);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
	char link[64], path[PATH_MAX], value[256];

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < oracle.n_hosts; i++) {
		struct oracle_host *h = &oracle.hosts[i];
		size_t root = h->sim ? strlen(h->sim->t.root) : 0;
		if (!root || strncmp(path, h->sim->t.root, root) != 0 || path[root] != '/')
			continue;
		snprintf(value, sizeof value, "%.*s", (int)len, (const char *)data);
		judge_write(h, path + root + 1, value);
		break;
	}
	return __real_pwrite(fd, data, len, at);
}

/* ---- after a step ---- */

static void look_at_row(struct oracle_host *h, int policy, const struct oracle_row *now)
{
	struct oracle_row *before = &h->rows[policy];

	if (now->serial == before->serial && now->version == before->version)
		return;
	if (now->serial <= before->serial)
		oracle_violation(h, "%s went from serial %lld to %lld", policy_names[policy],
		        (long long)before->serial, (long long)now->serial);
	bool signed_so = false;
	for (size_t i = 0; i < oracle.signer->n_plans; i++) {
		const struct signed_plan *p = &oracle.signer->plans[i];
		signed_so = signed_so || (p->policy == policy && p->serial == now->serial &&
		                                 p->version == now->version && might(h, i));
	}
	if (!signed_so)
		oracle_violation(h, "%s: serial %lld, version %lld was adopted", policy_names[policy],
		        (long long)now->serial, (long long)now->version);
	oracle.adoptions++;
	oracle.removals += now->version == 0;
	*before = *now;
}

/* What the host wrote down as adopted. */
static void look_at_serials(struct oracle_host *h)
{
	char path[PATH_MAX];
	struct oracle_row rows[POLICIES] = { { 0 } };

	sim_path(h->sim, h->sim->t.state, "adopted.json", path);
	cJSON *tree = cJSON_Parse(file_get(&h->sim->t, path));
	const cJSON *list = cJSON_GetObjectItem(tree, "policies"), *row;
	cJSON_ArrayForEach(row, list)
	{
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(row, "name"));
		for (int i = 0; i < POLICIES; i++)
			if (name && strcmp(name, policy_names[i]) == 0)
				rows[i] = (struct oracle_row){ (int64_t)cJSON_GetNumberValue(
					                               cJSON_GetObjectItem(row, "serial")),
					(int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(row, "version")) };
	}
	cJSON_Delete(tree);
	for (int i = 0; i < POLICIES; i++)
		look_at_row(h, i, &rows[i]);
}

/* All keys of a policy are those of one version. */
static void look_at_values(struct oracle_host *h, int policy)
{
	int64_t now[SIM_KEYS];
	bool whole = true;

	for (size_t k = 0; k < SIM_KEYS; k++) {
		now[k] = strtoll(tree_get(&h->sim->t, sim_keys[k].path), NULL, 10);
		if (signed_owner(k) == policy)
			whole = whole && now[k] == value_under(k, h->rows[policy].version);
	}
	for (size_t i = 0; !whole && i < oracle.signer->n_plans; i++) {
		const struct signed_plan *p = &oracle.signer->plans[i];
		if (p->policy != policy || !might(h, i))
			continue;
		whole = true;
		for (size_t k = 0; k < SIM_KEYS; k++)
			if (signed_owner(k) == policy)
				whole = whole && now[k] == value_under(k, p->version);
	}
	if (!whole)
		oracle_violation(h, "%s: its keys are %lld %lld %lld", policy_names[policy],
		        (long long)now[0], (long long)now[1], (long long)now[2]);
}

void oracle_look(struct oracle_host *h)
{
	int64_t floor = floor_on_disk(h);

	note_what_it_may(h);
	look_at_serials(h);
	for (int i = 0; i < POLICIES; i++)
		look_at_values(h, i);
	if (floor < h->floor_file || floor > floor_now(h) + 1)
		oracle_violation(h, "its clock floor went from %lld to %lld; %lld is known",
		        (long long)h->floor_file, (long long)floor, (long long)floor_now(h));
	h->floor_file = floor;
}
