/* drift.h — rows of a poll and events of writers, put together: what drifted, who did it, what to do.
 *
 * Pure. A value that changed is attributed to an event on the key itself, else to an event on a key whose write is known to
 * change it too (the knowledge base's also_changes), else to nobody. What to do follows from the setting's mode and from
 * the contest. The keeper does it, sets the action to how it went, and records the result.
 */
#ifndef KEDGE_WATCH_DRIFT_H
#define KEDGE_WATCH_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/watch/contest.h"
#include "agent/watch/fanotify.h"
#include "agent/watch/poll.h"
#include "agent/watch/writer.h"

#define DRIFT_VALUE_ROOM 128

enum drift_action {
	DRIFT_RESTORE, /* to do: compare, write, read back; then one of the next two */
	DRIFT_RESTORED,
	DRIFT_RESTORE_FAILED,
	DRIFT_REPORTED,  /* monitor, audit: nothing to do */
	DRIFT_CONTESTED, /* left alone */
	DRIFT_HELD,      /* the host is on hold: left alone */
	DRIFT_REFUSED,   /* did not happen: the key is locked; new_value is what was tried */
};

enum drift_source { DRIFT_POLL, DRIFT_FANOTIFY, DRIFT_BPF };

/* An event with its writer, as the keeper collects them between two looks at the keys. */
struct drift_event {
	struct name name;
	const struct knob *knob; /* of name; NULL: unknown */
	struct writer writer;
	int64_t at_ms; /* boot time */
	enum drift_source source;
	char value[DRIFT_VALUE_ROOM]; /* what was to be written, as it came; "": not known */
};

struct drift {
	struct name key;
	/* Owned, canonical; WANTED with the sign of its bound, as it is told. OLD NULL: not known; NEW_VALUE NULL: not there any
	 * more. */
	char *wanted, *old, *new_value;
	char *put_right; /* owned; what a restore writes: of a bound, what meets it from NEW_VALUE */
	enum value_bound bound;
	enum setting_mode mode;
	enum drift_action action;
	enum drift_source source;
	char *policy; /* owned */
	int64_t version;
	struct writer writer; /* state WRITER_UNKNOWN when nobody is known */
	bool coupled;
	struct name coupled_with; /* the key whose write changed this one */
	int64_t attempts;         /* DRIFT_REFUSED: writes since the record before; else 0 */
};

struct drift_list {
	struct drift *rows;
	size_t n;
};

/* Judge N rows of a poll with the events that came since the poll before, oldest first. A row becomes a drift when it
 * differs from what is wanted, is no key that was made anew, and (it changed, or was never seen before, or its mode is enforce: then it waits for its
 * restore; a truce that was reported yields none). Writes by ourselves (WRITER_OURSELVES) explain nothing. NOW: seconds
 * since 1970. KE_NOMEM; drift_list_clear() *RET in any case. */
int drift_judge(const struct poll_row *rows, size_t n, const struct drift_event *events, size_t n_events,
        struct contest *contest, int64_t now, struct drift_list *ret);
void drift_list_clear(struct drift_list *l);
/* "restored", "reported", "contested", "held", "restore_failed", "refused", as in records ("restore" for one still to do). */
const char *drift_action_name(enum drift_action a);

/* How many milliseconds after an event the keys are to be read again for the LOOK-th time (0-based): an event can come
 * before the value is visible. -1: enough. At 0, 1 and 10 ms. */
int64_t drift_recheck_ms(unsigned look);
/* May an event of AT_MS still explain a change seen at NOW_MS? Older events are to be dropped. INTERVAL_MS: of the poll. */
bool drift_event_fresh(int64_t at_ms, int64_t now_ms, int64_t interval_ms);

/* Has BPF told already that process PID wrote key NAME? Then nothing else knows more. */
bool drift_event_told(const struct drift_event *events, size_t n, const struct name *name, pid_t pid);
/* Put E behind the N events at EVENTS, of which ROOM have place: the oldest one goes when there is none. When two sources told of
 * one write (same key, same process) the one that knows more stays: BPF. Returns the number of events then. */
size_t drift_event_add(struct drift_event *events, size_t n, size_t room, const struct drift_event *e);

#endif
