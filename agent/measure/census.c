/* Counting sockets while they stream by.
 *
 * What runs once a socket has to be cheap: the kernel needs 0.3 us to show one. A connection of a service costs an array
 * access; an outgoing one a look-up in the table of paths. Destinations are sums over paths, made at the end, as long as
 * all paths fit their table; when it is full, a second table takes over what is known so far and counts on.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/measure/census.h"
#include "agent/measure/topk.h"
#include "proto/err.h"

#define TABLE_DEFAULT 8192
#define PATH_WORDS    5
#define DEST_WORDS    3
#define OWNER_WORDS   2
#define OWNERS        512

struct path_note {
	uint32_t time_wait, aged, fin_wait2, live, entered, leaving;
};

struct owner_note {
	uint64_t listening;
};

struct census {
	struct census_setup setup;
	struct census_counts counts;
	struct topk *paths;
	struct topk *destinations;
	struct topk *owners;
	bool destinations_split; /* destinations counts on its own, since the paths overflow */
	struct port_set listening;
	struct port_set serving; /* ports that service[] has figures for */
	struct {
		uint32_t time_wait, live;
	} service[65536];
};

static const char *const state_names[TCP_STATES] = {
	[TCP_STATE_ESTABLISHED] = "ESTABLISHED",
	[TCP_STATE_SYN_SENT] = "SYN_SENT",
	[TCP_STATE_SYN_RECV] = "SYN_RECV",
	[TCP_STATE_FIN_WAIT1] = "FIN_WAIT1",
	[TCP_STATE_FIN_WAIT2] = "FIN_WAIT2",
	[TCP_STATE_TIME_WAIT] = "TIME_WAIT",
	[TCP_STATE_CLOSE] = "CLOSE",
	[TCP_STATE_CLOSE_WAIT] = "CLOSE_WAIT",
	[TCP_STATE_LAST_ACK] = "LAST_ACK",
	[TCP_STATE_LISTEN] = "LISTEN",
	[TCP_STATE_CLOSING] = "CLOSING",
	[TCP_STATE_NEW_SYN_RECV] = "NEW_SYN_RECV",
	[TCP_STATE_BOUND_INACTIVE] = "BOUND",
};

const char *tcp_state_name(unsigned state)
{
	return state < TCP_STATES && state_names[state] ? state_names[state] : "?";
}

