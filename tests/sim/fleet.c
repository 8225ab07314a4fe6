/* fleet.c — a simulated fleet against a real server: test bed, load generator, and a way to size a server.
 *
 *	fleet --port N --ca FILE --operator-cert FILE --operator-key FILE --root FILE [--hosts N] [--prefix NAME] [--seed N]
 *	      [--refuse PERCENT] [--revert PERCENT] [--drifts N] [--reboots N] [--poll SECONDS] [--rollouts N] [--seconds N]
 *
 * Enrols the hosts, parks them, and brings them whatever is rolled out; ends when N rollouts have ended on every host that is
 * not away (1), with status 1 after --seconds (600). What it prints, a line each: "enrolled", "parked", then for each rollout
 * "told", "written", "reported" and "ended" with the count, the moment (seconds since 1970) of the last, and this
 * process's CPU seconds so far, in all and in handshakes.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "certs/tls.h"
#include "tests/sim/swarm.h"

struct fleet {
	struct swarm_options opt;
	struct swarm *swarm;
	int64_t rollouts, seconds, done;
	bool enrolled, parked, written, reported, ended;
	double rollout; /* the moment that the present one's first host was told */
	ev_timer look;
	ev_signal stop;
	int rc;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long rss_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

static void say(const struct swarm_counts *c, const char *what, uint32_t count, double at)
{
	printf("%-9s %" PRIu32 " at %.3f cpu %.2f shake %.2f\n", what, count, at, cpu(),
	        (double)c->wire.handshake_ns / 1e9);
	fflush(stdout);
}

static void say_sums(const struct swarm_counts *c)
{
	const struct wire_sums *w = &c->wire;

	printf("outcome   %" PRIu32 " confirmed, %" PRIu32 " failed, %" PRIu32 " reverted, %" PRIu32
	       " refused\n",
	        c->confirmed, c->failed, c->reverted, c->refused);
	printf("sums      %" PRIu64 " records, %" PRIu64 " drifts, %" PRIu64 " reboots, %" PRIu64
	       " connections lost, %" PRIu64 " requests, %" PRIu64 " handshakes (%" PRIu64
	       " resumed, %" PRIu64 " failed, %.0f us each), %" PRIu64 " KiB in, %" PRIu64 " KiB out\n",
	        c->records, c->drifts, c->reboots, c->lost, w->requests, w->handshakes, w->resumed, w->failed,
	        w->handshakes ? (double)w->handshake_ns / 1000 / (double)w->handshakes : 0.0,
	        w->bytes_in / 1024, w->bytes_out / 1024);
	fflush(stdout);
}

static void once(bool *said, const struct swarm_counts *c, bool is, const char *what, double at)
{
	if (*said || !is)
		return;
	*said = true;
	say(c, what, c->enrolled, at);
}

/* Anything moved. */
static void moved(void *ctx)
{
	struct fleet *f = ctx;
	struct swarm_counts c;

	if (!f->swarm)
		return;
	swarm_counts(f->swarm, &c);
	uint32_t all = f->opt.hosts;
	once(&f->enrolled, &c, c.enrolled == all, "enrolled", now());
	if (!f->parked && c.parked == all) {
		f->parked = true;
		say(&c, "parked", all, now());
		printf("memory    %ld KiB, %.1f a host\n", rss_kib(), (double)rss_kib() / (double)all);
		fflush(stdout);
	}
	if (c.first_told > f->rollout) {
		f->rollout = c.first_told;
		f->written = f->reported = f->ended = false;
		say(&c, "told", c.told, c.first_told);
	}
	if (!f->rollout)
		return;
	once(&f->written, &c, c.written == all, "written", c.last_written);
	once(&f->reported, &c, c.reported == all, "reported", c.last_reported);
	once(&f->ended, &c, c.ended == all, "ended", c.last_ended);
	if (f->ended && f->rollout && ++f->done == f->rollouts) {
		say_sums(&c);
		ev_break(f->opt.loop, EVBREAK_ALL);
	} else if (f->ended) {
		f->rollout = c.first_told;
	}
}

/* The time is up. */
static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct fleet *f = timer->data;
	struct swarm_counts c;

	(void)events;
	swarm_counts(f->swarm, &c);
	printf("timeout   %" PRIu32 " enrolled, %" PRIu32 " parked, %" PRIu32 " told, %" PRIu32
	       " written, %" PRIu32 " reported, %" PRIu32 " ended\n",
	        c.enrolled, c.parked, c.told, c.written, c.reported, c.ended);
	say_sums(&c);
	f->rc = 1;
	ev_break(loop, EVBREAK_ALL);
}

