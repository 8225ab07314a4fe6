/* bpf_watch.c — the BPF events in the keeper's loop.
 *
 * Wakes when the program wrote, asks /proc for what an event does not tell, while the writer may still be there, and hands over to lookout.c, which
 * reads the keys. An event is an attempt, made before the write: so nothing is concluded from it but who may have
 * caused what the next looks find. Too many of them: the poll goes on alone for the rest of the second.
 */
#include <stdio.h>
#include <unistd.h>

#include "agent/keeper/keeper.h"
#include "proto/log.h"

static void take(struct keeper *k, const struct bpf_event *e)
{
	const pid_t own[] = { getpid(), k->supervisor };
	const struct bpf_desk *desk = bpf_reader_desk(k->bpf);
	const struct writer_options wo = { .proc_fd = k->proc_fd,
		.own = own,
		.n_own = sizeof own / sizeof own[0],
		.event_ms = clock_boot_ms(k->clock) };
	struct drift_event d = { .source = DRIFT_BPF, .at_ms = wo.event_ms };

	if (!bpf_event_name(e, &d.name))
		return;
	snprintf(d.value, sizeof d.value, "%s", e->value);
	d.knob = knowledge_find(&d.name);
	/* Where the event tells nearly all, the keys need not wait for the rest. */
	if (e->flags & BPF_EVENT_KERNEL && desk->initial)
		writer_glance(&wo, (pid_t)e->own_pid, e->comm, &d.writer);
	else
		writer_identify(&wo, (pid_t)e->own_pid, &d.writer);
	bpf_event_writer(e, desk->initial, &d.writer);
	if (e->flags & BPF_EVENT_REFUSED)
		lock_refused(k, &d, e->value);
	else
		lookout_event(k, &d);
}

static void resume_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct keeper *k = w->data;
	(void)revents;

	ev_io_start(loop, &k->bpf_io);
}

static void ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct keeper *k = w->data;
	struct bpf_event events[16];
	int64_t resume = 0, now = clock_boot_ms(k->clock);
	unsigned what;
	size_t n;
	(void)revents;

	do {
		what = bpf_reader_read(k->bpf, now, events, sizeof events / sizeof events[0], &n, &resume);
		for (size_t i = 0; i < n; i++)
			take(k, &events[i]);
	} while (what & BPF_MORE);
	if (what & BPF_FLOODED) {
		ev_io_stop(loop, w);
		ev_timer_stop(loop, &k->bpf_resume);
		ev_timer_set(&k->bpf_resume, (double)(resume > now ? resume - now : 1) / 1000., 0.);
		ev_timer_start(loop, &k->bpf_resume);
		journalist_status_soon(k);
	}
	lookout_soon(k);
}

void bpf_watch_start(struct keeper *k, int ring_fd, int desk_fd)
{
	struct fault f = { 0 };
	char line[512];

	if (ring_fd < 0 || desk_fd < 0)
		return;
	if (bpf_reader_open(ring_fd, desk_fd, &k->bpf, &f)) {
		log_warning("no events from BPF; the poll goes on reason=\"%s\"",
		        fault_line(&f, line, sizeof line));
		return;
	}
	close(desk_fd); /* the mapping stays */
	ev_init(&k->bpf_resume, resume_timer);
	ev_io_init(&k->bpf_io, ready, ring_fd, EV_READ);
	k->bpf_resume.data = k->bpf_io.data = k;
	ev_set_priority(&k->bpf_io, 1); /* before fanotify, which need not ask about the same writer again */
	ev_io_start(k->loop, &k->bpf_io);
}

const char *bpf_watch_attribution(const struct keeper *k)
{
	return bpf_reader_flooded(k->bpf, clock_boot_ms(k->clock)) ? "flooded" : "bpf";
}
