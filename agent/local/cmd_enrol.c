/* cmd_enrol.c — `enrol`: root's half of a host's first contact. The other half runs in kedge-courier under its own user, so
 * that no TLS is mapped here and root parses nothing that came from the network: two sealed files come back, the root is
 * compared with the token's hash, and both are installed. */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/config/config.h"
#include "agent/courier/enrol.h"
#include "agent/ipc/frame.h"
#include "agent/ipc/seal.h"
#include "agent/local/local.h"
#include "agent/supervisor/child.h"
#include "agent/supervisor/dirs.h"
#include "proto/codec.h"
#include "proto/fileio.h"
#include "proto/jsonw.h"

#define PATIENCE_MS 300000
#define TOKEN_MAX   256
#define ROOT_DIGITS (2 * SHA256_LEN)

static const char enrol_help[] =
        "usage: kedge-agent enrol {--token TOKEN | --token-file FILE} [--config FILE] [--force]\n"
        "Get this host's certificate, the server's CA and the first trusted root with a one-time token\n"
        "(`kedge token create` prints one). FILE may be - for standard input; prefer it to --token, which\n"
        "other users of this host can see. --force: also when the host is enrolled already.\n"
        "Exit status: 0 enrolled, 1 not.\n";

struct enrol_args {
	const char *config, *token, *token_file;
	bool force;
};

struct installed {
	char *ca, *root;
	size_t ca_len, root_len;
};

static int arguments(struct local *l, int argc, char **argv, struct enrol_args *a)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'C' },
		{ "token", required_argument, NULL, 't' }, { "token-file", required_argument, NULL, 'f' },
		{ "force", no_argument, NULL, 'o' }, LOCAL_OPTIONS };
	int opt, said = OPTION_TAKEN;

	*a = (struct enrol_args){ .config = CONFIG_PATH };
	while (said == OPTION_TAKEN && (opt = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
		if (opt == 'C')
			a->config = optarg;
		else if (opt == 't')
			a->token = optarg;
		else if (opt == 'f')
			a->token_file = optarg;
		else if (opt == 'o')
			a->force = true;
		else
			said = local_option(l, opt, argv);
	}
	if (said != OPTION_TAKEN)
		return said;
	if (optind != argc || !a->token == !a->token_file) {
		local_usage(l, "either --token or --token-file is wanted, and nothing else");
		return OPTION_WRONG;
	}
	return OPTION_TAKEN;
}

/* The token's text into TOKEN, without the line end, and the hash of the root that stands at its end. Its grammar is judged by
 * the courier. */
static int token_read(const struct enrol_args *a, char token[TOKEN_MAX + 1], unsigned char root[SHA256_LEN],
        struct fault *f)
{
	char *text = NULL;
	size_t len = 0;

	if (a->token_file) {
		int rc = file_read(a->token_file, TOKEN_MAX, &text, &len, f);
		if (rc)
			return rc;
	} else {
		len = strnlen(a->token, TOKEN_MAX);
	}
	if (len)
		memcpy(token, text ? text : a->token, len);
	if (text)
		explicit_bzero(text, len);
	file_free(text);
	if (len && token[len - 1] == '\n')
		len--;
	token[len] = '\0';
	if (len < ROOT_DIGITS + 1 || token[len - ROOT_DIGITS - 1] != '.' ||
	        !hex_decode(token + len - ROOT_DIGITS, ROOT_DIGITS, root, SHA256_LEN))
		return fault_set(f, KE_SYNTAX, "token", "copy the whole line that kedge token create printed",
		        "is not an enrolment token");
	return KE_OK;
}

/* Enrolled is who has all three; with only some of them an enrolment was cut off, and is finished. */
static int not_yet(const struct agent_config *c, bool force, struct fault *f)
{
	char cert[PATH_MAX];

	snprintf(cert, sizeof cert, "%s/courier/host.crt", c->state_dir);
	if (force || access(cert, F_OK) || access(c->ca, F_OK) || access(c->root, F_OK))
		return KE_OK;
	return fault_set(
	        f, KE_EXIST, cert, "--force enrols again, with a new key", "this host is enrolled already");
}

static int courier_start(
        const struct enrol_args *a, const struct agent_config *c, int ipc, pid_t *ret, struct fault *f)
{
	char dir[PATH_MAX], path[PATH_MAX + 16], fd[12];
	int rc = child_bin_dir(dir, f);

	if (rc)
		return rc;
	snprintf(path, sizeof path, "%s/kedge-courier", dir);
	snprintf(fd, sizeof fd, "%d", ipc);
	char *argv[] = { (char *)(uintptr_t) "kedge-courier", (char *)(uintptr_t) "--enrol",
		(char *)(uintptr_t) "--config", (char *)(uintptr_t)a->config, (char *)(uintptr_t) "--ipc", fd,
		NULL };
	const struct child child = { .path = path,
		.argv = argv,
		.uid = c->courier_uid,
		.gid = c->courier_gid,
		.fds = { ipc, -1, -1, -1 } };
	return child_start(&child, ret, f);
}

/* "WHERE\nWHAT\nTODO" */
static int failure_of(const struct frame *fr, struct fault *f)
{
	char text[sizeof fr->text], *at = text;

	memcpy(text, fr->text, sizeof text);
	const char *where = strsep(&at, "\n"), *what = strsep(&at, "\n");
	int code = fr->a < 0 && fr->a > -100 ? (int)fr->a : KE_SYSTEM;
	return fault_set(f, code, where, at, "%s", what ? what : "enrolment failed");
}

