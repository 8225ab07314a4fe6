/* Lint rules: each has a text that it must find and one that it must leave alone; the article's list hits what it is
 * known for; the kernel's own defaults hit nothing. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/lint.h"
#include "policies/lint_rules.h"
#include "proto/fileio.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define GIB    (1024ULL * 1024 * 1024)

static const char *host_current(void *ctx, const struct name *n)
{
	const char *const(*rows)[2] = ctx;
	for (; (*rows)[0]; rows++)
		if (strcmp((*rows)[0], n->path) == 0)
			return (*rows)[1];
	return NULL;
}

/* What a host with 8 GiB shows. */
static const char *const live[][2] = { { V4 "tcp_rfc1337", "0" }, { V4 "tcp_syncookies", "1" },
	{ V4 "tcp_max_syn_backlog", "512" }, { CORE "somaxconn", "4096" }, { V4 "tcp_timestamps", "1" },
	{ V4 "ip_local_port_range", "32768 60999" }, { V4 "ip_unprivileged_port_start", "1024" },
	{ V4 "tcp_rmem", "4096 131072 33554432" }, { V4 "tcp_wmem", "4096 16384 4194304" },
	{ V4 "tcp_mem", "96000 128000 192000" }, { V4 "tcp_keepalive_time", "7200" },
	{ V4 "tcp_keepalive_intvl", "75" }, { V4 "tcp_keepalive_probes", "9" }, { V4 "tcp_ecn", "2" },
	{ V4 "tcp_congestion_control", "cubic" }, { V4 "tcp_available_congestion_control", "reno cubic" },
	{ V4 "tcp_allowed_congestion_control", "reno" }, { CORE "default_qdisc", "pfifo_fast" },
	{ CT "max", "65536" }, { CT "buckets", "65536" }, { CT "count", "60000" },
	{ CT "tcp_timeout_established", "432000" }, { V4 "neigh/default/gc_thresh1", "128" },
	{ V4 "neigh/default/gc_thresh2", "512" }, { V4 "neigh/default/gc_thresh3", "1024" },
	{ "fs/nr_open", "1048576" }, { NULL, NULL } };

static const uint16_t listeners[] = { 22, 8080, 40000 };

/* Where a row is judged: the plain host, or one with a fact added. */
enum where {
	PLAIN,
	CHILD,
	NO_CONNTRACK,
	KUBE,
	CONTAINERS,
	MULTI,
	BUSY,
	BIG_PATH,
	FILES,
	TIGHT,
	DROPS,
	LISTEN,
	K45,
	K410,
	K61,
	LIVE
};

static struct lint_target target_of(enum where p)
{
	struct lint_target t = { .kernel = KERNEL(6, 18), .memory_bytes = 8 * GIB, .page_size = 4096 };
	t.child_netns = p == CHILD;
	t.conntrack_missing = p == NO_CONNTRACK;
	t.kubernetes = p == KUBE;
	t.containers = p == CONTAINERS;
	t.multihomed = p == MULTI;
	t.expected_connections = p == BUSY ? 1000000 : 0;
	t.bdp_bytes = p == BIG_PATH ? 20000000 : 0;
	t.max_open_files = p == FILES ? 2000000 : 0;
	t.headroom_known = p == TIGHT || p == LIVE;
	t.headroom_percent = p == TIGHT ? 12 : 60;
	t.softnet_known = p == DROPS;
	t.softnet_dropped = p == DROPS;
	t.listen_known = p == LISTEN;
	t.listen_ports = listeners;
	t.n_listen_ports = LEN(listeners);
	if (p == K45 || p == K410 || p == K61)
		t.kernel = p == K45 ? KERNEL(4, 0) : p == K410 ? KERNEL(4, 10) : KERNEL(6, 1);
	if (p == LIVE || p == CHILD || p == KUBE || p == BUSY || p == BIG_PATH) {
		t.current = host_current;
		/* The table is only read. */
		t.ctx = (void *)(uintptr_t)live;
	}
	return t;
}

