/* args.c — the one table of options and the reader of command lines. Refuses what it does not know, a missing value, and
 * a value where none belongs; nothing is abbreviated and nothing is guessed. Called by ctl_main(). */
#include "server-stub/ctl/args.h"

#include <stdlib.h>
#include <string.h>

#include "policies/knowledge.h"
#include "proto/clock.h"

const struct args_option args_options[] = {
	{ "help", 'h', NULL, "say how the command is used" },
	{ "version", 'V', NULL, "print the version" },
	{ "config", 0, "FILE", "settings, instead of ~/.config/kedge/cli.conf or /etc/kedge/cli.conf" },
	{ "server", 0, "URL", "the control server, https://NAME:PORT" },
	{ "ca", 0, "FILE", "CA of the server's certificate" },
	{ "cert", 0, "FILE", "your operator certificate" },
	{ "key", 0, "FILE", "its key; repo delegate: a public key of the role, once for each" },
	{ "key-passphrase-file", 0, "FILE", "passphrase of that key" },
	{ "format", 0, "text|json", "how to answer" },
	{ "limit", 0, "N", "at most N rows (pages are followed by themselves)" },
	{ "dry-run", 'n', NULL, "say what would be done, change nothing" },
	{ "keys", 0, "DIR", "where the signing keys are" },
	{ "passphrase-file", 0, "FILE", "passphrase of the signing keys" },
	{ "root-keys", 0, "N", "so many keys for root (1)" },
	{ "targets-keys", 0, "N", "so many keys for targets (1)" },
	{ "threshold-root", 0, "N", "signatures that a root needs (1)" },
	{ "targets-threshold", 0, "N", "signatures that targets need (1)" },
	{ "root-key", 0, "FILE.pub", "a root key of somebody else; once for each" },
	{ "targets-key", 0, "FILE.pub", "a targets key of somebody else; once for each" },
	{ "type", 0, "TYPE", "ed25519, ecdsa or rsa (ed25519)" },
	{ "add", 0, "FILE.pub", "one more key for the role; once for each" },
	{ "drop", 0, "KEYID", "take this key off the role, by 8 or more digits of its id; once for each" },
	{ "merge", 0, NULL, "take the signatures of FILE..., which were carried here" },
	{ "discard", 0, NULL, "drop what is pending" },
	{ "within", 0, "TIME", "what expires within this time is due (3d)" },
	{ "expires", 0, "ROLE=TIME",
	        "lifetime of a role (root 365d, targets 180d, snapshot 30d, timestamp 7d)" },
	{ "shard-above", 0, "N", "targets of a delegated role before it is split over shards (1000)" },
	{ "role", 0, "ROLE", "the role that lists it (the first that clients ask)" },
	{ "path", 0, "PATTERN", "paths that the role may list, such as policies/web-*/*; once for each" },
	{ "hash-prefix", 0, "HEX", "or paths whose SHA-256 begins so; once for each" },
	{ "threshold", 0, "N", "signatures that the role needs; repo delegate: 1 without it" },
	{ "terminating", 0, NULL, "what the role does not list, nobody behind it may list" },
	{ "parent", 0, "ROLE", "the role that delegates (targets)" },
	{ "end", 0, NULL, "end the delegation" },
	{ "name", 0, "NAME", "name of the policy" },
	{ "policy-version", 0, "N", "version of the policy (1)" },
	{ "output", 'o', "FILE", "write there instead of to standard output" },
	{ "skip-errors", 0, NULL, "leave out what cannot be used" },
	{ "kernel", 0, "RANGE", "kernels of the fleet, 5.4..6.12" },
	{ "mem", 0, "RANGE", "memory of the fleet's hosts, 4G..256G" },
	{ "selector", 0, "K=V,...", "only hosts with these labels" },
	{ "wave", 0, "WAVE",
	        "canary=ID,...[@AFTER[..BEFORE]] or PERCENT%[@AFTER[..BEFORE]]; once for each wave" },
	{ "window", 0, "WINDOW",
	        "only in these hours: [DAYS ]HH:MM-HH:MM in UTC, DAYS as mon-fri; once for each" },
	{ "start", 0, "TIME", "when the first wave counts from (now)" },
	{ "serial", 0, "N", "serial number (one more than the last)" },
	{ "standing", 0, NULL, "for ever and for every selected host, without waves" },
	{ "remove", 0, NULL, "take the policy off again: originals are restored" },
	{ "why", 0, "TEXT", "reason, kept in the signed document, or in the audit trail" },
	{ "soak", 0, "TIME", "so long a settled wave is watched before the next one opens (5m)" },
	{ "answered", 0, "PERCENT%",
	        "so many of a wave's hosts must have answered before it is settled (90%)" },
	{ "evidence", 0, "N", "so many hosts must have answered before shares are judged (10, or all)" },
	{ "failed", 0, "LIMIT", "halt when more hosts fail: N, PERCENT%, N,PERCENT% or none (5%)" },
	{ "reverted", 0, "LIMIT", "halt when more hosts go back (5%)" },
	{ "contested", 0, "LIMIT", "halt when on more hosts somebody insists on other values (5%)" },
	{ "drifted", 0, "LIMIT", "halt when on more hosts keys are off (none)" },
	{ "background", 0, "PERCENT%", "so many hosts fail whatever is rolled out (0.5%)" },
	{ "excess", 0, "PERCENT%", "halt on harm to so many more, judged by chance, or none (3%)" },
	{ "no-gates", 0, NULL, "waves open by time alone, nothing halts them" },
	{ "forecast", 0, NULL,
	        "look at the hosts that the server lists: waves hold no more than their shares of them" },
	{ "canaries", 0, "N", "propose so many of them as canaries" },
	{ "allow-conflict", 0, NULL, "sign it although another policy sets one of its keys" },
	{ "watch", 0, NULL,
	        "look again until nothing goes on; the exit code is 4 when something was halted" },
	{ "publish", 0, NULL, "publish when signed" },
	{ "host", 0, "ID", "only this host" },
	{ "sysctl", 0, "KEY", "only this key" },
	{ "since", 0, "TIME", "not older: 2026-11-24T20:00:00Z, or 2h for two hours back" },
	{ "kind", 0, "KIND", "only records of this kind" },
	{ "label", 0, "K=V", "only hosts with this label; token create: give it this label" },
	{ "top", 0, "N", "rows of each table; without a host: so many paths of the fleet (20)" },
	{ "history", 0, NULL, "the host's measurements, newest first" },
	{ "state", 0, "STATE", "only hosts that are online, offline, mia or revoked" },
	{ "fleet", 0, "NAME", "name of the fleet" },
	{ "days", 0, "N", "lifetime of the certificate in days" },
	{ "ca-key", 0, "FILE", "key of the operator CA" },
	{ "ca-cert", 0, "FILE", "certificate of the operator CA" },
	{ "head", 0, "HASH", "hash of the last row as noted earlier: it must be there still" },
	{ NULL, 0, NULL, NULL },
};

