/* managers_files.c — reads the files of other managers for lines that mean one key. They are read as far as it takes to find
 * keys, and no further; what is odd in them is passed over. Everything is bounded: depth, files, bytes. Called by managers.c. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/local/managers.h"
#include "proto/fileio.h"

#define FILE_BYTES     (1U << 20)
#define SEARCH_FILES   5000
#define SEARCH_DEPTH   12
#define TUNED_DEPTH    8
#define TUNED_NAME     128
#define TUNED_PROFILES 64

struct span {
	const char *at;
	size_t len;
};

static struct span trim(struct span s)
{
	while (s.len && strchr(" \t\r", s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && strchr(" \t\r", s.at[s.len - 1]))
		s.len--;
	return s;
}

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* The next line of *REST; false: there is none. */
static bool line_next(struct span *rest, struct span *ret)
{
	if (!rest->len)
		return false;
	const char *nl = memchr(rest->at, '\n', rest->len);
	size_t len = nl ? (size_t)(nl - rest->at) : rest->len;
	*ret = trim((struct span){ rest->at, len });
	rest->at += len + (nl != NULL);
	rest->len -= len + (nl != NULL);
	return true;
}

/* "NAME = VALUE" in LINE. */
static bool assignment(struct span line, struct span *ret_name, struct span *ret_value)
{
	const char *equals = line.len ? memchr(line.at, '=', line.len) : NULL;

	if (!equals || line.at[0] == '#' || line.at[0] == ';')
		return false;
	*ret_name = trim((struct span){ line.at, (size_t)(equals - line.at) });
	*ret_value = trim((struct span){ equals + 1, line.len - (size_t)(equals + 1 - line.at) });
	return ret_name->len > 0;
}

static int read_below(const char *root, const char *path, char **ret, size_t *ret_len)
{
	char whole[PATH_MAX];

	return snprintf(whole, sizeof whole, "%s%s", root, path) < (int)sizeof whole
	               ? file_read(whole, FILE_BYTES, ret, ret_len, NULL)
	               : KE_TOOBIG;
}

/* ---- tuned ---- */

struct tuned {
	const char *root;
	enum manager_state state;
	const struct name *key;
	struct manager_hits *hits;
	unsigned *profiles; /* read so far: they may include each other in circles */
};

static int tuned_profile(const struct tuned *t, struct span name, unsigned depth);

/* The profiles that LIST names, between blanks and commas. */
static int tuned_list(const struct tuned *t, struct span list, unsigned depth)
{
	int rc = KE_OK;

	for (size_t i = 0; !rc && i < list.len;) {
		size_t from = i;
		while (i < list.len && !strchr(" \t\n,", list.at[i]))
			i++;
		if (i > from)
			rc = tuned_profile(t, (struct span){ list.at + from, i - from }, depth);
		i += i < list.len;
	}
	return rc;
}

static int tuned_text(const struct tuned *t, const char *path, struct span rest, unsigned depth)
{
	bool sysctl = false, head = false;
	struct span line, left, value;
	struct name key;
	int rc = KE_OK;

	for (unsigned n = 1; !rc && line_next(&rest, &line); n++) {
		if (line.len && line.at[0] == '[') {
			sysctl = is(line, "[sysctl]");
			head = is(line, "[main]");
		} else if (!assignment(line, &left, &value)) {
			continue;
		} else if (head && is(left, "include")) {
			rc = tuned_list(t, value, depth + 1);
		} else if (sysctl && !name_parse(left.at, left.len, &key, NULL) && !name_cmp(&key, t->key)) {
			rc = manager_hit_add(t->hits, "tuned", t->state, path, n, line.at, line.len);
		}
	}
	return rc;
}

static int tuned_profile(const struct tuned *t, struct span name, unsigned depth)
{
	static const char *const dirs[] = { "/etc/tuned", "/etc/tuned/profiles", "/usr/lib/tuned",
		"/usr/lib/tuned/profiles" };
	char path[PATH_MAX], *text;
	size_t len;

	if (depth > TUNED_DEPTH || *t->profiles >= TUNED_PROFILES || name.len > TUNED_NAME ||
	        memchr(name.at, '/', name.len) || name.at[0] == '.')
		return KE_OK;
	(*t->profiles)++;
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		snprintf(path, sizeof path, "%s/%.*s/tuned.conf", dirs[i], (int)name.len, name.at);
		if (read_below(t->root, path, &text, &len))
			continue;
		int rc = tuned_text(t, path, (struct span){ text, len }, depth);
		file_free(text);
		return rc;
	}
	return KE_OK;
}

int managers_tuned(const char *root, enum manager_state state, const struct name *key, struct manager_hits *h)
{
	unsigned profiles = 0;
	const struct tuned t = { root, state, key, h, &profiles };
	char *text;
	size_t len;

	if (read_below(root, "/etc/tuned/active_profile", &text, &len))
		return KE_OK;
	int rc = tuned_list(&t, (struct span){ text, len }, 0);
	file_free(text);
	return rc;
}

/* ---- systemd-networkd ---- */