static struct lint_report *lint(const char *text, enum where p)
{
	struct lint_target t = target_of(p);
	struct conf *c = NULL;
	struct lint_report *r = NULL;
	assert_int_equal(conf_parse(text, strlen(text), &c, NULL), 0);
	assert_int_equal(lint_run(c, &t, &r), 0);
	conf_free(c);
	return r;
}

static unsigned count(const struct lint_report *r, const char *id)
{
	unsigned n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += strcmp(r->findings[i].id, id) == 0;
	return n;
}

#define N "net.ipv4."
#define C "net.core."
#define F "net.netfilter.nf_conntrack_"

static const struct {
	const char *id;
	const char *bad;
	enum where bad_place;
	const char *good;
	enum where good_place;
} rows[] = {
	{ "KEY001", N "tcp_timestsmps=0", PLAIN, N "udp_wmem_min=4096", PLAIN },
	{ "KEY001", "net/core/sommaxconn=1", PLAIN, "net.vendor.something=1", PLAIN },
	{ "KEY002", N "tcp_tw_recycle=0", PLAIN, N "tcp_tw_recycle=0", K410 },
	{ "KEY003", N "tcp_tw_reuse_delay=1000", K61, N "tcp_tw_reuse_delay=1000", PLAIN },
	{ "KEY004", N "tcp_low_latency=1", PLAIN, N "tcp_low_latency=1", K410 },
	{ "KEY004", N "tcp_adv_win_scale=1", PLAIN, N "tcp_adv_win_scale=1", K61 },
	{ "KEY005", C "somaxconn=1\n" C "somaxconn=2", PLAIN, C "somaxconn=2\n" C "somaxconn=2", PLAIN },
	{ "KEY006", F "max=1", NO_CONNTRACK, F "max=1", PLAIN },
	{ "KEY007", N "tcp_available_congestion_control=bbr", PLAIN, N "tcp_allowed_congestion_control=bbr",
	        PLAIN },
	{ "KEY007", F "count=1", PLAIN, F "max=1", PLAIN },
	{ "KEY008", C "rmem_max=4194304", CHILD, C "rmem_max=4194304", PLAIN },
	{ "KEY008", N "tcp_mem=1 2 3", CHILD, C "somaxconn=4096", CHILD },
	{ "KEY009", N "netfilter.ip_conntrack_max=1", PLAIN, F "max=1", PLAIN },
	{ "KEY009", N "ip_conntrack_max=1", PLAIN, "net.nf_conntrack_max=1", PLAIN },
	{ "FMT001", N "tcp_tw_reuse=3", PLAIN, N "tcp_tw_reuse=2", PLAIN },
	{ "FMT001", N "ip_local_port_range=1024 70000", PLAIN, N "ip_local_port_range=1024 65535", PLAIN },
	{ "FMT002", N "tcp_rmem=4096 131072", PLAIN, N "tcp_rmem=4096 131072 33554432", PLAIN },
	{ "FMT002", N "tcp_fin_timeout=30 40", PLAIN, N "tcp_fin_timeout=30", PLAIN },
	{ "FMT002", N "tcp_fin_timeout=", PLAIN, N "ip_local_reserved_ports=", PLAIN },
	{ "FMT003", N "tcp_fin_timeout=30s", PLAIN, N "tcp_fin_timeout=30", PLAIN },
	{ "FMT003", C "rmem_max=16M", PLAIN, N "tcp_congestion_control=cubic", PLAIN },
	{ "FMT004", N "tcp_fin_timeout=010", PLAIN, N "tcp_fin_timeout=10", PLAIN },
	{ "FMT004", N "tcp_fastopen=0x3", PLAIN, N "tcp_syncookies=0", PLAIN },
	{ "FMT005", N "tcp_fin_timeout=30 seconds", PLAIN, N "tcp_fin_timeout=30 # seconds", PLAIN },
	{ "FMT006", N "tcp_fin_timeout=\xef\xbc\x93", PLAIN, N "tcp_fin_timeout=3", PLAIN },
	{ "FMT006", N "tcp_fin_timeout=\"30\"", PLAIN, "net.x.title=\"30\"", PLAIN },
	{ "FMT006", N "tcp_fin_timeout=30;", PLAIN, N "tcp_fin_timeout=30 ; x", PLAIN },
	{ "FMT007", N "tcp_fin_timeout=-1", PLAIN, N "tcp_adv_win_scale=-2", PLAIN },
	{ "FMT008", N "tcp_sack=2", PLAIN, N "tcp_ecn=2", PLAIN },
	{ "FMT009", N "ip_local_reserved_ports=9-5", PLAIN, N "ip_local_reserved_ports=5-9,80", PLAIN },
	{ "FMT009", N "ip_local_reserved_ports=80, 81", PLAIN, N "ip_local_reserved_ports=80,81", PLAIN },
	{ "TW001", N "tcp_tw_recycle=1", K410, N "tcp_tw_recycle=0", PLAIN },
	{ "TW002", N "tcp_tw_reuse=1\n" N "tcp_timestamps=0", PLAIN,
	        N "tcp_tw_reuse=1\n" N "tcp_timestamps=1", PLAIN },
	{ "TW002", N "tcp_tw_reuse=1\n" N "tcp_timestsmps=0", PLAIN,
	        N "tcp_tw_reuse=2\n" N "tcp_timestsmps=0", PLAIN },
	{ "TW003", N "tcp_tw_reuse=1", PLAIN, N "tcp_tw_reuse=2", PLAIN },
	{ "TW004", N "tcp_fin_timeout=30 # shorter TIME-WAIT", PLAIN, N "tcp_fin_timeout=30 # FIN_WAIT_2",
	        PLAIN },
	{ "TW004", "# 2 MSL\n" N "tcp_fin_timeout=30", PLAIN,
	        "# does not change TIME_WAIT\n" N "tcp_fin_timeout=30", PLAIN },
	{ "TW005", N "tcp_fin_timeout=9", PLAIN, N "tcp_fin_timeout=10", PLAIN },
	{ "TW006", N "tcp_max_tw_buckets=32767", PLAIN, N "tcp_max_tw_buckets=32768", PLAIN },
	{ "TW007", N "tcp_max_tw_buckets=0", PLAIN, N "tcp_max_tw_buckets=1", PLAIN },
	{ "TW007", N "tcp_max_tw_buckets=-1", PLAIN, N "tcp_max_tw_buckets=200000", PLAIN },
	{ "TW008", N "tcp_tw_reuse_delay=999", PLAIN, N "tcp_tw_reuse_delay=1000", PLAIN },
	{ "TW009", N "tcp_tw_reuse=1\n" N "tcp_rfc1337=0", PLAIN, N "tcp_tw_reuse=1\n" N "tcp_rfc1337=1",
	        PLAIN },
	{ "TW009", N "tcp_tw_reuse=1", LIVE, N "tcp_tw_reuse=1", PLAIN },
	{ "TW010", F "tcp_timeout_time_wait=29", PLAIN, F "tcp_timeout_time_wait=30", PLAIN },
	{ "TW011", N "tcp_max_tw_buckets=700000", PLAIN, N "tcp_max_tw_buckets=600000", PLAIN },
	{ "DOC001", N "tcp_max_tw_buckets=6 # lower it to reduce TIME_WAIT", PLAIN,
	        N "tcp_max_tw_buckets=6 # a safety limit", PLAIN },
	{ "PORT001", N "ip_local_port_range=10000 65000", PLAIN, N "ip_local_port_range=10000 64999", PLAIN },
	{ "PORT002", N "ip_local_port_range=8000 64999", PLAIN, N "ip_local_port_range=32768 60999", PLAIN },
	{ "PORT002", N "ip_local_port_range=32768 60999", LISTEN,
	        N "ip_local_port_range=32768 60999\n" N "ip_local_reserved_ports=39999-40001", LISTEN },
	{ "PORT003", N "ip_local_port_range=1000 60999", PLAIN, N "ip_local_port_range=1024 60999", PLAIN },
	{ "PORT003", N "ip_local_port_range=2000 60999\n" N "ip_unprivileged_port_start=3000", PLAIN,
	        N "ip_local_port_range=3000 60999\n" N "ip_unprivileged_port_start=3000", PLAIN },
	{ "PORT004", N "ip_local_port_range=60999 32768", PLAIN, N "ip_local_port_range=32768 60999", PLAIN },
	{ "PORT005", "", TIGHT, "", LIVE },
	{ "PORT006", "# only 65535 ports in all", PLAIN, "# 28232 ports for each destination", PLAIN },
	{ "PORT006", "# connections end at 65k", PLAIN, N "ip_local_port_range=1024 65535", PLAIN },
	{ "PORT006", C "somaxconn=1 # \xe7\xab\xaf\xe5\x8f\xa3 65536", PLAIN,
	        "# " N "ip_local_port_range = 1024 65535", PLAIN },
	{ "PORT007", N "ip_local_reserved_ports=33000-41000", LIVE, N "ip_local_reserved_ports=33000-33100",
	        LIVE },
	{ "PORT008", N "ip_local_reserved_ports=8080", LIVE, N "ip_local_reserved_ports=8080,33000", LIVE },
	{ "PORT009", N "ip_autobind_reuse=1", PLAIN, N "ip_autobind_reuse=0", PLAIN },
	{ "PORT010", N "ip_local_port_range=20000 60999", KUBE, N "ip_local_port_range=32768 60999", KUBE },
	{ "PORT010", N "ip_local_port_range=20000 60999", KUBE,
	        N "ip_local_port_range=20000 60999\n" N "ip_local_reserved_ports=30000-32767", KUBE },
	{ "PORT011", N "ip_local_port_range=40000 41001", PLAIN, N "ip_local_port_range=40000 42001", PLAIN },
	{ "BL001", C "somaxconn=4097", PLAIN, C "somaxconn=4096", PLAIN },
	{ "BL002", N "tcp_max_syn_backlog=8192", LIVE, N "tcp_max_syn_backlog=512", LIVE },
	{ "BL002", N "tcp_max_syn_backlog=4000", LIVE, N "tcp_max_syn_backlog=4000\n" N "tcp_syncookies=0",
	        LIVE },
	{ "BL003", N "tcp_syncookies=0", PLAIN, N "tcp_syncookies=1", PLAIN },
	{ "BL004", N "tcp_syncookies=2", PLAIN, N "tcp_syncookies=1", PLAIN },
	{ "BL005", N "tcp_abort_on_overflow=1", PLAIN, N "tcp_abort_on_overflow=0", PLAIN },
	{ "BL006", N "tcp_timestamps=0", LIVE, N "tcp_timestamps=0\n" N "tcp_syncookies=0", LIVE },
	{ "BL007", C "somaxconn=1048577", PLAIN, C "somaxconn=65536", PLAIN },
	{ "BL007", C "somaxconn=65536", K45, C "somaxconn=65535", K45 },
	{ "BL008", N "tcp_synack_retries=2", PLAIN, N "tcp_synack_retries=3", PLAIN },
	{ "BL009", C "netdev_max_backlog=10001", PLAIN, C "netdev_max_backlog=10000", PLAIN },
	{ "BL009", C "netdev_max_backlog=10001", PLAIN, C "netdev_max_backlog=10001", DROPS },
	{ "TMO001", N "tcp_syn_retries=2", PLAIN, N "tcp_syn_retries=3", PLAIN },
	{ "TMO002", N "tcp_retries2=7", PLAIN, N "tcp_retries2=8", PLAIN },
	{ "TMO003", N "tcp_keepalive_time=1200", PLAIN,
	        N "tcp_keepalive_time=1200\n" N "tcp_keepalive_intvl=30", PLAIN },
	{ "TMO004", F "tcp_timeout_established=7200", LIVE, F "tcp_timeout_established=7201", LIVE },
	{ "TMO005", N "tcp_orphan_retries=1", PLAIN, N "tcp_orphan_retries=0", PLAIN },
	{ "TMO006", N "tcp_retries1=2", PLAIN, N "tcp_retries1=3", PLAIN },
	{ "TMO007", N "tcp_rto_min_us=4999", PLAIN, N "tcp_rto_min_us=5000", PLAIN },
	{ "TMO007", N "tcp_rto_max_ms=60000", PLAIN, N "tcp_rto_max_ms=60000\n" N "tcp_retries2=15", PLAIN },
	{ "TMO008", N "tcp_keepalive_probes=1", PLAIN, N "tcp_keepalive_probes=2", PLAIN },
	{ "TMO008", N "tcp_keepalive_intvl=4", PLAIN, N "tcp_keepalive_intvl=5", PLAIN },
	{ "MEM001", N "tcp_mem=3 2 4", PLAIN, N "tcp_mem=2 3 4", PLAIN },
	{ "MEM001", N "udp_mem=3 2 4", PLAIN, N "udp_mem=3 3 3", PLAIN },
	{ "MEM002", N "tcp_mem=1 2 2097153", PLAIN, N "tcp_mem=1 2 2000000", PLAIN },
	{ "MEM003", N "tcp_mem=1 2 3", PLAIN, N "tcp_mem=96000 128000 192000", PLAIN },
	{ "MEM003", N "tcp_mem=1 2 1000000", PLAIN, N "tcp_mem=1 2 700000", PLAIN },
	{ "MEM004", N "tcp_max_orphans=65537", PLAIN, N "tcp_max_orphans=65536", PLAIN },
	{ "MEM005", N "tcp_max_orphans=32767", PLAIN, N "tcp_max_orphans=32768", PLAIN },
	{ "MEM006", C "rmem_default=1048577", PLAIN, C "rmem_default=1048576", PLAIN },
	{ "MEM006", C "wmem_default=8388608", PLAIN, C "wmem_max=8388608", PLAIN },
	{ "MEM007", C "wmem_max=67108865", PLAIN, C "wmem_max=67108864", PLAIN },
	{ "MEM008", "", BUSY, "", LIVE },
	{ "BUF001", N "tcp_rmem=8192 4096 16384", PLAIN, N "tcp_rmem=4096 8192 16384", PLAIN },
	{ "BUF002", N "tcp_rmem=4096 131072 6291456", PLAIN, N "tcp_rmem=4096 131072 6291456", K61 },
	{ "BUF002", N "tcp_wmem=4096 16384 4194303", PLAIN, N "tcp_wmem=4096 16384 4194304", PLAIN },
	{ "BUF003", C "rmem_max=400001\n" N "tcp_rmem=4096 8192 100000", PLAIN,
	        C "rmem_max=400000\n" N "tcp_rmem=4096 8192 100000", PLAIN },
	{ "BUF004", N "tcp_wmem=4096 262145 4194304", PLAIN, N "tcp_wmem=4096 262144 4194304", PLAIN },
	{ "BUF005", N "tcp_window_scaling=0", PLAIN, N "tcp_window_scaling=1", PLAIN },
	{ "BUF006", N "tcp_moderate_rcvbuf=0", PLAIN, N "tcp_moderate_rcvbuf=1", PLAIN },
	{ "BUF007", "", BIG_PATH, N "tcp_rmem=4096 131072 40000000", BIG_PATH },
	{ "BUF008", N "tcp_rmem=4095 131072 33554432", PLAIN, N "tcp_rmem=4096 131072 33554432", PLAIN },
	{ "OPT001", N "tcp_timestamps=0", PLAIN, N "tcp_timestamps=1", PLAIN },
	{ "OPT001", N "tcp_timestsmps=0", PLAIN, N "tcp_timestsmps=1", PLAIN },
	{ "OPT002", N "tcp_sack=0", PLAIN, N "tcp_sack=1", PLAIN },
	{ "OPT002", N "tcp_dsack=0", PLAIN, N "tcp_dsack=1", PLAIN },
	{ "OPT003", N "tcp_timestamps=2", PLAIN, N "tcp_timestamps=1", PLAIN },
	{ "OPT004", N "tcp_ecn=1\n" N "tcp_ecn_fallback=0", PLAIN, N "tcp_ecn_fallback=0", LIVE },
	{ "OPT005", N "tcp_fastopen=4", PLAIN, N "tcp_fastopen=3", PLAIN },
	{ "OPT005", N "tcp_fastopen=1024", PLAIN, N "tcp_fastopen=1026", PLAIN },
	{ "OPT006", N "tcp_challenge_ack_limit=1000", PLAIN, N "tcp_challenge_ack_limit=2147483647", PLAIN },
	{ "OPT006", N "tcp_challenge_ack_limit=999", K410, N "tcp_challenge_ack_limit=1000", K410 },
	{ "OPT007", N "tcp_slow_start_after_idle=0", PLAIN,
	        N "tcp_slow_start_after_idle=0\n" N "tcp_congestion_control=bbr", PLAIN },
	{ "OPT007", N "tcp_slow_start_after_idle=0", LIVE,
	        N "tcp_slow_start_after_idle=0\n" C "default_qdisc=fq", LIVE },
	{ "CC001", N "tcp_congestion_control=bbr", LIVE, N "tcp_congestion_control=cubic", LIVE },
	{ "CC001", N "tcp_congestion_control=cubic", CHILD, N "tcp_congestion_control=reno", CHILD },
	{ "CC002", N "tcp_congestion_control=bbr", K45, N "tcp_congestion_control=bbr", PLAIN },
	{ "CC002", N "tcp_congestion_control=bbr", K410,
	        N "tcp_congestion_control=bbr\n" C "default_qdisc=fq", K410 },
	{ "CC003", C "default_qdisc=fq", PLAIN, C "somaxconn=1", PLAIN },
	{ "CC004", N "tcp_congestion_control=reno", PLAIN,
	        N "tcp_congestion_control=reno\n" N "tcp_allowed_congestion_control=reno", PLAIN },
	{ "CT001", F "max=262145", LIVE, F "max=262144", LIVE },
	{ "CT002", "", LIVE, F "max=262144", LIVE },
	{ "CT003", F "max=3000000", PLAIN, F "max=2600000", PLAIN },
	{ "CT004", F "max=1\nnet.nf_conntrack_max=2", PLAIN, F "max=1\nnet.nf_conntrack_max=1", PLAIN },
	{ "NET001", N "conf.all.rp_filter=1", MULTI, N "conf.all.rp_filter=1", PLAIN },
	{ "NET001", N "conf.all.rp_filter=1", MULTI, N "conf.all.rp_filter=2", MULTI },
	{ "NET002", N "neigh.default.gc_thresh3=500", LIVE, N "neigh.default.gc_thresh3=512", LIVE },
	{ "NET003", N "conf.all.accept_redirects=0\n" N "ip_forward=1", PLAIN,
	        N "ip_forward=1\n" N "conf.all.accept_redirects=0", PLAIN },
	{ "NET004", N "conf.default.rp_filter=2", PLAIN,
	        N "conf.default.rp_filter=2\n" N "conf.all.rp_filter=2", PLAIN },
	{ "LIM001", "fs.nr_open=1048576", FILES, "fs.nr_open=2000000", FILES },
	{ "LIM001", "fs.file-max=1000", LIVE, "fs.file-max=1048576", LIVE },
	{ "SEC001", N "ip_unprivileged_port_start=80", PLAIN, N "ip_unprivileged_port_start=1024", PLAIN },
	{ "APL001", N "tcp_reordering=400\n" N "tcp_max_reordering=500", PLAIN,
	        N "tcp_max_reordering=500\n" N "tcp_reordering=400", PLAIN },
	{ "APL001", N "ip_local_port_range=1000 60999\n" N "ip_unprivileged_port_start=900", PLAIN,
	        N "ip_unprivileged_port_start=900\n" N "ip_local_port_range=1000 60999", PLAIN },
	{ "APL002", "", CONTAINERS, "", PLAIN },
	{ "APL003", N "tcp_wmem=5000 0 7", PLAIN, N "tcp_wmem=5000 6000 7000", PLAIN },
};