static int take_file(const struct frame *fr, int payload, struct installed *i, struct fault *f)
{
	bool ca = fr->id == ENROL_CA;
	char **to = ca ? &i->ca : &i->root;

	if (payload < 0 || (!ca && fr->id != ENROL_ROOT) || *to)
		return fault_set(f, KE_PROTO, "kedge-courier", NULL, "sent what nobody asked for");
	return seal_copy(payload, ca ? ENROL_CA_MAX : ENROL_ROOT_MAX, to, ca ? &i->ca_len : &i->root_len, f);
}

/* Until the courier has said how it went. */
static int listen_to(int ipc, struct installed *i, struct fault *f)
{
	for (;;) {
		struct pollfd p = { .fd = ipc, .events = POLLIN };
		struct frame fr;
		int payload = -1, rc;

		if (poll(&p, 1, PATIENCE_MS) == 0)
			return fault_set(f, KE_TIMEOUT, "kedge-courier", NULL, "nothing happened for %d s",
			        PATIENCE_MS / 1000);
		rc = frame_receive(ipc, &fr, &payload);
		if (rc == KE_BUSY)
			continue;
		if (rc)
			return fault_set(f, rc, "kedge-courier", "its complaint stands above", "ended early");
		if (fr.type == FRAME_FETCHED)
			rc = take_file(&fr, payload, i, f);
		else if (fr.type == FRAME_ANSWER && fr.a == 0 && i->ca && i->root)
			return KE_OK;
		else
			rc = fr.type == FRAME_ANSWER
			             ? failure_of(&fr, f)
			             : fault_set(f, KE_PROTO, "kedge-courier", NULL, "nonsense");
		if (payload >= 0)
			close(payload);
		if (rc)
			return rc;
	}
}

static int converse(const struct enrol_args *a, const struct agent_config *c, const char *token,
        struct installed *i, struct fault *f)
{
	struct frame fr = frame_make(FRAME_ASK, 0);
	pid_t pid = 0;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return fault_set(f, KE_SYSTEM, "socketpair", NULL, "cannot make one");
	fr.a = a->force ? ENROL_FORCE : 0;
	frame_say(&fr, "%s", token);
	int rc = courier_start(a, c, ends[1], &pid, f);
	close(ends[1]);
	if (!rc && frame_send(ends[0], &fr, -1))
		rc = fault_set(f, KE_CLOSED, "kedge-courier", "its complaint stands above", "ended early");
	explicit_bzero(&fr, sizeof fr);
	if (!rc)
		rc = listen_to(ends[0], i, f);
	close(ends[0]); /* ends it, whatever it does */
	if (pid)
		waitpid(pid, NULL, 0);
	return rc;
}

static int install(const char *path, const char *data, size_t len, struct fault *f)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof copy, "%s", path);
	int rc = dir_make(dirname(copy), 0755, f);
	return rc ? rc : file_replace(path, data, len, 0644, FILE_DURABLE, f);
}

static int enrol(const struct enrol_args *a, const struct agent_config *c, struct fault *f)
{
	unsigned char want[SHA256_LEN], have[SHA256_LEN];
	char token[TOKEN_MAX + 1];
	struct installed i = { 0 };
	int rc =
	        geteuid() == 0 ? KE_OK : fault_set(f, KE_ACCES, NULL, "run it as root", "enrol must be root");

	if (!rc)
		rc = token_read(a, token, want, f);
	if (!rc)
		rc = not_yet(c, a->force, f);
	if (!rc)
		rc = dirs_make(c, f);
	if (!rc)
		rc = converse(a, c, token, &i, f);
	explicit_bzero(token, sizeof token);
	if (!rc) {
		sha256(i.root, i.root_len, have);
		if (memcmp(have, want, sizeof want) != 0)
			rc = fault_set(
			        f, KE_MISMATCH, "root.json", NULL, "is not the one that the token names");
	}
	if (!rc)
		rc = install(c->ca, i.ca, i.ca_len, f);
	if (!rc)
		rc = install(c->root, i.root, i.root_len, f);
	free(i.ca);
	free(i.root);
	return rc;
}

static void tell(struct local *l, const struct agent_config *c)
{
	if (!l->json) {
		buf_fmt(&l->out, "enrolled as host %s of fleet %s at %s\nserver CA: %s\nfirst root: %s\n",
		        c->host, c->fleet, c->server, c->ca, c->root);
		return;
	}
	struct jsonw w = JSONW_INIT(&l->out, 2);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_enrol", 1);
	jsonw_string(&w, "host", c->host);
	jsonw_string(&w, "fleet", c->fleet);
	jsonw_string(&w, "server", c->server);
	jsonw_string(&w, "ca", c->ca);
	jsonw_string(&w, "root", c->root);
	jsonw_object_end(&w);
	buf_char(&l->out, '\n');
}

int cmd_enrol(struct local *l, int argc, char **argv)
{
	struct agent_config *c = NULL;
	struct fault f = { 0 };
	struct enrol_args a;
	int said = arguments(l, argc, argv, &a);

	if (said == OPTION_HELP)
		buf_str(&l->out, enrol_help);
	if (said != OPTION_TAKEN)
		return said == OPTION_HELP ? EXIT_DONE : EXIT_ERROR;
	int rc = agent_config_read(a.config, &c, &f);
	if (!rc)
		rc = enrol(&a, c, &f);
	if (rc)
		rc = local_complain(l, &f);
	else
		tell(l, c);
	agent_config_free(c);
	return rc;
}