static void on_stop(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct fleet *f = signal->data;
	struct swarm_counts c;

	(void)events;
	swarm_counts(f->swarm, &c);
	say_sums(&c);
	ev_break(loop, EVBREAK_ALL);
}

/* ---- the command line ---- */

static bool number(const char *text, double scale, int64_t *ret)
{
	char *end;
	double v = strtod(text, &end);

	*ret = (int64_t)(v * scale + 0.5);
	return end != text && !*end && v >= 0 && v < 1e12;
}

static bool option(struct fleet *f, const char *name, const char *value)
{
	int64_t n = 0;
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{ "--ca", &f->opt.ca_path },
		{ "--operator-cert", &f->opt.operator_cert },
		{ "--operator-key", &f->opt.operator_key },
		{ "--root", &f->opt.root_path },
		{ "--prefix", &f->opt.prefix },
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (strcmp(name, texts[i].name) == 0) {
			*texts[i].text = value;
			return true;
		}
	bool percent = strcmp(name, "--refuse") == 0 || strcmp(name, "--revert") == 0;
	if (!number(value, percent ? 10 : 1, &n))
		return false;
	if (strcmp(name, "--port") == 0)
		f->opt.port = (uint16_t)n;
	else if (strcmp(name, "--hosts") == 0)
		f->opt.hosts = (uint32_t)n;
	else if (strcmp(name, "--seed") == 0)
		f->opt.seed = (uint64_t)n;
	else if (strcmp(name, "--refuse") == 0)
		f->opt.refuses = (unsigned)n;
	else if (strcmp(name, "--revert") == 0)
		f->opt.goes_back = (unsigned)n;
	else if (strcmp(name, "--drifts") == 0)
		f->opt.drifts = (unsigned)n;
	else if (strcmp(name, "--reboots") == 0)
		f->opt.reboots = (unsigned)n;
	else if (strcmp(name, "--poll") == 0)
		f->opt.poll_s = n;
	else if (strcmp(name, "--rollouts") == 0)
		f->rollouts = n;
	else if (strcmp(name, "--seconds") == 0)
		f->seconds = n;
	else
		return false;
	return true;
}

static bool arguments(struct fleet *f, int argc, char **argv)
{
	for (int i = 1; i < argc; i += 2)
		if (i + 1 == argc || !option(f, argv[i], argv[i + 1])) {
			fprintf(stderr, "fleet: what is %s? Its first lines say what it takes\n", argv[i]);
			return false;
		}
	if (f->opt.port && f->opt.ca_path && f->opt.operator_cert && f->opt.operator_key &&
	        f->opt.root_path && f->opt.hosts && f->opt.hosts <= 1000000)
		return true;
	fprintf(stderr, "fleet: --port, --ca, --operator-cert, --operator-key and --root are needed\n");
	return false;
}

/* Two descriptors a host. */
static void more_files(uint32_t hosts)
{
	struct rlimit l = { 2 * (rlim_t)hosts + 256, 2 * (rlim_t)hosts + 256 };

	if (setrlimit(RLIMIT_NOFILE, &l) && !getrlimit(RLIMIT_NOFILE, &l)) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

int main(int argc, char **argv)
{
	struct fleet f = { .opt = { .prefix = "sim", .hosts = 100, .seed = 1, .poll_s = 60, .moved = moved },
		.rollouts = 1,
		.seconds = 600 };
	struct fault fault = { 0 };
	char line[1024];

	f.opt.ctx = &f;
	f.opt.loop = ev_default_loop(0);
	if (!arguments(&f, argc, argv))
		return 2;
	more_files(f.opt.hosts);
	signal(SIGPIPE, SIG_IGN); /* a server that is gone is an answer like another */
	if (tls_init(&fault) || swarm_open(&f.opt, &f.swarm, &fault)) {
		fprintf(stderr, "fleet: %s\n", fault_line(&fault, line, sizeof line));
		return 1;
	}
	ev_timer_init(&f.look, on_look, (double)f.seconds, 0.0);
	f.look.data = &f;
	ev_timer_start(f.opt.loop, &f.look);
	ev_signal_init(&f.stop, on_stop, SIGTERM);
	f.stop.data = &f;
	ev_signal_start(f.opt.loop, &f.stop);
	ev_run(f.opt.loop, 0);
	if (swarm_trouble(f.swarm)[0])
		printf("trouble   %s\n", swarm_trouble(f.swarm));
	swarm_close(f.swarm);
	return f.rc;
}
