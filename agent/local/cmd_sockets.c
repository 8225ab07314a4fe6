/* cmd_sockets.c — `sockets`: the sockets of this network namespace, or of others, counted once or again and again, in place of
 * the article's netstat | awk. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/local/local.h"
#include "agent/local/sockets_round.h"
#include "agent/measure/sockets_metrics.h"
#include "proto/fileio.h"

static const char sockets_help[] =
        "usage: kedge-agent sockets [OPTIONS]\n"
        "Count this network namespace's TCP sockets in one pass: states (as netstat -an | awk would), "
        "TIME_WAIT by\n"
        "destination, port headroom per destination, owners, and advice. Needs no privileges.\n\n"
        "  --watch [SECONDS]        again every SECONDS (2), with rates of the kernel's counters and growth\n"
        "  --count N                end after N rounds of --watch\n"
        "  --dest ADDRESS[:PORT]    one destination in full\n"
        "  --top N                  rows of each table, 1 to 64\n"
        "  --totals                 the kernel's totals and counters alone, whatever the number of sockets\n"
        "  --netns NAME|all         another network namespace: a name, pid:N, a path; or all that can be "
        "found (root)\n"
        "  --textfile FILE          write metrics to FILE, for node_exporter's textfile collector\n"
        "  --format FORMAT          text, json or openmetrics\n";

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_OPENMETRICS };

struct sockets_command {
	enum format format;
	bool watch, clear; /* clear: the output is a terminal */
	long seconds, count;
	const char *textfile;
	struct sockets_filter only;
	struct sockets_round round;
};

/* A whole number from MIN to MAX. */
static bool number(const char *text, long min, long max, long *ret)
{
	char *end;
	size_t n = strspn(text, "0123456789");
	if (n < 1 || n > 9 || text[n])
		return false;
	*ret = strtol(text, &end, 10);
	return *ret >= min && *ret <= max;
}

static int option_number(struct local *l, const char *name, long min, long max, long *ret)
{
	if (number(optarg, min, max, ret))
		return OPTION_TAKEN;
	local_usage(l, "--%s is %ld to %ld, not '%s'", name, min, max, optarg);
	return OPTION_WRONG;
}

/* --watch, --watch=5, --watch 5. */
static int option_watch(struct local *l, struct sockets_command *c, int argc, char **argv)
{
	c->watch = true;
	if (!optarg && optind < argc && number(argv[optind], 0, 999999999, &c->seconds))
		optarg = argv[optind++];
	return optarg ? option_number(l, "watch", 1, 86400, &c->seconds) : OPTION_TAKEN;
}

static int option_dest(struct local *l, struct sockets_command *c)
{
	if (ip16_parse(optarg, &c->only.addr, &c->only.port)) {
		local_usage(l, "--dest is ADDRESS, ADDRESS:PORT or [IPV6]:PORT, not '%s'", optarg);
		return OPTION_WRONG;
	}
	c->round.options.only = &c->only;
	return OPTION_TAKEN;
}

static int option_take(struct local *l, struct sockets_command *c, int opt, int argc, char **argv)
{
	long top = 0;
	int said;
	switch (opt) {
	case 'w':
		return option_watch(l, c, argc, argv);
	case 'n':
		return option_number(l, "count", 1, 1000000, &c->count);
	case 't':
		said = option_number(l, "top", 1, SOCKETS_TOP_MAX, &top);
		c->round.options.top = (size_t)top;
		return said;
	case 'd':
		return option_dest(l, c);
	case 'T':
		c->round.options.mode = SOCKETS_TOTALS;
		return OPTION_TAKEN;
	case 'N':
		c->round.netns = optarg;
		return OPTION_TAKEN;
	case 'f':
		c->textfile = optarg;
		return OPTION_TAKEN;
	case 'F':
		if (strcmp(optarg, "openmetrics") == 0) {
			c->format = FORMAT_OPENMETRICS;
			l->json = false;
			return OPTION_TAKEN;
		}
		c->format = FORMAT_TEXT;
		return local_option(l, opt, argv);
	default:
		return local_option(l, opt, argv);
	}
}

/* The command line into C. OPTION_TAKEN: go on. */
static int command_read(struct local *l, struct sockets_command *c, int argc, char **argv)
{
	static const struct option options[] = { { "watch", optional_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'n' }, { "top", required_argument, NULL, 't' },
		{ "dest", required_argument, NULL, 'd' }, { "totals", no_argument, NULL, 'T' },
		{ "netns", required_argument, NULL, 'N' }, { "textfile", required_argument, NULL, 'f' },
		LOCAL_OPTIONS };
	const char *wrong = NULL;
	int opt;
	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		int said = option_take(l, c, opt, argc, argv);
		if (said != OPTION_TAKEN)
			return said;
	}
	if (argc != optind) {
		local_usage(l, "takes no arguments, '%s' given", argv[optind]);
		return OPTION_WRONG;
	}
	if (l->json)
		c->format = FORMAT_JSON;
	if (c->count && !c->watch)
		wrong = "--count counts the rounds of --watch";
	else if (c->round.options.only && c->round.options.mode == SOCKETS_TOTALS)
		wrong = "--totals knows no destinations";
	else if (c->textfile && c->format != FORMAT_TEXT)
		wrong = "--textfile has a format of its own";
	if (!wrong)
		return OPTION_TAKEN;
	local_usage(l, "%s", wrong);
	return OPTION_WRONG;
}