static void each_rule_finds_and_leaves(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		print_message("%s: %s\n", rows[i].id, rows[i].bad);
		struct lint_report *bad = lint(rows[i].bad, rows[i].bad_place);
		struct lint_report *good = lint(rows[i].good, rows[i].good_place);
		assert_true(count(bad, rows[i].id) >= 1);
		assert_int_equal(count(good, rows[i].id), 0);
		lint_report_free(bad);
		lint_report_free(good);
	}
}

/* FMT010 needs a long text of its own. */
static void long_port_lists_are_told(void **state)
{
	(void)state;
	static char text[16384];
	size_t n = (size_t)snprintf(text, sizeof text, N "ip_local_reserved_ports=1");
	for (unsigned p = 3; p < 2400; p += 2)
		n += (size_t)snprintf(text + n, sizeof text - n, ",%u", p);
	struct lint_report *r = lint(text, PLAIN);
	assert_int_equal(count(r, "FMT010"), 1);
	assert_int_equal(count(r, "FMT009"), 0);
	lint_report_free(r);
	text[1000] = '\0';
	r = lint(text, PLAIN);
	assert_int_equal(count(r, "FMT010"), 0);
	lint_report_free(r);
}

/* Every rule is listed, has a row above, and says what to do and where that is known from. */
static void the_list_of_rules_is_whole(void **state)
{
	(void)state;
	const char *const *id = lint_ids();
	for (const struct lint_rule *const *table = lint_tables; *table; table++) {
		for (const struct lint_rule *r = *table; *r->id; r++, id++) {
			bool tested = strcmp(r->id, "FMT010") == 0;
			print_message("%s\n", r->id);
			assert_string_equal(*id, r->id);
			assert_true(r->fix[0] && r->sources[0]);
			for (size_t i = 0; i < LEN(rows); i++)
				tested = tested || strcmp(rows[i].id, r->id) == 0;
			assert_true(tested);
		}
	}
	assert_null(*id);
}

