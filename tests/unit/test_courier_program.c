/* The programs as they are installed: `kedge-agent enrol` with kedge-courier under its own user and in its sandbox, and
 * kedge-courier at work there, against a real server. Needs root. */
#include "tests/support/courier_world.h"

#include <signal.h>

#include "agent/courier/hostcert.h"
#include "agent/sandbox/sandbox.h"
#include "agent/supervisor/child.h"
#include "certs/key.h"

#define COURIER_UID 64122

static void put_config(const char *host)
{
	char text[1024];

	snprintf(text, sizeof text,
	        "[agent]\nhost = %s\nfleet = test\nserver = https://127.0.0.1:%u\nca = "
	        "%s/trust/server-ca.pem\n"
	        "root = %s/trust/root.json\n[users]\nkeeper = 64121\ncourier = %d\n[paths]\nrun = "
	        "%s/run\nstate = %s/life\n",
	        host, (unsigned)w.port, w.dir, w.dir, COURIER_UID, w.dir, w.dir);
	assert_int_equal(file_replace(at("agent.conf"), text, strlen(text), 0644, FILE_VOLATILE, NULL), 0);
}

/* A token whose id tells the test's server what to do. */
static void put_token(unsigned id, const unsigned char *pin, const char *root)
{
	struct token t = { 0 };
	char text[TOKEN_ROOM], line[TOKEN_ROOM + 1];

	snprintf(t.id, sizeof t.id, "%016u", id);
	memset(t.secret, 7, sizeof t.secret);
	memcpy(t.pin, pin, sizeof t.pin);
	sha256(root, strlen(root), t.root);
	snprintf(line, sizeof line, "%s\n", token_format(&t, text));
	assert_int_equal(file_replace(at("token"), line, strlen(line), 0600, FILE_VOLATILE, NULL), 0);
}

/* Run `kedge-agent enrol` with OPTION; its exit status, its errors in DIR/err. */
static int enrol(const char *option)
{
	char command[1200];

	snprintf(command, sizeof command, "exec %s/kedge-agent enrol --config %s --token-file %s %s >%s 2>%s",
	        KEDGE_BIN_DIR, at("agent.conf"), at("token"), option, at("out"), at("err"));
	const char *argv[] = { "sh", "-c", command, NULL };
	return world_run(argv);
}

static void says(const char *file, const char *words)
{
	char *text = NULL;
	size_t len = 0;

	assert_int_equal(file_read(at("%s", file), 65536, &text, &len, NULL), 0);
	if (!strstr(text, words))
		fail_msg("%s lacks '%s': %s", file, words, text);
	file_free(text);
}

static int fresh(void **state)
{
	(void)state;
	const char *rm[] = { "rm", "-rf", at("life"), at("trust"), at("run"), NULL };

	put_config("web1");
	atomic_store(&w.enrolled, 0);
	return world_run(rm);
}

static void a_host_enrols(void **state)
{
	(void)state;
	struct stat st;
	char *text = NULL;
	size_t len = 0;

	put_token(1, w.pin, world_root);
	if (enrol(""))
		says("err", "--- it ended well");
	says("out", "enrolled as host web1 of fleet test");
	assert_int_equal(file_read(at("trust/root.json"), 65536, &text, &len, NULL), 0);
	assert_string_equal(text, world_root);
	file_free(text);
	assert_int_equal(stat(at("trust/server-ca.pem"), &st), 0);
	assert_true(st.st_uid == 0 && (st.st_mode & 07777) == 0644);
	struct stack_st_X509 *cas = NULL;
	assert_int_equal(cert_list_load(at("trust/server-ca.pem"), &cas, NULL), 0);
	assert_int_equal(sk_X509_num(cas), 1); /* the host CA is not among them */
	cert_list_free(cas);
	assert_int_equal(stat(at("life/courier/host.key"), &st), 0);
	assert_true(st.st_uid == COURIER_UID && (st.st_mode & 07777) == 0600);
	assert_int_equal(access(at("life/courier/host.new.key"), F_OK), -1);

	/* again: no, unless forced, and then with another key */
	assert_int_equal(enrol(""), 1);
	says("err", "enrolled already; --force");
	assert_int_equal(atomic_load(&w.enrolled), 1);
	EVP_PKEY *before = NULL, *after = NULL;
	world_copy(at("life/courier/host.key"), at("before.key"), 0600);
	assert_int_equal(enrol("--force"), 0);
	world_copy(at("life/courier/host.key"), at("after.key"), 0600);
	assert_int_equal(key_load(at("before.key"), NULL, &before, NULL), 0);
	assert_int_equal(key_load(at("after.key"), NULL, &after, NULL), 0);
	assert_false(key_same(before, after));
	key_free(before);
	key_free(after);

	/* cut off after the certificate: finished without another one */
	assert_int_equal(unlink(at("trust/root.json")), 0);
	assert_int_equal(atomic_load(&w.enrolled), 2);
	assert_int_equal(enrol(""), 0);
	assert_int_equal(atomic_load(&w.enrolled), 2);
}

