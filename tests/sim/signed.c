/* signed.c — plans, and the signed files that say them. Mistakes that people make are among them: a rollout that names another
 * document than the one that is published, and one that is taken back. */
#include "tests/sim/signed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/clock.h"
#include "proto/codec.h"

#define HOUR 3600
#define DAY  86400

const char *const policy_names[POLICIES] = { "web", "db" };

uint64_t dice_roll(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

unsigned dice_below(struct dice *d, unsigned n)
{
	return (unsigned)(dice_roll(d) % n);
}

bool dice_is(struct dice *d, unsigned percent)
{
	return dice_below(d, 100) < percent;
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "signed: %s\n", what);
	abort();
}

/* Keys 0 and 1 are the web policy's, key 2 is db's. No value is a kernel's own. */
int signed_owner(size_t key)
{
	return key < 2 ? POLICY_WEB : POLICY_DB;
}

int64_t signed_value(size_t key, int64_t version)
{
	static const int64_t from[] = { 100, 600, 10000 };

	return from[key] + version;
}

size_t signed_policy(int policy, int64_t version, int64_t shift, char *text, size_t size)
{
	if (policy == POLICY_WEB)
		return (size_t)snprintf(text, size,
		        "{\"kedge_policy\":1,\"name\":\"web\",\"version\":%lld,\"settings\":["
		        "{\"key\":\"net.ipv4.tcp_fin_timeout\",\"value\":\"%lld\"},"
		        "{\"key\":\"net.ipv4.tcp_keepalive_time\",\"value\":\"%lld\"}]}",
		        (long long)version, (long long)(signed_value(0, version) + shift),
		        (long long)(signed_value(1, version) + shift));
	return (size_t)snprintf(text, size,
	        "{\"kedge_policy\":1,\"name\":\"db\",\"version\":%lld,\"settings\":["
	        "{\"key\":\"net.core.somaxconn\",\"value\":\"%lld\"}]}",
	        (long long)version, (long long)(signed_value(2, version) + shift));
}

static size_t waves_text(const struct signed_plan *p, char *text, size_t size)
{
	char hex[33], start[TIME_TEXT_ROOM];
	size_t n = (size_t)snprintf(text, size, "\"salt\":\"%s\",\"start\":\"%s\",\"waves\":[",
	        hex_encode(p->salt, sizeof p->salt, hex), time_format(p->start, start));

	for (size_t i = 0; i < p->n_waves; i++) {
		const struct signed_wave *w = &p->waves[i];
		n += (size_t)snprintf(text + n, size - n, "%s{", i ? "," : "");
		if (w->canary[0])
			n += (size_t)snprintf(text + n, size - n, "\"canaries\":[\"%s\"]", w->canary);
		else
			n += (size_t)snprintf(text + n, size - n, "\"share\":%lld", (long long)w->share);
		n += (size_t)snprintf(text + n, size - n, ",\"opens_after\":%lld,\"opens_before\":%lld}",
		        (long long)w->after, (long long)w->before);
	}
	return n + (size_t)snprintf(text + n, size - n, "]");
}

size_t signed_rollout(const struct signed_plan *p, bool forged, char *text, size_t size)
{
	const char *name = policy_names[p->policy];
	char document[512], target[300] = "", selector[100] = "", plan[700], hex[65];
	unsigned char digest[SHA256_LEN];

	if (p->version) {
		size_t len = signed_policy(p->policy, p->version, p->wrong_hash, document, sizeof document);
		sha256(document, len, digest);
		snprintf(target, sizeof target,
		        "\"version\":%lld,\"target\":{\"path\":\"policies/%s/%lld.json\",\"length\":%zu,"
		        "\"sha256\":\"%s\"},",
		        (long long)p->version, name, (long long)p->version, len,
		        hex_encode(digest, sizeof digest, hex));
	}
	if (p->role && !forged)
		snprintf(selector, sizeof selector, "\"selector\":{\"labels\":{\"role\":\"%s\"}},", p->role);
	if (p->standing || forged)
		snprintf(plan, sizeof plan, "\"standing\":true");
	else
		waves_text(p, plan, sizeof plan);
	return (size_t)snprintf(text, size,
	        "{\"kedge_rollout\":1,\"policy\":\"%s\",%s\"serial\":%lld,\"action\":\"%s\",%s%s}", name,
	        target, (long long)p->serial, p->version ? "apply" : "remove", selector, plan);
}

static void list(struct signer *s, struct signed_plan *p)
{
	char text[1500], path[64];

	p->serial = ++s->serial[p->policy];
	p->from = s->n_states + 1;
	p->until = SIGNED_STATES;
	snprintf(p->path, sizeof p->path, "rollouts/%s/%lld.json", policy_names[p->policy],
	        (long long)p->serial);
	if (p->version) {
		snprintf(path, sizeof path, "policies/%s/%lld.json", policy_names[p->policy],
		        (long long)p->version);
		signed_policy(p->policy, p->version, 0, text, sizeof text);
		repo_sim_target(s->repo, "policies", path, text);
	}
	signed_rollout(p, false, text, sizeof text);
	repo_sim_target(s->repo, "rollouts", p->path, text);
}