/* The rules that the article's list is known for: one finding or more of each, and of no other rule. */
static void the_article_hits_its_rules(void **state)
{
	(void)state;
	static const char *const known[] = { "BL001", "BL002", "BL006", "BL008", "BL009", "BUF002", "BUF003",
		"BUF004", "DOC001", "KEY001", "KEY002", "KEY005", "MEM001", "MEM002", "MEM003", "MEM004",
		"MEM006", "OPT001", "PORT001", "PORT002", "PORT006", "TMO001", "TMO003", "TW001", "TW002",
		"TW003", "TW004", "TW006", "TW009" };
	char *text = NULL;
	size_t len;
	assert_int_equal(
	        file_read(KEDGE_SOURCE_DIR "/policies/examples/article-2021.conf", 65536, &text, &len, NULL),
	        0);
	struct lint_target t = target_of(LIVE);
	struct conf *c = NULL;
	struct lint_report *r = NULL;
	assert_int_equal(LEN(known), 29);
	assert_int_equal(conf_parse(text, len, &c, NULL), 0);
	assert_int_equal(lint_run(c, &t, &r), 0);
	for (size_t i = 0; i < LEN(known); i++) {
		print_message("%s\n", known[i]);
		assert_true(count(r, known[i]) >= 1);
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct lint_finding *f = &r->findings[i];
		bool expected =
		        strcmp(f->id, "CT002") == 0; /* about the fill of the host, not about the list */
		print_message("line %u %s %s %s: %s\n", f->line, lint_severity_text(f->severity), f->id,
		        f->name.path, f->message);
		for (size_t j = 0; j < LEN(known); j++)
			expected = expected || strcmp(f->id, known[j]) == 0;
		assert_true(expected);
		assert_true(i == 0 || f[-1].line <= f->line);
	}
	lint_report_free(r);
	conf_free(c);
	file_free(text);
}

