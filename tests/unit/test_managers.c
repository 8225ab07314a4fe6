/* Who else writes a key: found by programs, units and processes, and by the lines of their own files. */
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/local/managers.h"
#include "proto/fileio.h"

static char root[] = "/tmp/kedge-test-XXXXXX";
static char proc[PATH_MAX];

static void put(const char *path, const char *text)
{
	char whole[PATH_MAX], dir[PATH_MAX];
	struct fault f;

	assert_true(snprintf(whole, sizeof whole, "%s%s", root, path) < PATH_MAX);
	memcpy(dir, whole, sizeof dir);
	*strrchr(dir, '/') = '\0';
	assert_int_equal(dir_make(dir, 0755, &f), 0);
	assert_int_equal(file_replace(whole, text, strlen(text), 0644, FILE_VOLATILE, &f), 0);
}

static int world(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(proc, sizeof proc, "%s/proc", root);
	put("/proc/1/comm", "systemd\n");
	put("/proc/4711/comm", "kube-proxy\n");
	put("/proc/self/comm", "docker\n");
	put("/usr/sbin/tuned", "");
	put("/etc/systemd/system/multi-user.target.wants/tuned.service", "");
	put("/etc/tuned/active_profile", "web extra\n");
	put("/etc/tuned/web/tuned.conf", "[main]\ninclude=base\n[sysctl]\nnet.ipv4.tcp_fin_timeout = "
	                                 "15\n[vm]\nnet.core.somaxconn=1\n");
	put("/usr/lib/tuned/web/tuned.conf", "[sysctl]\nnet.core.somaxconn=2\n");
	put("/usr/lib/tuned/base/tuned.conf", "[main]\ninclude=web, ../../secret\n[sysctl]\n# "
	                                      "net.core.somaxconn=3\nnet/core/somaxconn=4\n");
	put("/usr/lib/systemd/systemd-networkd", "");
	put("/etc/systemd/network/10-lan.network",
	        "[Match]\nName=eth0\n[Network]\nIPv4ReversePathFilter=no\n");
	put("/etc/systemd/network/10-lan.netdev", "[Network]\nIPv4ReversePathFilter=strict\n");
	put("/usr/bin/dockerd", "");
	put("/usr/sbin/cf-agent", "");
	put("/var/lib/cfengine3/inputs/a/b.cf",
	        "# net.core.somaxconn\n\"/proc/sys/net/core/somaxconn\" string => \"1\";\n"
	        "sysctl -w net.core.somaxconn=5\nnet.core.somaxconn_x\nxnet.core.somaxconn\n");
	return 0;
}

static int unlink_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static int world_end(void **state)
{
	(void)state;
	return nftw(root, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* "NAME STATE FILE:LINE TEXT|..." for KEY. */
static const char *hits(const char *key)
{
	static char out[4096];
	struct manager_hits h = { 0 };
	struct managers m;
	struct name n;
	size_t len = 0;

	assert_int_equal(name_parse(key, strlen(key), &n, NULL), 0);
	managers_look(root, proc, &m);
	assert_int_equal(managers_touch(&m, &n, &h), 0);
	out[0] = '\0';
	for (size_t i = 0; i < h.n; i++)
		len += (size_t)snprintf(out + len, sizeof out - len, "%s %s %s:%u %s|", h.rows[i].name,
		        manager_state_name(h.rows[i].state), h.rows[i].file ? h.rows[i].file : "-",
		        h.rows[i].line, h.rows[i].text);
	manager_hits_clear(&h);
	return out;
}

static void who_touches_what(void **state)
{
	static const struct {
		const char *key, *want, *remark;
	} rows[] = {
		{ "net.ipv4.tcp_fin_timeout",
		        "tuned enabled /etc/tuned/web/tuned.conf:4 net.ipv4.tcp_fin_timeout = 15|",
		        "a profile" },
		{ "net.core.somaxconn",
		        "tuned enabled /usr/lib/tuned/base/tuned.conf:5 net/core/somaxconn=4|"
		        "cfengine installed /var/lib/cfengine3/inputs/a/b.cf:2 "
		        "\"/proc/sys/net/core/somaxconn\" string => "
		        "\"1\";|"
		        "cfengine installed /var/lib/cfengine3/inputs/a/b.cf:3 sysctl -w "
		        "net.core.somaxconn=5|",
		        "a profile that is included, and includes the first again; texts" },
		{ "net.ipv4.conf.eth0.rp_filter",
		        "systemd-networkd installed /etc/systemd/network/10-lan.network:4 "
		        "IPv4ReversePathFilter=no|",
		        "a directive" },
		{ "net.netfilter.nf_conntrack_max",
		        "kube-proxy running -:0 set from --conntrack-max-per-core|",
		        "a process, of which nothing is installed here" },
		{ "net.ipv4.ip_forward",
		        "kube-proxy running -:0 set to 1 in IPVS mode|"
		        "docker installed -:0 set to 1 at its start, unless ip-forward is off|",
		        "built in" },
		{ "net.ipv4.tcp_rmem", "", "nobody" },
		{ "vm.overcommit_memory", "", "whose manager is not there" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *got = hits(rows[i].key);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: '%s', not '%s'", rows[i].remark, got, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_touches_what),
	};

	return cmocka_run_group_tests(tests, world, world_end);
}