int census_new(const struct census_setup *setup, struct census **ret)
{
	size_t table = setup->table ? setup->table : TABLE_DEFAULT;
	if (setup->low < 1 || setup->low > setup->high)
		return KE_RANGE;
	struct census *c = calloc(1, sizeof *c);
	if (!c)
		return KE_NOMEM;
	c->setup = *setup;
	int rc = topk_new(table, PATH_WORDS, sizeof(struct path_note), setup->hash_key, &c->paths);
	if (rc == 0)
		rc = topk_new(table, DEST_WORDS, 0, setup->hash_key, &c->destinations);
	if (rc == 0)
		rc = topk_new(OWNERS, OWNER_WORDS, sizeof(struct owner_note), setup->hash_key, &c->owners);
	if (rc) {
		census_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void census_free(struct census *c)
{
	if (!c)
		return;
	topk_free(c->paths);
	topk_free(c->destinations);
	topk_free(c->owners);
	free(c);
}

static void add_listener(struct census *c, uint16_t port)
{
	if (port_set_has(&c->listening, port))
		return;
	port_set_add(&c->listening, port);
	port_set_add(&c->serving, port);
	c->counts.listening_ports++;
	if (port >= c->setup.low && port <= c->setup.high && !port_set_has(c->setup.reserved, port))
		c->counts.listening_in_range++;
}

/* Age of a TIME_WAIT entry; its timer is set once, to 60 s. */
static inline uint32_t time_wait_age(const struct sockdiag_socket *s)
{
	return s->expires_ms < CENSUS_TIME_WAIT_MS ? CENSUS_TIME_WAIT_MS - s->expires_ms : 0;
}

static inline unsigned age_class(uint32_t age_ms)
{
	unsigned class = age_ms / CENSUS_AGE_CLASS_MS;
	return class < CENSUS_AGE_CLASSES ? class : CENSUS_AGE_CLASSES - 1;
}

static void destination_add(struct topk *t, const uint64_t path_key[PATH_WORDS], uint32_t weight)
{
	/* A path's key is source, destination, port: the destination's is its end. */
	if (weight)
		topk_add(t, path_key + PATH_WORDS - DEST_WORDS, weight);
}

/* The sums over all paths. */
static void destinations_fold(const struct topk *paths, struct topk *into)
{
	for (size_t i = 0; i < topk_count(paths); i++) {
		struct topk_entry e = topk_at(paths, i);
		const struct path_note *note = e.note;
		destination_add(into, e.key, note->time_wait);
	}
}

static void add_outgoing(struct census *c, const struct sockdiag_socket *s, uint32_t age)
{
	bool time_wait = s->state == TCP_STATE_TIME_WAIT;
	uint64_t key[PATH_WORDS] = { s->local.w[0], s->local.w[1], s->remote.w[0], s->remote.w[1],
		s->remote_port };
	if (!c->destinations_split && topk_count(c->paths) == topk_capacity(c->paths)) {
		destinations_fold(c->paths, c->destinations);
		c->destinations_split = true;
	}
	if (c->destinations_split && time_wait)
		destination_add(c->destinations, key, 1);
	struct path_note *note = topk_add(c->paths, key, 1);
	if (time_wait) {
		c->counts.outgoing_time_wait++;
		note->time_wait++;
		note->aged += age >= c->setup.reuse_delay_ms;
		note->entered += age < CENSUS_RATE_WINDOW_MS;
		note->leaving += s->expires_ms < CENSUS_RATE_WINDOW_MS;
	} else if (s->state == TCP_STATE_FIN_WAIT2 && s->timer == SOCKDIAG_TIMER_MINISOCKET) {
		note->fin_wait2++;
	} else {
		note->live++;
	}
}

static void add_service(struct census *c, const struct sockdiag_socket *s)
{
	port_set_add(&c->serving, s->local_port);
	if (s->state == TCP_STATE_TIME_WAIT) {
		c->service[s->local_port].time_wait++;
		c->counts.service_time_wait++;
	} else {
		c->service[s->local_port].live++;
	}
}

static void add_owner(struct census *c, const struct sockdiag_socket *s)
{
	const uint64_t key[OWNER_WORDS] = { s->uid, s->cgroup };
	struct owner_note *note = topk_add(c->owners, key, 1);
	note->listening += s->state == TCP_STATE_LISTEN;
}

static inline enum census_family family_of(const struct sockdiag_socket *s)
{
	if (s->family == AF_INET)
		return CENSUS_IPV4;
	return ip16_is_v4(&s->local) || ip16_is_v4(&s->remote) ? CENSUS_MAPPED : CENSUS_IPV6;
}

int census_add(const struct sockdiag_socket *s, void *census)
{
	struct census *c = census;
	uint32_t age = 0;
	c->counts.sockets++;
	c->counts.state[family_of(s)][s->state]++;
	if (s->inode)
		add_owner(c, s);
	if (s->state == TCP_STATE_LISTEN) {
		add_listener(c, s->local_port);
		return 0;
	}
	if (s->state == TCP_STATE_TIME_WAIT) {
		age = time_wait_age(s);
		c->counts.time_wait_age[age_class(age)]++;
	} else if (s->state == TCP_STATE_FIN_WAIT2 && s->timer == SOCKDIAG_TIMER_MINISOCKET) {
		c->counts.fin_wait2_mini++;
	}
	if (s->local_port < c->setup.low || s->local_port > c->setup.high ||
	        port_set_has(&c->listening, s->local_port) || port_set_has(c->setup.reserved, s->local_port))
		add_service(c, s);
	else if (c->setup.bound && port_set_has(c->setup.bound, s->local_port))
		c->counts.bound_sockets++;
	else
		add_outgoing(c, s, age);
	return 0;
}

void census_end(struct census *c)
{
	struct port_set lost = c->listening;
	for (unsigned i = 0; i < PORT_SET_WORDS; i++)
		lost.w[i] |= c->setup.reserved->w[i];
	c->counts.bound_in_range =
	        c->setup.bound ? port_set_count_without(c->setup.bound, &lost, c->setup.low, c->setup.high)
	                       : 0;
}

const struct census_counts *census_counts(const struct census *c)
{
	return &c->counts;
}

uint64_t census_state(const struct census_counts *c, enum tcp_state state)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < CENSUS_FAMILIES; i++)
		n += c->state[i][state];
	return n;
}