/* One to three waves, the first perhaps a named host, around NOW. */
static void waves_roll(struct signer *s, struct signed_plan *p, int64_t now, unsigned hosts)
{
	static const int64_t shares[] = { 100, 400, 1000 };
	int64_t after = 0;

	p->start = now - DAY + (int64_t)dice_below(s->dice, 2 * DAY);
	for (size_t i = 0; i < sizeof p->salt; i++)
		p->salt[i] = (unsigned char)dice_roll(s->dice);
	p->n_waves = 1 + dice_below(s->dice, SIGNED_WAVES);
	for (size_t i = 0; i < p->n_waves; i++) {
		struct signed_wave *w = &p->waves[i];
		w->after = after;
		w->before = after + HOUR + (int64_t)dice_below(s->dice, 3 * DAY);
		w->share = i + 1 == p->n_waves && dice_is(s->dice, 70) ? 1000 : shares[i];
		after += (int64_t)dice_below(s->dice, DAY);
	}
	if (dice_is(s->dice, 40))
		snprintf(p->waves[0].canary, sizeof p->waves[0].canary, "h%03u", dice_below(s->dice, hosts));
}

struct signed_plan *signer_plan(struct signer *s, int64_t now, unsigned hosts)
{
	static const char *const roles[] = { "web", "db" };
	struct signed_plan *p = &s->plans[s->n_plans];
	unsigned kind = dice_below(s->dice, 100);

	if (s->n_plans == SIGNED_PLANS)
		return NULL;
	if (s->n_plans % 8 == 2)
		kind = 99; /* a mistake, in short runs too */
	s->n_plans++;
	*p = (struct signed_plan){ .policy = (int)dice_below(s->dice, POLICIES) };
	int64_t *newest = &s->version[p->policy];
	if (kind < 15 && *newest > 1) {
		p->version = 0; /* a removal */
	} else if (kind < 35 && *newest > 1) {
		p->version = 1 + dice_below(s->dice, (unsigned)*newest); /* an older one, again */
	} else {
		p->version = ++*newest;
		p->wrong_hash = kind >= 95;
	}
	p->standing = dice_is(s->dice, 12);
	if (dice_is(s->dice, 35))
		p->role = roles[dice_below(s->dice, 2)];
	if (!p->standing)
		waves_roll(s, p, now, hosts);
	list(s, p);
	return p;
}

struct signed_plan *signer_standing(struct signer *s, int policy)
{
	struct signed_plan *p = &s->plans[s->n_plans];
	need(s->n_plans < SIGNED_PLANS, "no room for one more plan");
	s->n_plans++;
	*p = (struct signed_plan){ .policy = policy, .version = ++s->version[policy], .standing = true };
	list(s, p);
	return p;
}

void signer_withdraw(struct signer *s)
{
	struct signed_plan *p = s->n_plans ? &s->plans[dice_below(s->dice, (unsigned)s->n_plans)] : NULL;
	struct fault f;

	if (!p || p->until != SIGNED_STATES)
		return;
	p->until = s->n_states + 1;
	need(release_target_drop(s->repo->release, "rollouts", p->path, &f) == 0, p->path);
}

static void timestamp_key(const struct signer *s, char name[32])
{
	snprintf(name, 32, s->keys ? "timestamp-%d" : "timestamp", s->keys);
}

void signer_rotate(struct signer *s)
{
	char name[32];
	struct fault f;

	timestamp_key(s, name);
	const char *old = signkey_id(repo_sim_key(s->repo, name));
	s->keys++;
	timestamp_key(s, name);
	need(release_key_add(
	             s->repo->release, "timestamp", signkey_public(repo_sim_key(s->repo, name)), &f) == 0 &&
	                release_key_drop(s->repo->release, "timestamp", old, &f) == 0,
	        "rotation");
	s->root++;
}

static void expire_in(struct signer *s, const char *role, int64_t when)
{
	struct fault f;

	need(release_expires(s->repo->release, role, when, &f) == 0, role);
}

void signer_publish(struct signer *s, int64_t now)
{
	static const char *const slow[] = { "snapshot", "targets", "rollouts", "policies" };
	struct signed_state *state = &s->states[s->n_states + 1];

	need(s->n_states + 1 < SIGNED_STATES, "no room for one more publication");
	for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++)
		expire_in(s, slow[i], now + 20 * DAY);
	s->repo->now = now;
	state->expires = now + 7 * DAY;
	repo_sim_renew(s->repo);
	s->n_states++;
	need(release_version(s->repo->release, "timestamp") == s->n_states, "the timestamp's version");
	need(release_version(s->repo->release, "root") == s->root, "the root's version");
	const struct repo_sim_file *file = repo_sim_file(s->repo->metadata, "timestamp.json");
	state->timestamp = malloc(file->len);
	need(state->timestamp != NULL, "memory");
	memcpy(state->timestamp, file->data, file->len);
	state->len = file->len;
	state->keys = s->keys;
}

struct signer *signer_new(struct dice *d, int64_t now)
{
	struct signer *s = calloc(1, sizeof *s);

	need(s != NULL, "memory");
	s->dice = d;
	s->repo = repo_sim_new();
	s->root = s->n_states = 1; /* repo_sim's own first publication, which nobody is served */
	repo_sim_delegate(s->repo, "targets", "rollouts", "rollouts/*/*", true);
	repo_sim_delegate(s->repo, "targets", "policies", "policies/*/*", true);
	signer_publish(s, now);
	return s;
}

void signer_free(struct signer *s)
{
	for (int i = 0; i <= s->n_states; i++)
		free(s->states[i].timestamp);
	repo_sim_free(s->repo);
	free(s);
}