static void enrolments_that_fail_say_why(void **state)
{
	unsigned char wrong[SHA256_LEN];
	static const struct {
		unsigned id;
		bool wrong_pin, wrong_root, nobody;
		const char *words;
	} rows[] = {
		{ 9, false, false, false,
		        "does not accept this token (401: used); it may be used up, expired" },
		{ 2, false, false, false, "token is not for this host (403: the token is for web2)" },
		{ 3, false, false, false, "issued for spiffe://test/host/other, not for host web1" },
		{ 1, true, false, false, "no CA" },
		{ 1, false, true, false,
		        "none of the 2 roots that the server has is the one that the token names" },
		{ 1, false, false, true, "check the network and whether the server runs" },
	};

	memset(wrong, 1, sizeof wrong);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint16_t port = w.port;
		fresh(state);
		if (rows[i].nobody)
			w.port = 1;
		put_config("web1");
		w.port = port;
		put_token(rows[i].id, rows[i].wrong_pin ? wrong : w.pin,
		        rows[i].wrong_root ? "other" : world_root);
		assert_int_equal(enrol(""), 1);
		says("err", rows[i].words);
		assert_int_equal(access(at("trust/root.json"), F_OK), -1);
	}
	assert_int_equal(file_replace(at("token"), "kedge1.x", 8, 0600, FILE_VOLATILE, NULL), 0);
	assert_int_equal(enrol(""), 1);
	says("err", "is not an enrolment token");
}