static uint32_t clip(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

size_t census_paths(const struct census *c, struct census_path *ret, size_t max, bool *ret_exact)
{
	struct topk_entry top[CENSUS_LARGEST];
	size_t n = topk_largest(c->paths, top, max < CENSUS_LARGEST ? max : CENSUS_LARGEST);
	for (size_t i = 0; i < n; i++) {
		const uint64_t *key = top[i].key;
		const struct path_note *note = top[i].note;
		ret[i] = (struct census_path){ .src = { { key[0], key[1] } },
			.dst = { { key[2], key[3] } },
			.dst_port = (uint16_t)key[4],
			.used = clip(top[i].count),
			.error = clip(top[i].error),
			.time_wait = note->time_wait,
			.aged = note->aged,
			.fin_wait2 = note->fin_wait2,
			.live = note->live,
			.entered = note->entered,
			.leaving = note->leaving };
	}
	*ret_exact = !topk_overflowed(c->paths);
	return n;
}

int census_destinations(const struct census *c, struct census_destination *ret, size_t max, size_t *ret_n)
{
	struct topk_entry top[CENSUS_LARGEST];
	struct topk *sums = NULL;
	const struct topk *from = c->destinations;
	if (!c->destinations_split) {
		int rc = topk_new(topk_capacity(c->paths), DEST_WORDS, 0, c->setup.hash_key, &sums);
		if (rc)
			return rc;
		destinations_fold(c->paths, sums);
		from = sums;
	}
	size_t n = topk_largest(from, top, max < CENSUS_LARGEST ? max : CENSUS_LARGEST);
	for (size_t i = 0; i < n; i++)
		ret[i] = (struct census_destination){ .addr = { { top[i].key[0], top[i].key[1] } },
			.port = (uint16_t)top[i].key[2],
			.time_wait = top[i].count,
			.error = top[i].error };
	topk_free(sums);
	*ret_n = n;
	return 0;
}

size_t census_owners(const struct census *c, struct census_owner *ret, size_t max)
{
	struct topk_entry top[CENSUS_LARGEST];
	size_t n = topk_largest(c->owners, top, max < CENSUS_LARGEST ? max : CENSUS_LARGEST);
	for (size_t i = 0; i < n; i++) {
		const struct owner_note *note = top[i].note;
		ret[i] = (struct census_owner){ .uid = (uint32_t)top[i].key[0],
			.cgroup = top[i].key[1],
			.sockets = top[i].count,
			.error = top[i].error,
			.listening = note->listening };
	}
	return n;
}

static bool busier(const struct census_service *a, const struct census_service *b)
{
	if (a->time_wait != b->time_wait)
		return a->time_wait > b->time_wait;
	if (a->live != b->live)
		return a->live > b->live;
	return a->port < b->port;
}

size_t census_services(const struct census *c, struct census_service *ret, size_t max)
{
	size_t n = 0;
	for (uint32_t port = 0; port < 65536 && max; port++) {
		if (port % 64 == 0 && !c->serving.w[port / 64]) {
			port += 63; /* none of these: most hosts serve a handful of ports */
			continue;
		}
		if (!port_set_has(&c->serving, (uint16_t)port))
			continue;
		struct census_service s = { .port = (uint16_t)port,
			.listening = port_set_has(&c->listening, (uint16_t)port),
			.time_wait = c->service[port].time_wait,
			.live = c->service[port].live };
		if (n == max && !busier(&s, &ret[n - 1]))
			continue;
		size_t at = n < max ? n++ : n - 1;
		for (; at > 0 && busier(&s, &ret[at - 1]); at--)
			ret[at] = ret[at - 1];
		ret[at] = s;
	}
	return n;
}
