/* sockets_round.h — one round of measurements: here, in one namespace, or in all of them, with what the round before saw. */
#ifndef KEDGE_AGENT_LOCAL_SOCKETS_ROUND_H
#define KEDGE_AGENT_LOCAL_SOCKETS_ROUND_H

#include "agent/measure/netns.h"
#include "agent/measure/sockets_report.h"

struct sockets_subject {
	struct netns ns;                      /* name "" when no namespace was asked for */
	struct sockets_report *report;        /* owned; NULL: could not be measured, `fault` says why */
	const char *cgroups[SOCKETS_TOP_MAX]; /* of report->owners[], owned; NULL where unknown */
	struct fault fault;
};

struct sockets_round {
	const char *netns;                       /* NULL: here; "all"; else what netns_find() takes */
	struct sockets_options options;          /* diag and what comes from the round before are set here */
	struct sockets_subject *subjects, *last; /* owned, as what follows */
	size_t n, n_last;
	int home_fd; /* the namespace we came from */
};

/* Begin with zeroed members but netns and options. sockets_round_close() it in any case. KE_SYSTEM. */
int sockets_round_open(struct sockets_round *r, struct fault *f);
/* Measure everything; subjects[0..n) are the result, until the next round. Fails when nothing could be measured. */
int sockets_round_measure(struct sockets_round *r, struct fault *f);
void sockets_round_close(struct sockets_round *r);

#endif