static const struct args_option *option_by_name(const char *name, size_t len)
{
	for (const struct args_option *o = args_options; o->name; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static const struct args_option *option_by_letter(char letter)
{
	for (const struct args_option *o = args_options; o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

/* The option in argv[*i]; a value behind it moves *i on. */
static int option_read(int argc, char **argv, int *i, struct args *ret, struct fault *f)
{
	const char *text = argv[*i], *equal = text[1] == '-' ? strchr(text, '=') : NULL;
	const struct args_option *o =
	        text[1] == '-'
	                ? option_by_name(text + 2, equal ? (size_t)(equal - text - 2) : strlen(text + 2))
	                : (text[2] ? NULL : option_by_letter(text[1]));
	struct args_given given = { .option = o };

	if (!o)
		return fault_set(f, KE_USAGE, NULL, "see kedge --help", "there is no option '%.80s'", text);
	if (!o->value && equal)
		return fault_set(f, KE_USAGE, NULL, NULL, "--%s takes no value", o->name);
	if (o->value && equal)
		given.value = equal + 1;
	else if (o->value && *i + 1 < argc)
		given.value = argv[++*i];
	else if (o->value)
		return fault_set(f, KE_USAGE, NULL, NULL, "--%s wants a value: %s", o->name, o->value);
	if (ret->n_given == ARGS_GIVEN_MAX)
		return fault_set(f, KE_USAGE, NULL, NULL, "more than %d options", ARGS_GIVEN_MAX);
	ret->given[ret->n_given++] = given;
	return KE_OK;
}

int args_read(int argc, char **argv, struct args *ret, struct fault *f)
{
	bool words_only = false;
	int rc = KE_OK;

	*ret = (struct args){ 0 };
	for (int i = 1; i < argc && !rc; i++) {
		if (!words_only && strcmp(argv[i], "--") == 0) {
			words_only = true;
		} else if (!words_only && argv[i][0] == '-' && argv[i][1]) {
			rc = option_read(argc, argv, &i, ret, f);
		} else if (ret->n_words == ARGS_WORDS_MAX) {
			rc = fault_set(f, KE_USAGE, NULL, NULL, "more than %d arguments", ARGS_WORDS_MAX);
		} else {
			ret->words[ret->n_words++] = argv[i];
		}
	}
	return rc;
}

const char *args_next(const struct args *a, const char *option, size_t *at)
{
	while (*at < a->n_given) {
		const struct args_given *g = &a->given[(*at)++];
		if (strcmp(g->option->name, option) == 0)
			return g->value ? g->value : "";
	}
	return NULL;
}

bool args_has(const struct args *a, const char *option)
{
	size_t at = 0;

	return args_next(a, option, &at) != NULL;
}

const char *args_value(const struct args *a, const char *option)
{
	const char *last = NULL, *value;
	size_t at = 0;

	while ((value = args_next(a, option, &at)))
		last = value;
	return last;
}

/* ---- values ---- */

/* Digits at *TEXT, moving it on. */
static bool digits(const char **text, uint64_t max, uint64_t *ret)
{
	const char *p = *text;
	uint64_t n = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');
		if (n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (p == *text)
		return false;
	*text = p;
	*ret = n;
	return true;
}

int args_int(const char *text, int64_t min, int64_t max, int64_t *ret, struct fault *f)
{
	const char *p = text;
	uint64_t n;

	if (!digits(&p, INT64_MAX, &n) || *p)
		return fault_set(f, KE_USAGE, NULL, NULL, "'%.80s' is no number", text);
	if ((int64_t)n < min || (int64_t)n > max)
		return fault_set(f, KE_USAGE, NULL, NULL, "'%.80s' does not lie in %lld..%lld", text,
		        (long long)min, (long long)max);
	*ret = (int64_t)n;
	return KE_OK;
}

int args_duration(const char *text, int64_t *ret, struct fault *f)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	const char *p = text;
	uint64_t n, seconds = 0;

	if (digits(&p, 100ULL * 366 * 86400, &n)) {
		if (!*p)
			seconds = 1;
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (p[0] == units[i].unit && !p[1])
				seconds = units[i].seconds;
	}
	if (!seconds)
		return fault_set(
		        f, KE_USAGE, NULL, "write 90s, 15m, 1h, 7d or 2w", "'%.80s' is no duration", text);
	if (n * seconds > 100ULL * 366 * 86400)
		return fault_set(f, KE_USAGE, NULL, NULL, "'%.80s' is longer than 100 years", text);
	*ret = (int64_t)(n * seconds);
	return KE_OK;
}

int args_since(const char *text, int64_t now, int64_t *ret, struct fault *f)
{
	int64_t back;
	int rc;

	if (time_parse(text, strlen(text), ret))
		return KE_OK;
	rc = args_duration(text, &back, NULL);
	if (rc)
		return fault_set(f, KE_USAGE, NULL, "write 2026-11-24T20:00:00Z, or 2h for two hours back",
		        "'%.80s' is no time", text);
	*ret = back < now ? now - back : 0;
	return KE_OK;
}

static bool kernel_read(const char **text, uint32_t *ret)
{
	uint64_t major, minor;

	if (!digits(text, 255, &major) || **text != '.')
		return false;
	(*text)++;
	if (!digits(text, 65535, &minor))
		return false;
	*ret = KERNEL(major, minor);
	return true;
}

int args_kernels(const char *text, uint32_t *ret_low, uint32_t *ret_high, struct fault *f)
{
	const char *p = text;
	uint32_t low, high;
	bool ok = kernel_read(&p, &low);

	high = low;
	if (ok && strncmp(p, "..", 2) == 0) {
		p += 2;
		ok = kernel_read(&p, &high);
	}
	if (!ok || *p || low > high)
		return fault_set(
		        f, KE_USAGE, NULL, "write 6.1 or 5.4..6.12", "'%.80s' is no range of kernels", text);
	*ret_low = low;
	*ret_high = high;
	return KE_OK;
}

static bool memory_read(const char **text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	uint64_t n;

	if (!digits(text, 1 << 20, &n) || n == 0)
		return false;
	const char *unit = **text ? strchr(units, **text) : NULL;
	if (!unit)
		return false;
	(*text)++;
	*ret = n << (10 * (unit - units + 1));
	return true;
}

int args_memory(const char *text, uint64_t *ret_low, uint64_t *ret_high, struct fault *f)
{
	const char *p = text;
	uint64_t low = 0, high;
	bool ok = memory_read(&p, &low);

	high = low;
	if (ok && strncmp(p, "..", 2) == 0) {
		p += 2;
		ok = memory_read(&p, &high);
	}
	if (!ok || *p || low > high)
		return fault_set(
		        f, KE_USAGE, NULL, "write 64G or 4G..256G", "'%.80s' is no range of memory", text);
	*ret_low = low;
	*ret_high = high;
	return KE_OK;
}

/* ---- labels ---- */

static int label_add(const char *name, size_t name_len, const char *value, size_t value_len,
        struct label **list, size_t *n)
{
	struct label *more = realloc(*list, (*n + 1) * sizeof *more);

	if (!more)
		return KE_NOMEM;
	*list = more;
	struct label l = { strndup(name, name_len), strndup(value, value_len) };
	if (!l.name || !l.value) {
		free(l.name);
		free(l.value);
		return KE_NOMEM;
	}
	more[(*n)++] = l;
	return KE_OK;
}

int args_labels(const char *text, struct label **list, size_t *n, struct fault *f)
{
	for (const char *p = text;;) {
		size_t len = strcspn(p, ",");
		const char *equal = memchr(p, '=', len);
		if (!equal || equal == p)
			return fault_set(f, KE_USAGE, NULL, "write NAME=VALUE[,NAME=VALUE...]",
			        "'%.80s' is no label", text);
		size_t name_len = (size_t)(equal - p);
		for (size_t i = 0; i < *n; i++)
			if (strlen((*list)[i].name) == name_len && !memcmp((*list)[i].name, p, name_len))
				return fault_set(f, KE_DUPLICATE, NULL, NULL, "label '%.64s' is given twice",
				        (*list)[i].name);
		if (label_add(p, name_len, equal + 1, len - name_len - 1, list, n))
			return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
		p += len;
		if (!*p)
			return KE_OK;
		p++;
	}
}

void args_labels_free(struct label *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].name);
		free(list[i].value);
	}
	free(list);
}
