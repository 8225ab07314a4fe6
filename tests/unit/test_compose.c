/* Bodies of records: exact text, and a line that the record reader takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/report/compose.h"
#include "proto/signkey.h"

static struct buf out;

static int set_up(void **state)
{
	(void)state;
	out = BUF_INIT(RECORD_MAX_BYTES);
	return 0;
}

/* Can the body be sent? */
static int tear_down(void **state)
{
	(void)state;
	unsigned char seed[SIGNKEY_SEED_LEN] = { 7 };
	struct chain c = { .host = "web1", .epoch = 1, .seq = 1 };
	struct buf line = BUF_INIT(RECORD_MAX_BYTES + 1);
	struct signkey *key;
	struct record r;
	struct fault f;
	assert_int_equal(signkey_from_seed(seed, &key, NULL), 0);
	assert_int_equal(record_append(&c, RECORD_APPLY, 1790000000, "0f8e1c2d-0000-4000-8000-123456789abc",
	                         buf_text(&out), out.len, key, &line, &f),
	        0);
	assert_int_equal(record_parse(line.data, line.len - 1, &r, &f), 0);
	record_clear(&r);
	signkey_free(key);
	buf_free(&line);
	buf_free(&out);
	return 0;
}

static void a_drift(void **state)
{
	(void)state;
	char wanted[] = "30", old[] = "30", new[] = "60", policy[] = "web";
	struct drift d = { .key = { "net/ipv4/conf/eth0.100/rp_filter" },
		.wanted = wanted,
		.old = old,
		.new_value = new,
		.mode = SETTING_ENFORCE,
		.action = DRIFT_RESTORED,
		.source = DRIFT_FANOTIFY,
		.policy = policy,
		.version = 3,
		.writer = { .state = WRITER_KNOWN,
		        .pid = 7,
		        .loginuid = -1,
		        .uid = 0,
		        .comm = "sysctl",
		        .cgroup = "/user.slice",
		        .cmdline = "sysctl -w a=b",
		        .word_len = 6,
		        .n_chain = 1,
		        .chain = { { 5, "ba\"sh" } } } };
#define HEAD                                                                                                 \
	"{\"key\":\"net.ipv4.conf.eth0/100.rp_filter\",\"wanted\":\"30\",\"old\":\"30\",\"new\":\"60\","     \
	"\"mode\":\"enforce\",\"action\":\"restored\",\"source\":\"fanotify\",\"policy\":\"web\","           \
	"\"version\":3,"
#define WHO "\"pid\":7,\"comm\":\"sysctl\",\"loginuid\":-1,\"uid\":0,\"cgroup\":\"/user.slice\","
	compose_drift(&d, false, &out);
	assert_string_equal(buf_text(&out), HEAD
	        "\"writer\":{" WHO "\"cmdline\":\"sysctl\",\"chain\":[{\"pid\":5,\"comm\":\"ba\\\"sh\"}]}}");
	buf_clear(&out);
	d.writer.n_chain = 0;
	compose_drift(&d, true, &out);
	assert_string_equal(buf_text(&out), HEAD "\"writer\":{" WHO "\"cmdline\":\"sysctl -w a=b\"}}");
	buf_clear(&out);
	d.source = DRIFT_BPF;
	snprintf(d.writer.exe, sizeof d.writer.exe, "busybox");
	compose_drift(&d, true, &out);
	assert_non_null(strstr(buf_text(&out), "\"source\":\"bpf\""));
	assert_non_null(strstr(buf_text(&out), "\"cmdline\":\"sysctl -w a=b\",\"exe\":\"busybox\"}}"));
	/* Refused: nothing changed, and how often it was tried. */
	buf_clear(&out);
	d.mode = SETTING_LOCK;
	d.action = DRIFT_REFUSED;
	d.attempts = 7;
	compose_drift(&d, true, &out);
	assert_non_null(
	        strstr(buf_text(&out), "\"mode\":\"lock\",\"action\":\"refused\",\"source\":\"bpf\""));
	assert_non_null(strstr(buf_text(&out), ",\"attempts\":7}"));
	d.mode = SETTING_ENFORCE;
	d.action = DRIFT_RESTORED;
	d.attempts = 0;
	d.source = DRIFT_FANOTIFY;
	buf_clear(&out);
	d.writer.state = WRITER_GONE;
	d.coupled = true;
	d.coupled_with = (struct name){ "net/ipv4/ip_forward" };
	compose_drift(&d, false, &out);
	assert_string_equal(buf_text(&out),
	        HEAD "\"writer\":{\"state\":\"exited before "
	             "identified\",\"pid\":7},\"coupled_with\":\"net.ipv4.ip_forward\"}");
	buf_clear(&out);
	d.writer.state = WRITER_UNKNOWN;
	d.coupled = false;
	compose_drift(&d, false, &out);
	assert_string_equal(buf_text(&out), HEAD "\"writer\":{\"state\":\"unknown\"}}");
}

