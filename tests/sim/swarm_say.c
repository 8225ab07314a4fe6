/* swarm_say.c — the records of a simulated host: bodies by the agent's own compose.c, lines by proto/record.c, signed with the
 * host's own key. They wait in the outbox until the server has them. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/swarm_in.h"

#define OUTBOX_MAX (8u << 20)

static void append(struct sim_host *h, enum record_kind kind, const struct buf *body)
{
	struct fault f = { 0 };

	if (!h->outbox.max)
		h->outbox = (struct buf)BUF_INIT(OUTBOX_MAX);
	if (body->rc || record_append(&h->chain, kind, swarm_now(), h->boot_id, buf_text(body), body->len,
	                        h->sign, &h->outbox, &f))
		host_trouble(h, "a record", &f);
	else
		h->swarm->counts.records++;
}

void say_epoch(struct sim_host *h)
{
	struct record_epoch e = { 0 };
	struct buf body = BUF_INIT(4096);

	record_key(h->sign, e.key);
	record_epoch_write(&e, &body);
	append(h, RECORD_EPOCH, &body);
	buf_free(&body);
}

void say_status(struct sim_host *h)
{
	char kernel[32], facts_kernel[16];
	const struct status_label label = { h->label.name, h->label.value };
	struct status_policy policies[HOST_POLICIES];
	struct buf body = BUF_INIT(65536);
	size_t n = 0;

	snprintf(facts_kernel, sizeof facts_kernel, "%u.%u", h->facts.kernel >> 16, h->facts.kernel & 0xffff);
	snprintf(kernel, sizeof kernel, "%s.0-simulated", facts_kernel);
	for (size_t i = 0; i < HOST_POLICIES; i++)
		if (h->held[i].serial)
			policies[n++] = (struct status_policy){ h->held[i].name, h->held[i].version,
				h->held[i].serial, h->held[i].state };
	const struct compose_status s = { .kernel = kernel,
		.uptime_s = 1,
		.policies = policies,
		.n_policies = n,
		.root = 1,
		.in_sync = true,
		.facts_kernel = facts_kernel,
		.memory_bytes = (int64_t)h->facts.memory_bytes,
		.cpus = h->facts.cpus,
		.labels = &label,
		.n_labels = 1,
		.attribution = "unavailable",
		.source = "poll",
		.coverage = "full",
		.confinement = "full",
		.clock = "ok" };
	compose_status(&s, &body);
	append(h, RECORD_STATUS, &body);
	buf_free(&body);
}

void say_apply(struct sim_host *h, const struct rollout *r, enum apply_result result, const char *reason,
        const unsigned char hash[SHA256_LEN])
{
	const struct compose_apply a = { .policy = r->policy,
		.version = r->version,
		.serial = r->serial,
		.result = result,
		.reason = reason,
		.plan_hash = hash };
	struct buf body = BUF_INIT(65536);

	compose_apply(&a, &body);
	append(h, RECORD_APPLY, &body);
	buf_free(&body);
}

void say_refusal(struct sim_host *h, const struct rollout *r, const char *path, const struct fault *f)
{
	struct buf body = BUF_INIT(65536);

	compose_refusal(REFUSAL_ROLLOUT, path, f, r->serial, &body);
	append(h, RECORD_REFUSAL, &body);
	buf_free(&body);
}

void say_drift(struct sim_host *h)
{
	static const char key[] = "net.ipv4.tcp_syn_retries";
	char wanted[] = "4", other[] = "5", policy[65];
	struct drift d = { .wanted = wanted,
		.old = wanted,
		.new_value = other,
		.policy = policy,
		.version = h->held[0].version,
		.action = DRIFT_RESTORED };
	struct buf body = BUF_INIT(65536);

	snprintf(policy, sizeof policy, "%s", h->held[0].name);
	if (!h->held[0].serial || name_parse(key, sizeof key - 1, &d.key, NULL))
		return;
	compose_drift(&d, false, &body);
	append(h, RECORD_DRIFT, &body);
	h->swarm->counts.drifts++;
	buf_free(&body);
}
