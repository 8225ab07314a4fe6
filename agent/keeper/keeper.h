/* keeper.h — the state of kedge-keeper, shared by the files of this folder.
 *
 * One loop, no threads. Each file below has one job and the members that it owns; main.c opens and closes in order.
 *
 *	link.c     frames to and from the courier: fetch, push, confirm, news
 *	enforce.c  candidate -> plan -> apply -> confirmed or gone back; what is in force
 *	appear.c   interfaces and modules come and go: patterns expanded again, pending keys applied
 *	overrule.c  root's exceptions for a while: overridden keys, the host on hold
 *	lookout.c  polls and events -> drift -> restored or reported
 *	bpf_watch.c  BPF events
 *	lock.c     locked keys, and records of who was refused
 *	journalist.c  records: composed, signed, spooled, pushed
 *	about.c    what is known of one key
 *	control.c  root's local commands over agent.sock
 *	era.c      what time it is
 */
#ifndef KEDGE_KEEPER_KEEPER_H
#define KEDGE_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "agent/config/config.h"
#include "agent/engine/apply.h"
#include "agent/engine/engine.h"
#include "agent/engine/plan.h"
#include "agent/ipc/frame.h"
#include "agent/keeper/adopted.h"
#include "agent/keeper/held.h"
#include "agent/keeper/override.h"
#include "agent/keeper/resolve.h"
#include "agent/keeper/verify.h"
#include "agent/measure/cadence.h"
#include "agent/measure/sockets_report.h"
#include "agent/report/compose.h"
#include "agent/report/spool.h"
#include "agent/sandbox/sandbox.h"
#include "agent/watch/bpf.h"
#include "agent/watch/contest.h"
#include "agent/watch/drift.h"
#include "agent/watch/fanotify.h"
#include "agent/watch/poll.h"

#define KEEPER_EVENTS   64  /* writers remembered between two looks at the keys */
#define KEEPER_REFUSALS 512 /* refusals that were reported and are not repeated for a day */

#define KEEPER_LAST     128 /* keys of which the last drift is remembered */

/* A rollout that is applied and waits for its confirmation. */
struct pending {
	bool active;
	char name[POLICY_NAME_MAX + 1];
	int64_t serial, version;
	struct policy *policy; /* owned; NULL: a removal */
	char *document;        /* owned; its bytes */
	size_t len;
	unsigned char hash[SHA256_LEN]; /* of the merged plan */
	int64_t until_ms;               /* boot time: confirmed before, or it goes back */
};

/* A refusal that was reported. */
struct told {
	unsigned char id[SHA256_LEN]; /* of what was said */
	int64_t at_ms;                /* boot time */
};

/* The last drift of a key. */
struct last_drift {
	struct name key;
	char *body; /* owned, of its record; NULL: none */
	int64_t time;
};

/* What time it is: the system's clock, but never before the floor. */
struct era {
	int64_t floor;   /* seconds since 1970, known to be past */
	int64_t base_ms; /* boot time when floor was true */
};

struct keeper {
	struct ev_loop *loop;
	struct agent_config *config;
	const struct clock *clock;
	char *state_dir; /* CONFIG/state/keeper */
	char *trust_dir; /* state_dir/trust */
	pid_t supervisor, courier;
	int exit_code;

	struct era era;
	struct host_facts facts;
	struct engine *engine;
	struct adopted_list adopted;
	struct pending pending;
	struct plan *plan; /* of what is in force; its keys are watched */
	struct policy *merged;
	struct held held; /* rollouts that were begun and not adopted */
	bool held_back;   /* the host went down with what is adopted: nothing is written until root's retry */
	ev_timer deadline, reconfirm, absent;
	ev_io links_io;        /* interfaces came or went */
	unsigned absent_turns; /* of the timer since all keys were looked at */
	int64_t appear_ms;     /* boot time when all keys were looked at for new ones */
	struct override_list overrides; /* and the hold */
	ev_timer exceptions;

	struct verify *verify;
	struct assignment *assignment; /* the last news; NULL before */
	bool again;                    /* a round was asked for while one was under way */
	unsigned refresh_failures;
	int64_t round_ms; /* boot time of the last round's begin */
	ev_timer refresh;

