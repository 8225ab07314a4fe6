/* server.conf: what is good, and for each thing that is wrong the file, the line, and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/fileio.h"
#include "server-stub/config.h"

#define BASE                                                                                                 \
	"[server]\nfleet = north\nlisten = 127.0.0.1:8443\ncert = c\nkey = k\nhost_ca_cert = h\n"            \
	"host_ca_key = hk\noperator_ca = o\nstore = s\n"

static char path[] = "/tmp/kedge-config-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static int read_text(const char *text, struct server_config **ret, struct fault *f)
{
	assert_int_equal(file_replace(path, text, strlen(text), 0644, FILE_VOLATILE, NULL), 0);
	return server_config_read(path, ret, f);
}

static void defaults(void **state)
{
	(void)state;
	struct server_config *c;
	struct fault f;

	assert_int_equal(read_text(BASE, &c, &f), 0);
	assert_string_equal(c->fleet, "north");
	assert_string_equal(
	        c->host_ca, "h"); /* the issuing CA vouches for hosts when no other file is named */
	assert_null(c->repo_root);
	assert_int_equal(c->n_listen, 1);
	assert_int_equal(c->listen[0].port, 8443);
	assert_int_equal(c->threads, 2);
	assert_int_equal(c->raw_days, 14);
	assert_int_equal(c->audit_days, 400);
	assert_int_equal(c->limits.conns, http_limits_default().conns);
	assert_int_equal(c->n_operators, 0);
	struct api_settings s = server_config_api(c);
	assert_string_equal(s.host_ca_key, "hk");
	assert_int_equal(s.poll, 60);
	server_config_free(c);
}

static void everything(void **state)
{
	(void)state;
	struct server_config *c;
	struct fault f;

	assert_int_equal(
	        read_text(BASE "listen2 = [::1]:1, 10.0.0.1:65535\nhost_ca = hs\nrepo_root = r\nthreads = 4\n"
	                       "workers = 3\nhost_lifetime = 86400\npoll = 30\nshutdown_grace = 0\n"
	                       "[operators]\nanna = admin\notto = operator\nvera = viewer\n"
	                       "[limits]\nconns = 10\ndrain_bytes = 4096\n"
	                       "[retention]\nraw_days = 3\naudit_days = 5\n",
	                &c, &f),
	        0);
	assert_int_equal(c->n_listen, 3);
	assert_string_equal(c->listen[1].address, "::1");
	assert_int_equal(c->listen[2].port, 65535);
	assert_int_equal(c->n_operators, 3);
	assert_string_equal(c->operators[0].name, "anna");
	assert_int_equal(c->operators[0].role, HTTP_ROLE_ADMIN);
	assert_int_equal(c->operators[2].role, HTTP_ROLE_VIEWER);
	assert_int_equal(c->limits.conns, 10);
	assert_int_equal(c->limits.drain_bytes, 4096);
	assert_int_equal(c->raw_days, 3);
	server_config_free(c);
}

static void mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		int code;
		const char *where, *what;
	} rows[] = {
		{ "empty", "", KE_USAGE, "", "lacks 'fleet'" },
		{ "no listen",
		        "[server]\nfleet=n\ncert=c\nkey=k\nhost_ca_cert=h\nhost_ca_key=k\noperator_ca="
		        "o\nstore=s\n",
		        KE_USAGE, "", "lacks 'listen'" },
		{ "misspelt", BASE "thread = 2\n", KE_UNKNOWN, "line 10", "" },
		{ "unknown section", BASE "[servers]\nfleet = x\n", KE_UNKNOWN, "line 11", "" },
		{ "no port", "[server]\nlisten = 127.0.0.1\n", KE_VALUE, "line 2", "127.0.0.1" },
		{ "a name", "[server]\nlisten = localhost:1\n", KE_VALUE, "line 2", "localhost" },
		{ "port too large", "[server]\nlisten = 127.0.0.1:65536\n", KE_VALUE, "line 2", "" },
		{ "sign", "[server]\nlisten = 127.0.0.1:+1\n", KE_VALUE, "line 2", "" },
		{ "open end", "[server]\nlisten = 127.0.0.1:1,\n", KE_VALUE, "line 2", "" },
		{ "nine addresses",
		        "[server]\nlisten = 1.1.1.1:1,1.1.1.1:2,1.1.1.1:3,1.1.1.1:4,1.1.1.1:5,1.1.1.1:6,"
		        "1.1.1.1:7,1.1.1.1:8,1.1.1.1:9\n",
		        KE_TOOBIG, "line 2", "" },
		{ "no threads", BASE "threads = 0\n", KE_RANGE, "line 10", "" },
		{ "no number", BASE "workers = many\n", KE_SYNTAX, "line 10", "" },
		{ "unknown role", BASE "[operators]\nanna = boss\n", KE_VALUE, "line 11", "boss" },
		{ "bad operator", BASE "[operators]\nAnna = admin\n", KE_NAME, "line 11", "" },
		{ "unknown limit", BASE "[limits]\nsockets = 1\n", KE_UNKNOWN, "line 11", "" },
		{ "bad fleet",
		        "[server]\nfleet = No Rth\nlisten = 127.0.0.1:8443\ncert = c\nkey = k\nhost_ca_cert "
		        "= h\n"
		        "host_ca_key = hk\noperator_ca = o\nstore = s\n",
		        KE_NAME, "", "fleet name" },
		{ "twice", BASE "store = t\n", KE_DUPLICATE, "line 10", "" },
		{ "nothing behind =", BASE "repo_root =\n", KE_VALUE, "line 10", "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct server_config *c = NULL;
		struct fault f = { 0 };
		char line[1024];
		int rc = read_text(rows[i].text, &c, &f);
		fault_line(&f, line, sizeof line);
		if (rc != rows[i].code || c || !strstr(line, path) || !strstr(line, rows[i].where) ||
		        !strstr(line, rows[i].what))
			fail_msg("%s: %s: %s", rows[i].remark, err_name(rc), line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(mistakes),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
