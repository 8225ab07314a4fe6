/* cmd_override.c — `override` and `hold`: a person takes a key, or the host, out of the agent's hands for a while. Only asks the daemon
 * that runs here, which writes, watches the time, and records who asked. Without one it refuses: nobody would be there to
 * take the value back, and without a daemon nothing is restored or adopted anyway. */
#include <stdio.h>
#include <string.h>

#include <cJSON.h>

#include "agent/local/daemon.h"
#include "agent/local/local.h"
#include "policies/name.h"
#include "proto/jsonw.h"
#include "proto/reader.h"

static const char override_help[] = "usage: kedge-agent override set KEY VALUE --for TIME --reason TEXT\n"
                                    "       kedge-agent override list\n"
                                    "       kedge-agent override end KEY\n"
                                    "Let KEY hold VALUE for a while without it counting as drift, whether a "
                                    "policy manages it or not. The daemon "
                                    "writes it, under\n"
                                    "the ceiling, and puts the policy's value, or the one from before, back "
                                    "when the time is over. Of a key that a "
                                    "policy only audits, nothing is\n"
                                    "written. Everything is recorded, with who asked.\n"
                                    "  --for TIME     90s, 30m, 2h, 7d; at most 30d\n"
                                    "  --reason TEXT  for whoever looks later\n"
                                    "Exit status: 0, 1 for errors: nothing was changed.\n";

static const char hold_help[] = "usage: kedge-agent hold --for TIME --reason TEXT\n"
                                "       kedge-agent hold end\n"
                                "Keep the daemon's hands off this host for a while: it restores nothing, "
                                "adopts nothing new, and writes nothing at "
                                "its start;\n"
                                "drift is still reported, as held. Everything is recorded, with who asked.\n"
                                "  --for TIME     90s, 30m, 2h, 7d; at most 30d\n"
                                "  --reason TEXT  for whoever looks later\n"
                                "Exit status: 0, 1 for errors.\n";

struct request {
	const char *what; /* as in the wish */
	const char *key, *value, *reason;
	int64_t seconds; /* 0: not given */
};

/* "90s", "30m", "2h", "7d". 0: none of these, or nothing, or more than can be told. */
static int64_t duration(const char *text)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = { 1, 60, 3600, 86400 };
	int64_t n = 0;
	const char *at = text, *unit;

	for (; *at >= '0' && *at <= '9' && n < 100000000; at++)
		n = 10 * n + (*at - '0');
	unit = *at && !at[1] && at != text ? strchr(units, *at) : NULL;
	return unit ? n * seconds[unit - units] : 0;
}

static void wish_write(const struct request *r, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_wish", 1);
	jsonw_string(&w, "what", r->what);
	jsonw_opt_string(&w, "key", r->key);
	jsonw_opt_string(&w, "value", r->value);
	if (r->seconds)
		jsonw_int(&w, "seconds", r->seconds);
	jsonw_opt_string(&w, "reason", r->reason);
	jsonw_object_end(&w);
}

/* ---- what is answered ---- */

static void left_text(int64_t seconds, struct buf *out)
{
	if (seconds >= 86400)
		buf_fmt(out, "%lldd %lldh", (long long)(seconds / 86400), (long long)(seconds / 3600 % 24));
	else if (seconds >= 3600)
		buf_fmt(out, "%lldh %lldm", (long long)(seconds / 3600), (long long)(seconds / 60 % 60));
	else if (seconds >= 60)
		buf_fmt(out, "%lldm %llds", (long long)(seconds / 60), (long long)(seconds % 60));
	else
		buf_fmt(out, "%llds", (long long)seconds);
}

/* The members that an override and a hold have in common. */
static int term_text(const struct place *at, struct buf *out, struct fault *f)
{
	struct place by;
	const char *until, *reason, *comm;
	int64_t left, uid, loginuid;
	int rc;

	if ((rc = read_string(at, "until", 20, 20, &until, f)) ||
	        (rc = read_int(at, "left_s", 0, STRICT_INT_MAX, &left, f)) ||
	        (rc = read_string(at, "reason", 1, 4096, &reason, f)) ||
	        (rc = read_object(at, "by", &by, f)) ||
	        (rc = read_int(&by, "uid", -1, STRICT_INT_MAX, &uid, f)) ||
	        (rc = read_int(&by, "loginuid", -1, STRICT_INT_MAX, &loginuid, f)) ||
	        (rc = read_string(&by, "comm", 0, 255, &comm, f)))
		return rc;
	buf_fmt(out, " until %s, ", until);
	left_text(left, out);
	buf_fmt(out, " left, by uid %lld", (long long)uid);
	if (loginuid >= 0 && loginuid != UINT32_MAX)
		buf_fmt(out, " (login %lld)", (long long)loginuid);
	buf_fmt(out, ": %s\n", reason);
	return KE_OK;
}

