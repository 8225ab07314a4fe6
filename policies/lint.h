/* lint.h — rules that know what half the internet copies wrong.
 *
 * A rule is a row: id, severity, the check, the message and the fix, with its sources. lint_run() takes what was
 * written (assignments with their comments) and facts about the target, and returns findings: pure, no I/O.
 */
#ifndef KEDGE_POLICIES_LINT_H
#define KEDGE_POLICIES_LINT_H

#include "policies/policy.h"
#include "policies/sysctl_conf.h"

enum lint_severity { LINT_INFO, LINT_WARNING, LINT_ERROR };

/* What the rules may know about the host that the settings are meant for. Zero means "not known": rules that need
 * the fact then stay silent. */
struct lint_target {
	uint32_t kernel; /* KERNEL(major, minor) */
	uint64_t memory_bytes;
	uint32_t page_size;
	bool child_netns;         /* settings are for a container's network namespace */
	uint64_t softnet_dropped; /* packets, when softnet_known */
	bool softnet_known;
	const uint16_t *
	        listen_ports; /* ports with a listener, when listen_known; else well-known ports are assumed */
	size_t n_listen_ports;
	bool listen_known;
	/* The live value of a key as canonical text (borrowed), or NULL; may be NULL itself. */
	const char *(*current)(void *ctx, const struct name *n);
	void *ctx;
	bool conntrack_missing;        /* nf_conntrack is known not to be loaded */
	bool kubernetes;               /* a Kubernetes node */
	bool containers;               /* the settings are meant for containers as well */
	bool multihomed;               /* more than one default route, policy routing or asymmetric paths */
	uint64_t expected_connections; /* at the same time */
	uint64_t bdp_bytes;            /* bandwidth times round trip of the path that matters */
	uint64_t max_open_files;       /* the largest LimitNOFILE configured */
	bool headroom_known;
	unsigned headroom_percent; /* free share of the port range towards the busiest destination */
};

struct lint_finding {
	const char *id; /* "TW001" */
	enum lint_severity severity;
	struct name name; /* path is "" when the finding is about the whole text */
	unsigned line;    /* 0: not from a file */
	char *message;
	const char *fix;            /* static */
	const char *const *sources; /* NULL-terminated, static */
	const char *
	        suppressed; /* why the policy's author thinks otherwise, borrowed from the policy; NULL: not suppressed */
};

struct lint_report {
	struct lint_finding *findings; /* by line, then id */
	size_t n;
};

/* Run every rule over CONF (settings as written) for TARGET. *RET is newly allocated; lint_report_free() it. Fails
 * only for want of memory. */
int lint_run(const struct conf *conf, const struct lint_target *target, struct lint_report **ret);
/* The same for a policy document: its settings with their "why" as comments. Rules about the order of lines do not
 * apply, since the engine orders by what the knowledge base says. What P suppresses is marked; a suppression that meets nothing
 * is a finding (SUP001). P must outlive the report. */
int lint_policy(const struct policy *p, const struct lint_target *target, struct lint_report **ret);
void lint_report_free(struct lint_report *r);
/* Ids of all rules, NULL-terminated, in order. */
const char *const *lint_ids(void);
const char *lint_severity_text(enum lint_severity s);

#endif
