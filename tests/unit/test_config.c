/* agent.conf: defaults, and complaints with file and line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/config/config.h"
#include "proto/fileio.h"

#define USERS "[users]\nkeeper=65001\ncourier=65002\n"
#define HEAD  "[agent]\nhost=web1\nfleet=example\nserver=https://kedge.example:8443\n"

static void defaults_and_values(void **state)
{
	(void)state;
	struct agent_config *c;
	struct fault f;
	static const char text[] =
	        HEAD "profile=full\nrequire_sandbox=yes\nlog=debug\nevents=fanotify\nlock=yes\n"
	             "lock_exempt=/sys/fs/cgroup/a  /sys/fs/cgroup/b\n[labels]\nrole=web\nrack=a "
	             "b\n[times]\npoll_ms=250\n" USERS;

	if (agent_config_parse(text, sizeof text - 1, &c, &f))
		fail_msg("%s: %s", f.where, f.what);
	assert_string_equal(c->host, "web1");
	assert_string_equal(c->server, "https://kedge.example:8443");
	assert_null(c->repo);
	assert_true(c->full_profile);
	assert_true(c->require_sandbox);
	assert_false(c->report_cmdline);
	assert_int_equal(c->log, LOG_LEVEL_DEBUG);
	assert_int_equal(c->n_labels, 2);
	assert_int_equal(c->events, CONFIG_EVENTS_FANOTIFY);
	assert_true(c->lock);
	assert_int_equal(c->n_exempt, 2);
	assert_string_equal(c->exempt[0], "/sys/fs/cgroup/a");
	assert_string_equal(c->exempt[1], "/sys/fs/cgroup/b");
	assert_string_equal(c->labels[1].value, "a b");
	assert_int_equal(c->poll_ms, 250);
	assert_int_equal(c->sockets_s, 60);
	assert_int_equal(c->sockets_cpu, 5);
	assert_int_equal(c->keeper_uid, 65001);
	assert_int_equal(c->courier_gid, 65002);
	assert_string_equal(c->run_dir, "/run/kedge");
	agent_config_free(c);
	/* What nobody asked for: the best source of events, and no locks. */
	assert_int_equal(agent_config_parse(HEAD USERS, sizeof(HEAD USERS) - 1, &c, &f), 0);
	assert_int_equal(c->events, CONFIG_EVENTS_BPF);
	assert_false(c->lock);
	agent_config_free(c);
}

static void refusals(void **state)
{
	(void)state;
	static const struct {
		const char *remark, *text;
		int code;
		const char *where;
	} rows[] = {
		{ "no host", "[agent]\nfleet=e\nserver=https://a\n" USERS, KE_SCHEMA, "[agent]" },
		{ "upper-case host", "[agent]\nhost=Web1\n", KE_NAME, "line 2: host" },
		{ "plain http", "[agent]\nserver=http://a\n", KE_SYNTAX, "line 2: server" },
		{ "slash at the end", "[agent]\nserver=https://a/\n", KE_SYNTAX, "line 2: server" },
		{ "credentials in the URL", "[agent]\nserver=https://u@a\n", KE_SYNTAX, "line 2: server" },
		{ "misspelt", HEAD "sockets=5\n", KE_UNKNOWN, "line 5: sockets" },
		{ "unknown section", HEAD "[time]\nsockets=5\n", KE_UNKNOWN, "line 6: sockets" },
		{ "too fast", HEAD "[times]\npoll_ms=1\n", KE_RANGE, "line 6: poll_ms" },
		{ "no such source", HEAD "events=audit\n", KE_SYNTAX, "line 5: events" },
		{ "a control group by its name", HEAD "lock_exempt=web.service\n", KE_SYNTAX,
		        "line 5: lock_exempt" },
		{ "nine control groups", HEAD "lock_exempt=/a /b /c /d /e /f /g /h /i\n", KE_TOOBIG,
		        "line 5: lock_exempt" },
		{ "relative path", HEAD "[paths]\nrun=run\n", KE_SYNTAX, "line 6: run" },
		{ "root as a user", HEAD "[users]\nkeeper=0\n", KE_NAME, "line 6: keeper" },
		{ "no such user", HEAD "[users]\nkeeper=no-such-user-here\n", KE_NAME, "line 6: keeper" },
		{ "one user for both", HEAD "[users]\nkeeper=5\ncourier=5\n", KE_NAME, "[users]" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct agent_config *c = NULL;
		struct fault f = { 0 };
		int rc = agent_config_parse(rows[i].text, strlen(rows[i].text), &c, &f);
		if (rc != rows[i].code || strcmp(f.where, rows[i].where) != 0 || c)
			fail_msg("%s: %d at '%s' (%s)", rows[i].remark, rc, f.where, f.what);
	}
}

static void others_must_not_write_it(void **state)
{
	(void)state;
	char path[] = "/tmp/kedge-config.XXXXXX";
	struct agent_config *c;
	struct fault f;
	int fd = mkstemp(path);

	if (getuid() != 0)
		skip();
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, HEAD USERS, sizeof(HEAD USERS) - 1), 0);
	close(fd);
	assert_int_equal(agent_config_read(path, &c, &f), 0);
	agent_config_free(c);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(agent_config_read(path, &c, &f), KE_ACCES);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, 65001, 0), 0);
	assert_int_equal(agent_config_read(path, &c, &f), KE_ACCES);
	unlink(path);
	assert_int_equal(agent_config_read(path, &c, &f), KE_NOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_and_values),
		cmocka_unit_test(refusals),
		cmocka_unit_test(others_must_not_write_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