static int answer_text(const struct place *root, struct buf *out, struct fault *f)
{
	struct place list, hold, item = { 0 };
	const char *key, *value;
	int rc = read_array(root, "overrides", &list, f);

	while (!rc && place_next(&list, &item)) {
		if ((rc = read_string(&item, "key", 1, NAME_MAX_LEN, &key, f)) ||
		        (rc = read_string(&item, "value", 0, 4096, &value, f)))
			return rc;
		buf_fmt(out, "%s = %s", key, value);
		rc = term_text(&item, out, f);
	}
	if (rc || (rc = read_any(root, "hold", &hold, f)))
		return rc;
	if (place_is_object(&hold)) {
		buf_str(out, "host on hold");
		rc = term_text(&hold, out, f);
	} else if (!place_count(&list)) {
		buf_str(out, "no override, no hold\n");
	}
	return rc;
}

static int answer_tell(struct local *l, const struct buf *answer, struct fault *f)
{
	struct cJSON *tree = NULL;
	int rc = strict_parse(buf_text(answer), answer->len, &strict_limits_default, &tree, f);

	if (!rc && l->json) {
		buf_bytes(&l->out, answer->data, answer->len);
		buf_char(&l->out, '\n');
	} else if (!rc) {
		const struct place root = place_root(tree);
		rc = answer_text(&root, &l->out, f);
	}
	cJSON_Delete(tree);
	return rc;
}

static int ask(struct local *l, const struct request *r)
{
	struct buf wish = BUF_INIT(65536), answer = BUF_INIT(DAEMON_MAX_ANSWER);
	struct fault f = { 0 };
	int code = 0, rc;

	wish_write(r, &wish);
	rc = wish.rc ? fault_set(&f, wish.rc, NULL, NULL, "%s", err_text(wish.rc))
	             : daemon_ask_with(
	                       l->engine.run_dir, ASK_WISH, buf_text(&wish), wish.len, &answer, &code, &f);
	if (rc == KE_NOENT)
		fault_set(&f, rc, l->engine.run_dir, "start the service, or use kedge-agent apply and revert",
		        "no daemon runs here that could %s; what it kept counts again when it is started",
		        strcmp(r->what, "list") == 0 ? "tell" : "watch the time");
	else if (!rc && code)
		rc = fault_set(&f, KE_REFUSED, NULL, NULL, "%s", buf_text(&answer));
	else if (!rc)
		rc = answer_tell(l, &answer, &f);
	buf_free(&wish);
	buf_free(&answer);
	return rc ? local_complain(l, &f) : EXIT_DONE;
}

/* ---- what is asked ---- */

/* Options of both commands. OPTION_TAKEN: R has them, and optind stands at the first argument. */
static int request_options(struct local *l, int argc, char **argv, const char *help, struct request *r)
{
	static const struct option options[] = { { "for", required_argument, NULL, 'f' },
		{ "reason", required_argument, NULL, 'm' }, LOCAL_OPTIONS };
	int opt, said = OPTION_TAKEN;

	while (said == OPTION_TAKEN && (opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		if (opt == 'm') {
			r->reason = optarg;
		} else if (opt != 'f') {
			said = local_option(l, opt, argv);
		} else if (!(r->seconds = duration(optarg))) {
			local_usage(l, "--for is a time like 90s, 30m, 2h or 7d, not '%s'", optarg);
			said = OPTION_WRONG;
		}
	}
	if (said == OPTION_HELP)
		buf_str(&l->out, help);
	return said;
}

/* A term where one belongs, and none where none does. */
static int request_check(struct local *l, const struct request *r, bool term)
{
	if (term && (!r->seconds || !r->reason))
		return local_usage(
		        l, "--for TIME and --reason TEXT are wanted: it ends by itself, and says why it was");
	if (!term && (r->seconds || r->reason))
		return local_usage(l, "--for and --reason belong to what begins");
	return EXIT_DONE;
}

int cmd_override(struct local *l, int argc, char **argv)
{
	static const struct {
		const char *word;
		int arguments;
		bool term;
	} words[] = { { "set", 2, true }, { "list", 0, false }, { "end", 1, false } };
	struct request r = { 0 };
	int said = request_options(l, argc, argv, override_help, &r);

	if (said != OPTION_TAKEN)
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	for (size_t i = 0; optind < argc && i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(argv[optind], words[i].word) != 0)
			continue;
		if (argc - optind - 1 != words[i].arguments)
			return local_usage(l, "'%s' takes %d arguments, %d given", words[i].word,
			        words[i].arguments, argc - optind - 1);
		r.what = words[i].word;
		r.key = words[i].arguments > 0 ? argv[optind + 1] : NULL;
		r.value = words[i].arguments > 1 ? argv[optind + 2] : NULL;
		return request_check(l, &r, words[i].term) ? EXIT_ERROR : ask(l, &r);
	}
	return local_usage(l, "'set', 'list' or 'end' is wanted%s%s", optind < argc ? ", not " : "",
	        optind < argc ? argv[optind] : "");
}

int cmd_hold(struct local *l, int argc, char **argv)
{
	struct request r = { .what = "hold" };
	int said = request_options(l, argc, argv, hold_help, &r);

	if (said != OPTION_TAKEN)
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	if (argc - optind == 1 && strcmp(argv[optind], "end") == 0)
		r.what = "release";
	else if (argc != optind)
		return local_usage(l, "only 'end' may stand here, not '%s'", argv[optind]);
	return request_check(l, &r, argc == optind) ? EXIT_ERROR : ask(l, &r);
}