static void no_worse_than_info(const struct policy *p)
{
	struct lint_target t = target_of(PLAIN);
	struct lint_report *r = NULL;
	assert_int_equal(lint_policy(p, &t, &r), 0);
	for (size_t i = 0; i < r->n; i++) {
		print_message(
		        "%s %s: %s\n", r->findings[i].id, r->findings[i].name.path, r->findings[i].message);
		assert_int_equal(r->findings[i].severity, LINT_INFO);
	}
	lint_report_free(r);
}

static unsigned lint_count(const struct policy *p, const struct lint_target *t, const char *id)
{
	struct lint_report *r = NULL;
	assert_int_equal(lint_policy(p, t, &r), 0);
	unsigned n = count(r, id);
	lint_report_free(r);
	return n;
}

/* A floor is judged by what it comes to on the host: at least 100 with 4096 there is 4096. */
static void bounds_are_judged_by_what_they_come_to(void **state)
{
	struct policy *p = NULL;
	struct setting *s = NULL;
	const struct name n = { V4 "tcp_max_tw_buckets" };
	struct lint_target known = target_of(LIVE), unknown = known;
	static const char *const now[][2] = { { V4 "tcp_max_tw_buckets", "262144" }, { NULL, NULL } };
	(void)state;

	known.current = host_current;
	known.ctx = (void *)(uintptr_t)now;
	unknown.current = NULL;
	assert_int_equal(policy_new("t", 1, &p), 0);
	assert_int_equal(policy_append_bound(p, &n, BOUND_AT_LEAST, "6000", NULL, &s, NULL), 0);
	assert_int_equal(lint_count(p, &known, "TW006"), 0);
	assert_int_equal(lint_count(p, &unknown, "TW006"), 1);
	s->bound = BOUND_NONE;
	assert_int_equal(lint_count(p, &known, "TW006"), 1);
	policy_free(p);
}