/* A directive, and the key that it writes, in path form. */
static const struct {
	const char *directive, *pattern;
} directives[] = {
	{ "IPForward", "net/ipv4/conf/*/forwarding" },
	{ "IPForward", "net/ipv6/conf/*/forwarding" },
	{ "IPForward", "net/ipv4/ip_forward" },
	{ "IPMasquerade", "net/ipv4/conf/*/forwarding" },
	{ "IPMasquerade", "net/ipv4/ip_forward" },
	{ "IPv4Forwarding", "net/ipv4/conf/*/forwarding" },
	{ "IPv4Forwarding", "net/ipv4/ip_forward" },
	{ "IPv6Forwarding", "net/ipv6/conf/*/forwarding" },
	{ "IPv4ReversePathFilter", "net/ipv4/conf/*/rp_filter" },
	{ "IPv4AcceptLocal", "net/ipv4/conf/*/accept_local" },
	{ "IPv4RouteLocalnet", "net/ipv4/conf/*/route_localnet" },
	{ "IPv4ProxyARP", "net/ipv4/conf/*/proxy_arp" },
	{ "IPv6AcceptRA", "net/ipv6/conf/*/accept_ra" },
	{ "IPv6PrivacyExtensions", "net/ipv6/conf/*/use_tempaddr" },
	{ "IPv6DuplicateAddressDetection", "net/ipv6/conf/*/dad_transmits" },
	{ "IPv6HopLimit", "net/ipv6/conf/*/hop_limit" },
	{ "IPv6ProxyNDP", "net/ipv6/conf/*/proxy_ndp" },
	{ "IPv6MTUBytes", "net/ipv6/conf/*/mtu" },
	{ "LinkLocalAddressing", "net/ipv6/conf/*/disable_ipv6" },
};

static bool directive_means(struct span name, const struct name *key)
{
	for (size_t i = 0; i < sizeof directives / sizeof directives[0]; i++)
		if (is(name, directives[i].directive) && name_match_path(directives[i].pattern, key->path))
			return true;
	return false;
}

static int networkd_file(const char *root, const char *path, enum manager_state state, const struct name *key,
        struct manager_hits *h)
{
	struct span rest, line, left, value;
	char *text;
	size_t len;
	int rc = KE_OK;

	if (read_below(root, path, &text, &len))
		return KE_OK;
	rest = (struct span){ text, len };
	for (unsigned n = 1; !rc && line_next(&rest, &line); n++)
		if (assignment(line, &left, &value) && directive_means(left, key))
			rc = manager_hit_add(h, "systemd-networkd", state, path, n, line.at, line.len);
	file_free(text);
	return rc;
}

int managers_networkd(
        const char *root, enum manager_state state, const struct name *key, struct manager_hits *h)
{
	static const char *const dirs[] = { "/etc/systemd/network", "/run/systemd/network",
		"/usr/local/lib/systemd/network", "/usr/lib/systemd/network" };
	char whole[PATH_MAX], path[PATH_MAX];
	int rc = networkd_file(root, "/etc/systemd/networkd.conf", state, key, h);

	for (size_t i = 0; !rc && i < sizeof dirs / sizeof dirs[0]; i++) {
		if (snprintf(whole, sizeof whole, "%s%s", root, dirs[i]) >= (int)sizeof whole)
			continue;
		DIR *d = opendir(whole);
		for (struct dirent *e; d && !rc && (e = readdir(d));) {
			const char *dot = strrchr(e->d_name, '.');
			if (dot && strcmp(dot, ".network") == 0 &&
			        snprintf(path, sizeof path, "%s/%s", dirs[i], e->d_name) < (int)sizeof path)
				rc = networkd_file(root, path, state, key, h);
		}
		if (d)
			closedir(d);
	}
	return rc;
}

/* ---- texts of cfengine and puppet ---- */

struct search {
	const char *root, *name;
	enum manager_state state;
	char dotted[NAME_MAX_LEN + 1];
	const char *slashed;
	unsigned files;
	struct manager_hits *hits;
};

static bool goes_on(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("_./-", c);
}

/* Does LINE have WORD in it, and not only as a part of a longer name? */
static bool has_word(struct span line, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = line.at; (at = memmem(at, line.len - (size_t)(at - line.at), word, len));
	        at++) {
		const char *end = at + len;
		if ((end == line.at + line.len || !goes_on(*end)) &&
		        (at == line.at || !goes_on(at[-1]) || at[-1] == '/'))
			return true;
	}
	return false;
}

static int search_file(struct search *s, const char *path)
{
	struct span rest, line;
	char *text;
	size_t len;
	int rc = KE_OK;

	if (s->files++ >= SEARCH_FILES || read_below(s->root, path, &text, &len))
		return KE_OK;
	rest = (struct span){ text, len };
	for (unsigned n = 1; !rc && line_next(&rest, &line); n++)
		if (line.len && line.at[0] != '#' &&
		        (has_word(line, s->dotted) || has_word(line, s->slashed)))
			rc = manager_hit_add(s->hits, s->name, s->state, path, n, line.at, line.len);
	file_free(text);
	return rc;
}

static int search_dir(struct search *s, const char *dir, unsigned depth)
{
	char whole[PATH_MAX], path[PATH_MAX];
	struct stat st;
	int rc = KE_OK;

	if (depth > SEARCH_DEPTH || snprintf(whole, sizeof whole, "%s%s", s->root, dir) >= (int)sizeof whole)
		return KE_OK;
	DIR *d = opendir(whole);
	for (struct dirent *e; d && !rc && s->files < SEARCH_FILES && (e = readdir(d));) {
		if (e->d_name[0] == '.' ||
		        snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int)sizeof path ||
		        snprintf(whole, sizeof whole, "%s%s", s->root, path) >= (int)sizeof whole ||
		        lstat(whole, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			rc = search_dir(s, path, depth + 1);
		else if (S_ISREG(st.st_mode))
			rc = search_file(s, path);
	}
	if (d)
		closedir(d);
	return rc;
}

int managers_search(const char *root, const char *dir, const char *name, enum manager_state state,
        const struct name *key, struct manager_hits *h)
{
	struct search s = { .root = root, .name = name, .state = state, .slashed = key->path, .hits = h };

	name_dotted(key, s.dotted, sizeof s.dotted);
	return search_dir(&s, dir, 0);
}