	int ipc;
	ev_io ipc_io;
	int64_t ipc_second_ms; /* start of the second that ipc_used counts */
	unsigned ipc_used;     /* frames */
	ev_timer ipc_resume;
	uint32_t next_id, push_id, confirm_id;
	int64_t push_last; /* seq */
	ev_timer push;
	unsigned push_failures;

	struct signkey *key;
	struct spool *spool;
	struct told told[KEEPER_REFUSALS];
	size_t n_told, next_told;
	int64_t hour_ms;   /* start of the hour that refusals counts */
	unsigned refusals; /* records */
	int64_t status_ms; /* boot time of the last status record */
	ev_timer status, sockets;
	struct sockdiag *diag;
	struct sockets_report *report, *previous; /* previous: the last full one; NULL before the first */
	struct counters look;                     /* the last one; not known before the first */
	struct cadence cadence;

	struct poller *poller;
	struct contest *contest;
	struct fanotify_source fanotify;
	bool fanotify_on;
	struct bpf_reader *bpf; /* NULL: no BPF here */
	struct lock_row *locks; /* refused writers; NULL: none so far */
	size_t n_locked;        /* keys that are locked now */
	int proc_fd;
	struct drift_event events[KEEPER_EVENTS];
	size_t n_events;
	size_t drifted; /* keys that differ now */
	struct last_drift last[KEEPER_LAST];
	size_t next_last;
	unsigned looks; /* of the recheck after an event */
	ev_io fanotify_io, bpf_io;
	ev_timer poll, recheck, resume, bpf_resume;

	int control; /* listening agent.sock; -1: none */
	ev_io control_io;
	const char *confinement; /* of both processes: "full" or "partial" */
	struct sandbox_report confined;
	struct sandbox_report courier_confined; /* as it says; pid 0 before */
};

/* era.c */
int era_open(struct keeper *k, struct fault *f);
/* Seconds since 1970 to judge expiry by. */
int64_t era_now(const struct keeper *k);
/* "ok", "behind" (the floor is used), "ahead" (nothing new is adopted). */
const char *era_state(const struct keeper *k);
/* The server said what time it is. Where that is near the system's clock, the floor rises to it. True: the clock was "ahead"
 * until now, and is not any more. */
bool era_server_time(struct keeper *k, int64_t seconds);
/* Everything up to now is past: keep that on disk. */
void era_save(struct keeper *k);

/* link.c */
/* Make the verifying machine over T, which becomes its own. */
int link_verify_open(struct keeper *k, struct trust *t);
/* Set the timers up, over the socket IPC; before anything is recorded. */
void link_open(struct keeper *k, int ipc);
/* Begin to talk. */
void link_start(struct keeper *k);
int link_fetch(void *ctx, uint32_t id, enum fetch_where where, const char *name, size_t max);
/* Ask for a confirmation; k->confirm_id is the question's. KE_BUSY: it could not be sent, k->confirm_id is 0. */
int link_confirm(struct keeper *k);
/* Push what is spooled, after SECONDS. */
void link_push(struct keeper *k, double seconds);
/* Look what is published, now or when the present round ends. */
void link_refresh(struct keeper *k);

/* enforce.c */
/* At start: what an unclean end left behind, then what was adopted, without network. */
int enforce_start(struct keeper *k, struct fault *f);
int enforce_floor(void *ctx, const char *policy, int64_t serial, struct fault *f);
int enforce_adopt(void *ctx, const struct rollout *r, struct policy *p, const char *document, size_t len,
        struct fault *f);
/* The confirmation came: RC 0, or why not. */
void enforce_confirmed(struct keeper *k, int rc, const char *why);
/* Plan what is adopted, and overridden, anew, and write what differs, unless the host is on hold. */
int enforce_again(struct keeper *k, struct fault *f);
/* The same with a new override of KEY, which is in the list already, and only if KEY can hold it: else nothing was changed. */
int enforce_trial(struct keeper *k, const struct name *key, struct fault *f);
/* What is adopted, and overridden, observed and planned anew; nothing is written. plan_free() and policy_free() them, or hand them
 * to enforce_take(). */