static void the_kernels_defaults_are_clean(void **state)
{
	(void)state;
	/* What the kernel computes on a host with 8 GiB. */
	static const char *const computed[][2] = { { V4 "tcp_rmem", "4096 131072 33554432" },
		{ V4 "tcp_wmem", "4096 16384 4194304" }, { V4 "tcp_mem", "96000 128000 192000" },
		{ V4 "udp_mem", "192000 256000 384000" }, { V4 "tcp_max_orphans", "32768" },
		{ V4 "tcp_max_tw_buckets", "32768" }, { CORE "rmem_default", "212992" },
		{ CORE "wmem_default", "212992" }, { CORE "rmem_max", "4194304" },
		{ CORE "wmem_max", "4194304" } };
	struct policy *p = NULL;
	size_t n;
	const struct knob *all = knowledge_all(&n);
	assert_int_equal(policy_new("defaults", 1, &p), 0);
	for (size_t i = 0; i < n; i++) {
		struct name name = { { 0 } };
		const char *value = knowledge_doc(&all[i]).initial;
		memcpy(name.path, all[i].path, sizeof all[i].path);
		for (size_t j = 0; j < LEN(computed); j++)
			value = strcmp(computed[j][0], all[i].path) == 0 ? computed[j][1] : value;
		if (value && !all[i].read_only && !all[i].removed && all[i].added <= KERNEL(6, 18) &&
		        all[i].danger == KNOB_PLAIN)
			assert_int_equal(policy_append(p, &name, value, NULL, NULL, NULL), 0);
	}
	assert_true(p->n > 120);
	no_worse_than_info(p);
	policy_free(p);
}

static void what_we_ship_is_clean(void **state)
{
	(void)state;
	char *text = NULL, line[1024];
	size_t len;
	struct policy *p = NULL;
	struct fault f = { 0 };
	assert_int_equal(
	        file_read(KEDGE_SOURCE_DIR "/policies/shipped/article-2021.json", 65536, &text, &len, NULL),
	        0);
	if (policy_parse(text, len, &p, &f))
		fail_msg("%s", fault_line(&f, line, sizeof line));
	for (size_t i = 0; i < p->n; i++) {
		assert_non_null(p->settings[i].why);
		assert_int_equal(p->settings[i].knob->scope, KNOB_NETNS);
	}
	no_worse_than_info(p);
	policy_free(p);
	file_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_finds_and_leaves),
		cmocka_unit_test(long_port_lists_are_told),
		cmocka_unit_test(the_list_of_rules_is_whole),
		cmocka_unit_test(the_article_hits_its_rules),
		cmocka_unit_test(bounds_are_judged_by_what_they_come_to),
		cmocka_unit_test(the_kernels_defaults_are_clean),
		cmocka_unit_test(what_we_ship_is_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