/* The program with everything in force that the kernel has; only the self-test's word and its work are looked at. */
static void the_courier_works_in_its_sandbox(void **state)
{
	int ends[2], payload = -1, rc;
	struct frame fr = frame_make(FRAME_FETCH, 5);
	struct fault f = { 0 };
	char ipc[12];
	pid_t pid = 0;

	put_token(1, w.pin, world_root);
	assert_int_equal(fresh(state), 0);
	assert_int_equal(enrol(""), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	snprintf(ipc, sizeof ipc, "%d", ends[1]);
	char *argv[] = { (char *)(uintptr_t) "kedge-courier", (char *)(uintptr_t) "--config",
		(char *)(uintptr_t)at("agent.conf"), (char *)(uintptr_t) "--ipc", ipc, NULL };
	const struct child c = { .path = KEDGE_BIN_DIR "/kedge-courier",
		.argv = argv,
		.uid = COURIER_UID,
		.gid = COURIER_UID,
		.fds = { ends[1], -1, -1, -1 } };
	int err = open(at("err"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), keep = dup(STDERR_FILENO);
	dup2(err, STDERR_FILENO);
	rc = child_start(&c, &pid, &f);
	dup2(keep, STDERR_FILENO);
	close(keep);
	close(err);
	close(ends[1]);
	assert_int_equal(rc, 0);
	fr.a = FETCH_METADATA;
	fr.b = 100;
	frame_say(&fr, "timestamp.json");
	assert_int_equal(frame_send(ends[0], &fr, -1), 0);
	for (int ms = 0; ms < 10000; ms++) {
		rc = frame_receive(ends[0], &fr, &payload);
		if (payload >= 0)
			close(payload);
		payload = -1;
		if (rc == 0 && fr.type == FRAME_FETCHED)
			break;
		if (rc != 0 && rc != KE_BUSY)
			break;
		usleep(1000);
	}
	kill(pid, SIGTERM);
	int status = 0;
	waitpid(pid, &status, 0);
	close(ends[0]);
	if (rc || fr.status != FRAME_OK)
		says("err", "--- a good fetch");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	says("err", "caps=0 ");
	says("err", "calls refused, execve SIGSYS");
	says("err", "core_pattern EACCES");
}

/* kedge-agent pays for neither TLS nor filters at each start. */
static void the_agent_links_no_network(void **state)
{
	(void)state;
	const char *argv[] = { "sh", "-c",
		"ldd " KEDGE_BIN_DIR "/kedge-agent | grep -E 'libcurl|libssl|libcrypto|libseccomp'", NULL };
	const char *there[] = { "sh", "-c", "ldd " KEDGE_BIN_DIR "/kedge-agent | grep libc.so", NULL };

	assert_int_equal(world_run(argv), 1);
	assert_int_equal(world_run(there), 0);
}

/* ---- two files, one pair: a crash at each step of the change ---- */

static void a_change_that_was_cut_off_is_finished(void **state)
{
	(void)state;
	static const struct {
		bool new_key, new_cert; /* of the new pair, what still has its temporary name */
		bool changed;
		const char *remark;
	} rows[] = {
		{ true, false, false, "a key that waits: the old pair stays" },
		{ true, true, true, "complete, no rename done" },
		{ false, true, true, "the key is renamed, the certificate not" },
		{ false, false, false, "nothing under way" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hostcert h;
		struct stat st;
		dir_make(at("half/courier"), 0700, NULL);
		world_copy(at("pki/hosts/web1.crt"), at("half/courier/host.crt"), 0644);
		/* the operator's pair stands for the new one */
		world_copy(rows[i].new_cert && !rows[i].new_key ? at("pki/operators/admin.key")
		                                                : at("pki/hosts/web1.key"),
		        at("half/courier/host.key"), 0600);
		if (rows[i].new_key)
			world_copy(at("pki/operators/admin.key"), at("half/courier/host.new.key"), 0600);
		if (rows[i].new_cert)
			world_copy(at("pki/operators/admin.crt"), at("half/courier/host.new.crt"), 0644);
		assert_int_equal(hostcert_open(at("half"), &h, NULL), 0);
		EVP_PKEY *key = NULL;
		X509 *cert = NULL;
		assert_int_equal(key_load(h.key_path, NULL, &key, NULL), 0);
		assert_int_equal(cert_load(h.cert_path, &cert, NULL), 0);
		assert_true(key_same(key, X509_get0_pubkey(cert))); /* always one pair */
		struct identity id;
		assert_int_equal(cert_identity(cert, &id, NULL), 0);
		assert_int_equal(id.kind, rows[i].changed ? IDENTITY_OPERATOR : IDENTITY_HOST);
		assert_int_equal(stat(h.new_cert_path, &st), -1);
		key_free(key);
		cert_free(cert);
		unlink(h.new_key_path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_host_enrols, fresh),
		cmocka_unit_test(enrolments_that_fail_say_why),
		cmocka_unit_test_setup(the_courier_works_in_its_sandbox, fresh),
		cmocka_unit_test(a_change_that_was_cut_off_is_finished),
		cmocka_unit_test(the_agent_links_no_network),
	};

	signal(SIGPIPE, SIG_IGN);
	if (geteuid() != 0)
		return 77;
	/* A sanitizer's look for leaks forks, which the sandbox ends. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	return cmocka_run_group_tests(tests, world_open, world_close);
}