int enforce_plan(struct keeper *k, struct policy **ret_merged, struct plan **ret, struct fault *f);
/* MERGED and PL are what is in force from now on; both become the keeper's. */
void enforce_take(struct keeper *k, struct policy *merged, struct plan *pl);
/* Root says that what is held may be tried again. */
int enforce_retry(struct keeper *k, struct fault *f);
/* At the end: nobody will be there to take back what nobody confirmed. */
void enforce_stop(struct keeper *k);

/* appear.c */
/* FD is readable when interfaces came or went; -1: nobody says so. Before enforce_start(). */
void appear_start(struct keeper *k, int fd);
/* Another plan is in force: wait for what it lacks. */
void appear_plan(struct keeper *k);
/* Keys are gone, or are others of the same name: look at all of them when the loop gets to it. */
void appear_soon(struct keeper *k);
/* Look now: what came is applied and recorded, what went is pending. */
void appear_look(struct keeper *k);
/* overrule.c */
/* At start, before anything is applied: read what lasts, end what is over. */
void overrule_start(struct keeper *k);
/* At the end: write down what is left of each. */
void overrule_stop(struct keeper *k);
/* Count down; end what is over. */
void overrule_look(struct keeper *k);
/* Is the host on hold? */
bool overrule_hold(struct keeper *k);
/* All overridden keys are given up because of WHY. Were there any? */
bool overrule_drop(struct keeper *k, const char *why);
/* Do what the wish in TEXT (wish.h) says, for the process PEER of root; the list as it is then, or what the wish asks about, is
 * appended to OUT. */
int overrule_ask(
        struct keeper *k, const char *text, size_t len, pid_t peer, struct buf *out, struct fault *f);

/* lookout.c */
int lookout_start(struct keeper *k, int fanotify_fd, struct fault *f);
/* Watch the keys of k->plan from now on. */
void lookout_set(struct keeper *k);
void lookout_stop(struct keeper *k);
/* Somebody wrote: remember who, and (lookout_soon) look at the keys at once, after 1 and after 10 ms. */
void lookout_event(struct keeper *k, const struct drift_event *e);
void lookout_soon(struct keeper *k);

/* "fanotify" or "flooded", for k->fanotify_on. */
const char *lookout_attribution(const struct keeper *k);

/* bpf_watch.c */
/* Read events from these two descriptors, when they are there (-1: not). Without them, and when they cannot be mapped, k->bpf stays NULL. */
void bpf_watch_start(struct keeper *k, int ring_fd, int desk_fd);
/* "bpf" or "flooded"; k->bpf is there. */
const char *bpf_watch_attribution(const struct keeper *k);

/* lock.c */
/* Lock those of the N keys at WANTS whose mode says so, and no others. */
void lock_set(struct keeper *k, const struct poll_want *wants, size_t n);
/* A write to locked key E->name was refused: VALUE. Recorded, at most once a minute for each key. */
void lock_refused(struct keeper *k, const struct drift_event *e, const char *value);
/* Record those that were counted and not told, when it is time. */
void lock_tell(struct keeper *k);

/* journalist.c */
int journalist_start(struct keeper *k, struct fault *f);
/* Spool one record; URGENT: push at once. Trouble is logged. */
void journalist_record(struct keeper *k, enum record_kind kind, const struct buf *body, bool urgent);
void journalist_apply(struct keeper *k, const char *policy, int64_t version, int64_t serial,
        enum apply_result result, const char *reason, const struct plan *pl, const unsigned char *hash);
void journalist_refusal(
        void *ctx, enum refusal_what what, const char *name, int64_t serial, const struct fault *f);
/* A rollout is for others, or for later: said in the log, once a day. */
void journalist_pass(void *ctx, const char *name, int64_t serial, const struct fault *f);
/* Measure the sockets now, as far as their share of a processor allows, and record it. */
void journalist_sockets(struct keeper *k);
/* Something of the status changed: report it soon. */
void journalist_status_soon(struct keeper *k);
/* The body of a status record. */
void journalist_status_body(struct keeper *k, struct buf *out);

/* about.c */
/* BODY, of a drift record, is the newest about KEY. */
void about_note(struct keeper *k, const struct name *key, const struct buf *body);
/* What is known of KEY, as a document (proto/schema/about.schema.json). */
void about_json(struct keeper *k, const struct name *key, struct jsonw *w);
void about_clear(struct keeper *k);

/* control.c */
void control_start(struct keeper *k, int fd);

#endif