static void text_write(const struct sockets_command *c, struct buf *out)
{
	const struct sockets_round *r = &c->round;
	char time[TIME_TEXT_ROOM];
	if (c->watch)
		buf_fmt(out, "%s# %s\n", c->clear ? "\033[H\033[2J" : "",
		        time_format(clock_wall(&clock_system), time));
	for (size_t i = 0; i < r->n; i++) {
		const struct sockets_subject *s = &r->subjects[i];
		const struct sockets_style style = { .bars = isatty(STDOUT_FILENO), .cgroups = s->cgroups };
		char line[1024];
		if (r->netns)
			buf_fmt(out, "%snetwork namespace %s (net:[%llu]%s%s)\n", i ? "\n" : "", s->ns.name,
			        (unsigned long long)s->ns.inode, s->ns.comm[0] ? ", " : "", s->ns.comm);
		if (s->report)
			sockets_report_text(s->report, &style, out);
		else
			buf_fmt(out, "not measured: %s\n", fault_line(&s->fault, line, sizeof line));
	}
	if (c->watch && !c->clear)
		buf_char(out, '\n');
}

static void json_write(const struct sockets_command *c, struct buf *out)
{
	const struct sockets_round *r = &c->round;
	/* Documents of a watch are lines. */
	struct jsonw w = JSONW_INIT(out, c->watch ? 0 : 2);
	if (!r->netns) {
		sockets_report_json(r->subjects[0].report, r->subjects[0].cgroups, &w, NULL);
		buf_char(out, '\n');
		return;
	}
	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_sockets_namespaces", 1);
	jsonw_array(&w, "namespaces");
	for (size_t i = 0; i < r->n; i++) {
		const struct sockets_subject *s = &r->subjects[i];
		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", s->ns.name);
		jsonw_int(&w, "inode", (int64_t)s->ns.inode);
		jsonw_opt_string(&w, "comm", s->ns.comm[0] ? s->ns.comm : NULL);
		if (s->report)
			sockets_report_json(s->report, s->cgroups, &w, "sockets");
		else
			jsonw_string(&w, "error", s->fault.what);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_char(out, '\n');
}

static int metrics_write(const struct sockets_command *c, enum metrics_format format, struct buf *out)
{
	const struct sockets_round *r = &c->round;
	struct metrics_subject *subjects = calloc(r->n, sizeof *subjects);
	size_t n = 0;
	if (!subjects)
		return KE_NOMEM;
	for (size_t i = 0; i < r->n; i++)
		if (r->subjects[i].report)
			subjects[n++] = (struct metrics_subject){ r->subjects[i].report,
				r->netns ? r->subjects[i].ns.name : NULL, r->subjects[i].cgroups };
	sockets_metrics(subjects, n, format, out);
	free(subjects);
	return out->rc;
}

/* One round: measured, and written where it belongs. */
static int round_do(struct local *l, struct sockets_command *c, struct fault *f)
{
	int rc = sockets_round_measure(&c->round, f);
	if (rc)
		return rc;
	if (c->textfile || c->format == FORMAT_OPENMETRICS)
		rc = metrics_write(c, c->textfile ? METRICS_TEXT : METRICS_OPENMETRICS, &l->out);
	else if (c->format == FORMAT_JSON)
		json_write(c, &l->out);
	else
		text_write(c, &l->out);
	if (rc || (rc = l->out.rc))
		return fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	if (c->textfile)
		rc = file_replace(c->textfile, l->out.data, l->out.len, 0644, FILE_VOLATILE, f);
	else if (c->watch && file_write_all(STDOUT_FILENO, l->out.data, l->out.len))
		rc = fault_set(f, KE_IO, "standard output", NULL, "cannot be written");
	if (c->textfile || c->watch)
		buf_clear(&l->out);
	return rc;
}

/* Rounds until COUNT or a signal; the time that a round takes is part of its interval. */
static int rounds(struct local *l, struct sockets_command *c, struct fault *f)
{
	sigset_t ends;
	int64_t next = clock_boot_ms(&clock_system);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	if (c->watch)
		sigprocmask(SIG_BLOCK, &ends, NULL);
	for (long n = 1;; n++) {
		int rc = round_do(l, c, f);
		if (rc || !c->watch || n == c->count)
			return rc;
		next += c->seconds * 1000;
		int64_t left = next - clock_boot_ms(&clock_system);
		if (left < 0) {
			next -= left;
			left = 0;
		}
		const struct timespec wait = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
		if (sigtimedwait(&ends, NULL, &wait) > 0)
			return 0;
	}
}

int cmd_sockets(struct local *l, int argc, char **argv)
{
	struct sockets_command c = { .seconds = 2, .round = { .home_fd = -1 } };
	struct fault f = { 0 };
	switch (command_read(l, &c, argc, argv)) {
	case OPTION_TAKEN:
		break;
	case OPTION_HELP:
		buf_str(&l->out, sockets_help);
		return EXIT_DONE;
	default:
		return EXIT_ERROR;
	}
	c.clear = isatty(STDOUT_FILENO) && c.format == FORMAT_TEXT;
	c.round.options.sysctl_root = l->engine.root;
	c.round.options.counters = c.watch || c.textfile || c.format == FORMAT_OPENMETRICS ||
	                           c.round.options.mode == SOCKETS_TOTALS;
	int rc = sockets_round_open(&c.round, &f);
	if (!rc)
		rc = rounds(l, &c, &f);
	sockets_round_close(&c.round);
	return rc ? local_complain(l, &f) : EXIT_DONE;
}