static void an_apply(void **state)
{
	(void)state;
	struct setting s = { 0 };
	char old[] = "60", got[] = "16";
	struct plan_key keys[] = {
		{ .name = { "net/ipv4/tcp_fin_timeout" },
		        .setting = &s,
		        .outcome = OUTCOME_APPLIED,
		        .wanted = "30",
		        .old = old },
		{ .name = { "net/ipv4/tcp_x" },
		        .setting = &s,
		        .outcome = OUTCOME_MISMATCH,
		        .wanted = "10",
		        .old = old,
		        .got = got },
		{ .name = { "net/ipv4/tcp_y" },
		        .setting = &s,
		        .outcome = OUTCOME_PENDING,
		        .reason = REASON_MODULE,
		        .detail = "nf_conntrack",
		        .wanted = "1" },
	};
	struct plan p = { .keys = keys, .n = 3, .hash = { 0xab } };
	struct compose_apply a = {
		.policy = "web", .version = 3, .serial = 7, .result = APPLY_FAILED, .reason = "r", .plan = &p
	};
#define HASH "\"plan\":\"ab00000000000000000000000000000000000000000000000000000000000000\","
	compose_apply(&a, &out);
	assert_string_equal(buf_text(&out),
	        "{\"policy\":\"web\",\"version\":3,\"serial\":7," HASH
	        "\"result\":\"failed\",\"reason\":\"r\",\"keys\":["
	        "{\"key\":\"net.ipv4.tcp_fin_timeout\",\"outcome\":\"applied\",\"old\":\"60\",\"new\":\"30\"}"
	        ","
	        "{\"key\":\"net.ipv4.tcp_x\",\"outcome\":\"mismatch\",\"old\":\"60\",\"new\":\"60\","
	        "\"detail\":\"mismatch: the kernel stored 16\"},"
	        "{\"key\":\"net.ipv4.tcp_y\",\"outcome\":\"pending\","
	        "\"detail\":\"pending: kernel module nf_conntrack is not loaded\"}]}");
	buf_clear(&out);
	a = (struct compose_apply){
		.policy = "web", .version = 3, .serial = 7, .result = APPLY_CONFIRMED, .plan_hash = p.hash
	};
	compose_apply(&a, &out);
	assert_string_equal(buf_text(&out), "{\"policy\":\"web\",\"version\":3,\"serial\":7," HASH
	                                    "\"result\":\"confirmed\",\"keys\":[]}");
}

static void long_values_are_cut(void **state)
{
	(void)state;
	char *ports = malloc(84001), policy[] = "web", wanted[] = "1";
	assert_non_null(ports);
	memset(ports, '7', 84000);
	ports[84000] = '\0';
	struct drift d = { .key = { "net/ipv4/ip_local_reserved_ports" },
		.wanted = wanted,
		.new_value = ports,
		.policy = policy };
	compose_drift(&d, false, &out);
	assert_int_equal(out.rc, 0);
	assert_true(out.len < COMPOSE_VALUE_MAX + 500);
	assert_non_null(strstr(buf_text(&out), "777...\""));
	assert_null(strstr(buf_text(&out), "\"old\""));
	free(ports);
}

static void refusal_and_gap(void **state)
{
	(void)state;
	struct fault f;
	fault_set(&f, KE_SIGNATURE, "2.targets.json", "sign it", "1 of 2 signatures");
	compose_refusal(REFUSAL_METADATA, "targets", &f, -1, &out);
	assert_string_equal(buf_text(&out),
	        "{\"what\":\"metadata\",\"name\":\"targets\",\"code\":\"signature\","
	        "\"reason\":\"2.targets.json: 1 of 2 signatures; sign it\"}");
	buf_clear(&out);
	compose_refusal(REFUSAL_ROLLOUT, "web", &f, 7, &out);
	assert_non_null(strstr(buf_text(&out), "\"what\":\"rollout\""));
	assert_non_null(strstr(buf_text(&out), ",\"serial\":7}"));
	buf_clear(&out);
	compose_gap(NULL, 3, 9, 7, &out);
	assert_string_equal(buf_text(&out), "{\"kind\":\"unknown\",\"from_seq\":3,\"to_seq\":9,\"count\":7}");
}

static void an_override(void **state)
{
	const struct writer by = { .state = WRITER_KNOWN,
		.pid = 7,
		.loginuid = 1000,
		.uid = 0,
		.comm = "kedge-agent",
		.cmdline = "kedge-agent override set",
		.word_len = 11 };
	struct compose_override o = { .action = "set",
		.key = "net.core.somaxconn",
		.value = "128",
		.policy = "web",
		.reason = "incident",
		.seconds = 60,
		.until = 1790000000,
		.by = &by };
	(void)state;

	compose_override(&o, false, &out);
	assert_string_equal(buf_text(&out),
	        "{\"action\":\"set\",\"scope\":\"key\",\"key\":\"net.core.somaxconn\",\"value\":\"128\","
	        "\"policy\":\"web\",\"reason\":\"incident\",\"seconds\":60,\"until\":\"2026-09-21T14:13:"
	        "20Z\","
	        "\"by\":{\"pid\":7,\"comm\":\"kedge-agent\",\"loginuid\":1000,\"uid\":0,\"cgroup\":\"\","
	        "\"cmdline\":\"kedge-agent\"}}");
	buf_clear(&out);
	o = (struct compose_override){
		.action = "dropped", .reason = "r", .why = "w", .seconds = 1, .until = 0
	};
	compose_override(&o, false, &out);
	assert_string_equal(buf_text(&out),
	        "{\"action\":\"dropped\",\"scope\":\"host\",\"reason\":\"r\",\"why\":\"w\",\"seconds\":1,"
	        "\"until\":\"1970-01-01T00:00:00Z\"}");
}

static void a_status(void **state)
{
	(void)state;
	struct status_policy policies[] = { { "web", 3, 7, "applied" } };
	struct status_process processes[] = { { "keeper", 10, 990, "0000000000001000", 1, 2 } };
	struct status_label labels[] = { { "role", "web" } };
	struct compose_status s = { .kernel = "6.18.44",
		.uptime_s = 5,
		.policies = policies,
		.n_policies = 1,
		.root = 1,
		.timestamp = 2,
		.snapshot = 3,
		.targets = 4,
		.timestamp_expires = 1790000000,
		.in_sync = true,
		.facts_kernel = "6.18",
		.memory_bytes = 1024,
		.cpus = 2,
		.labels = labels,
		.n_labels = 1,
		.processes = processes,
		.n_processes = 1,
		.attribution = "fanotify",
		.source = "bpf",
		.coverage = "partial",
		.confinement = "full",
		.clock = "ok",
		.spool_first = 1,
		.spool_last = 9,
		.spool_bytes = 4096 };
	compose_status(&s, &out);
	assert_string_equal(buf_text(&out),
	        "{\"agent_version\":\"" KEDGE_VERSION
	        "\",\"kernel\":\"6.18.44\",\"uptime_s\":5,\"policies\":[{\"name\":\"web\","
	        "\"version\":3,\"serial\":7,\"state\":\"applied\"}],\"trust\":{\"root\":1,\"timestamp\":2,"
	        "\"snapshot\":3,"
	        "\"targets\":4,\"timestamp_expires\":\"2026-09-21T14:13:20Z\"},\"in_sync\":true,\"drifted\":"
	        "0,\"facts\":{"
	        "\"kernel\":\"6.18\",\"memory_bytes\":1024,\"cpus\":2,\"labels\":{\"role\":\"web\"}},"
	        "\"processes\":[{\"name\":"
	        "\"keeper\",\"pid\":10,\"uid\":990,\"cap_eff\":\"0000000000001000\",\"no_new_privs\":1,"
	        "\"seccomp\":2}],"
	        "\"attribution\":\"fanotify\",\"source\":\"bpf\",\"coverage\":\"partial\",\"locked\":0,"
	        "\"confinement\":"
	        "\"full\",\"clock\":\"ok\",\"spool\":{\"first_"
	        "seq\":1,"
	        "\"last_seq\":9,\"bytes\":4096}}");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = { T(a_drift), T(an_apply), T(long_values_are_cut),
		T(refusal_and_gap), T(an_override), T(a_status) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
